"""The images that the cluster can pull: ours, and those of the samples and the tests."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from tests.support.node import dockerfile
from tests.support.node.images import Images, files

if TYPE_CHECKING:
    from tests.support.node.parts import Parts

_CRONJOB = Path(__file__).parents[3] / "kustomize/cronjob/cronjob.yaml"
_APPLETS = (
    "cat date dd df echo env false free grep head id kill ls mkdir ps rm sh sleep tail true wc"
)


def publish(parts: Parts, folder: Path) -> None:
    """Make the images that the cluster can pull, in ``folder``, an existing one.

    Raises:
        BuildError: a step of the Dockerfile failed.
    """
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
