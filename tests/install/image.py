"""The Dockerfile's own steps, in a folder: what can be tried of an image without a registry."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass, field
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
DOCKERFILE = REPOSITORY / "Dockerfile"

# Where the image has everything that isn't its base's.
PREFIX = "/opt/cnat"
# Where the base has Python's standard library; and here, the Python that runs the tests.
BASE_LIB = "/usr/local/lib"
STDLIB = Path(sysconfig.get_path("stdlib"))
_NOT_IN_THE_BASE = ("__pycache__", "site-packages", "test", "tests", "idle_test", "config-*")


class BuildError(Exception):
    """A step failed. The text has the step and its output."""


@dataclass
class Image:
    """What the Dockerfile makes.

    Attributes:
        root: the folder that stands for `/`.
        entrypoint: the command, with PREFIX below `root`.
        user: as the Dockerfile has it.
        bases: what each stage starts from.
    """

    root: Path
    entrypoint: tuple[str, ...] = ()
    user: str = ""
    bases: list[str] = field(default_factory=list)

    @property
    def prefix(self) -> Path:
        """Where PREFIX is."""
        return Path(f"{self.root}{PREFIX}")

    @property
    def stdlib(self) -> Path:
        """Where the standard library is, a copy of STDLIB."""
        return Path(f"{self.root}{BASE_LIB}", STDLIB.name)


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions: (name, arguments)."""
    lines = DOCKERFILE.read_text().splitlines()
    text = "\n".join(line for line in lines if not line.startswith("#")).replace("\\\n", " ")
    pairs = (line.split(maxsplit=1) for line in text.splitlines() if line.strip())
    return [(name.upper(), arguments) for name, arguments in pairs]


def build(root: Path) -> Image:
    """Carry out the Dockerfile below `root`, an existing folder.

    In its commands, PREFIX and BASE_LIB mean those below `root`: a virtual environment has to be
    made under the path that it is run from. The second stage is the same tree as the first.

    Raises:
        BuildError: a step failed, or is of a kind that isn't known here.
    """
    image = Image(root)
    workdir = root
    # As the base image has it: without compiled files.
    shutil.copytree(STDLIB, image.stdlib, ignore=shutil.ignore_patterns(*_NOT_IN_THE_BASE))
    for name, arguments in instructions():
        words = shlex.split(arguments)
        match name:
            case "ARG":
                pass
            case "FROM":
                image.bases.append(words[0])
            case "WORKDIR":
                workdir = Path(f"{root}{arguments}")
                workdir.mkdir(parents=True)
            case "COPY" if words == ["--from=build", PREFIX, PREFIX]:
                pass
            case "COPY" if len(words) == 2:
                source, target = words
                _copy(REPOSITORY / source, workdir / target.replace(PREFIX, str(image.prefix)))
            case "RUN":
                here = arguments.replace(PREFIX, str(image.prefix))
                _run(here.replace(BASE_LIB, f"{root}{BASE_LIB}"), workdir)
            case "USER":
                image.user = arguments
            case "ENTRYPOINT":
                command = json.loads(arguments)
                image.entrypoint = tuple(
                    word.replace(PREFIX, str(image.prefix)) for word in command
                )
            case _:
                raise BuildError(f"no such step is known here: {name} {arguments}")
    return image


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        # A link stays a link, as with Docker: what it points to may not be in the image.
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(source, target, symlinks=True, ignore=ignore)
    else:
        shutil.copy(source, target)


def _run(command: str, workdir: Path) -> None:
    # The python3 of the base image is here the one that runs the tests.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    result = subprocess.run(
        ["/bin/sh", "-c", command],
        cwd=workdir,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        raise BuildError(f"{command}\n{result.stdout}{result.stderr}")
