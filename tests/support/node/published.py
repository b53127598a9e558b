"""The images that the cluster can pull: ours, and those of the samples and the tests."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from tests.install.image import DOCKERFILE, REPOSITORY, instructions
from tests.support.controlplane import build
from tests.support.node import dockerfile
from tests.support.node.images import Images, files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.node.parts import Parts

_CRONJOB = REPOSITORY / "kustomize/cronjob/cronjob.yaml"
_APPLETS = (
    "cat date dd df echo env false free grep head id kill ls mkdir ps rm sh sleep tail true wc"
)


def images(parts: Parts, announce: Callable[[str], None]) -> Path:
    """Return a folder with the images of exactly these sources, made first if it is not there.

    Of other sources' images none stay; so ask while no other node is there that reads them.

    Raises:
        BuildError: a step of the Dockerfile failed.
    """
    digest = hashlib.sha256(f"{parts.python.name} {parts.runtime.name}".encode())
    for path in _sources():
        digest.update(f"{path.relative_to(REPOSITORY)} ".encode() + path.read_bytes())
    target = build.cache() / f"images-{digest.hexdigest()[:12]}"
    if target.is_dir():
        return target
    for other in build.cache().glob("images-*"):
        shutil.rmtree(other)
    announce("Making the images of this commit, once")
    scratch = target.with_name(f"{target.name}.building")
    scratch.mkdir()
    _publish(parts, scratch)
    return scratch.rename(target)


def _sources() -> Iterator[Path]:
    """What the images are made of, and what makes them."""
    yield from (DOCKERFILE, _CRONJOB, *sorted(Path(__file__).parent.glob("*.py")))
    for name, arguments in instructions():
        if name == "COPY" and not arguments.startswith("--from="):
            source = REPOSITORY / arguments.split()[0]
            found = [source] if source.is_file() else sorted(source.rglob("*"))
            yield from (path for path in found if path.is_file() and path.suffix != ".pyc")


def _publish(parts: Parts, folder: Path) -> None:
    store = Images(folder)
    scratch = folder / "scratch"
    scratch.mkdir()
    ours = dockerfile.build(parts.python, scratch)
    (cronjob,) = yaml.safe_load_all(_CRONJOB.read_text())
    (container,) = cronjob["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    store.publish([container["image"]], [parts.python, ours.upper], ours.config)
    busybox = {"bin/busybox": parts.runtime / "usr/bin/busybox"}
    links = {f"bin/{applet}": "busybox" for applet in _APPLETS.split()}
    small = files(scratch / "busybox", busybox, links)
    tags = [f"docker.io/library/busybox:{tag}" for tag in ("latest", "1.36", "1.37")]
    store.publish(tags, [small], {"Cmd": ["sh"]})
    # The name of this one is containerd's own default.
    store.publish(["registry.k8s.io/pause:3.8"], [small], {"Cmd": ["tail", "-f", "/dev/null"]})
    # The samples' image: of what is in it, they use bin/bash.
    store.publish(["docker.io/library/centos:7"], [parts.python], {"Cmd": ["/bin/bash"]})
    shutil.rmtree(scratch)
