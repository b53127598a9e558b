"""Our image by the Dockerfile's own steps, each in a chroot: no docker, and no registry to ask."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from tests.install.image import BASE_LIB, REPOSITORY, BuildError, instructions
from tests.support.node.images import PATH

# A chroot in which the stage lies over its base; the mounts end with it. What it takes to reach the
# package index from there, and to find the standard library where the Dockerfile's own base has it,
# lies in between, so that it doesn't become part of the image.
_RUN = r"""
mount -t overlay -o "lowerdir=$MACHINE:$BASE,upperdir=$UPPER,workdir=$WORK" overlay "$ROOT"
mount --rbind /dev "$ROOT/dev"
exec chroot "$ROOT" /bin/sh -c "$1"
"""
_MACHINE = ("/etc/resolv.conf", "/etc/hosts", "/etc/pip.conf", "/etc/ssl/certs/ca-certificates.crt")


@dataclass
class Stage:
    """One FROM: what its steps have laid over the base.

    Attributes:
        upper: the folder of what is not the base's.
        config: USER and ENTRYPOINT, as an image's configuration has them.
    """

    upper: Path
    config: dict[str, object] = field(default_factory=dict)
    workdir: str = "/"

    def path(self, name: str) -> Path:
        """Where a path of the Dockerfile is."""
        return Path(f"{self.upper}{os.path.join(self.workdir, name)}")  # noqa: PTH118  of strings


def build(base: Path, scratch: Path) -> Stage:
    """Carry out the Dockerfile on ``base``, a root folder with Python, and return its last stage.

    Args:
        base: stands for the image that both stages start from.
        scratch: an existing folder; the stage is in it.

    Raises:
        BuildError: a step failed, or is of a kind that isn't known here.
    """
    machine = scratch / "machine"
    for name in _MACHINE:
        if Path(name).exists():
            target = Path(f"{machine}{name}")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(name, target)
    library = Path(f"{machine}{BASE_LIB}")
    library.parent.mkdir(parents=True)
    library.symlink_to("/usr/lib")
    stages: dict[str, Stage] = {}
    stage = Stage(scratch)
    for name, arguments in instructions():
        words = shlex.split(arguments)
        match name:
            case "ARG":
                pass
            case "FROM":
                key = words[2] if len(words) > 2 else str(len(stages))
                stage = stages[key] = Stage(scratch / "stages" / key)
                stage.upper.mkdir(parents=True)
            case "WORKDIR":
                stage.workdir = arguments
                stage.path(".").mkdir(parents=True, exist_ok=True)
            case "COPY" if words[0].startswith("--from="):
                source = stages[words[0].removeprefix("--from=")].path(words[1])
                _copy(source, stage.path(words[2]))
            case "COPY" if len(words) == 2:
                _copy(REPOSITORY / words[0], stage.path(words[1]))
            case "RUN":
                _run(arguments, stage, base, scratch)
            case "USER":
                stage.config["User"] = arguments
            case "ENTRYPOINT":
                stage.config["Entrypoint"] = json.loads(arguments)
            case _:
                raise BuildError(f"no such step is known here: {name} {arguments}")
    return stage


def _copy(source: Path, target: Path) -> None:
    """As COPY: a folder's content into a folder, a file into a folder that ends in a slash."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        unwanted = shutil.ignore_patterns("__pycache__") if REPOSITORY in source.parents else None
        shutil.copytree(source, target, ignore=unwanted, symlinks=True, dirs_exist_ok=True)
    else:
        shutil.copy2(source, target)


def _run(command: str, stage: Stage, base: Path, scratch: Path) -> None:
    folders = {"UPPER": stage.upper, "WORK": scratch / "work", "ROOT": scratch / "root"}
    for folder in folders.values():
        folder.mkdir(exist_ok=True)
    places = {"BASE": base, "MACHINE": scratch / "machine", **folders}
    environ = {
        "PATH": PATH,
        "HOME": "/root",
        "PIP_CERT": _MACHINE[-1],
        "PIP_NO_CACHE_DIR": "1",
        "PIP_ROOT_USER_ACTION": "ignore",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    result = subprocess.run(
        ["unshare", "--mount", "/bin/sh", "-euc", _RUN, "run", f"cd {stage.workdir} && {command}"],
        env={**environ, **{name: str(path) for name, path in places.items()}},
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        raise BuildError(f"{command}\n{result.stdout}{result.stderr}")
