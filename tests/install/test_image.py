"""The image, as far as it can be tried without a registry: its own steps, its own command."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import Distribution, distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import cnat
from tests.install import container, image
from tests.install.conftest import UID
from tests.install.image import REPOSITORY, Image
from tests.install.overlay import KUSTOMIZE

LOCK = REPOSITORY / "requirements.lock"


def run(our_image: Image, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    mounts = {
        str(our_image.prefix): our_image.prefix,
        str(image.STDLIB): our_image.stdlib,
        "/samples": KUSTOMIZE / "samples",
    }
    return container.run([*our_image.entrypoint, *arguments], env=env, uid=UID, mounts=mounts)


def installed(our_image: Image) -> dict[str, Distribution]:
    """The Python packages in the image, by normalized name."""
    path = next(our_image.prefix.glob("lib/python*/site-packages"))
    return {canonicalize_name(each.name): each for each in distributions(path=[str(path)])}


def test_any_user_can_run_it_without_a_shell_or_a_writable_file(our_image: Image) -> None:
    result = run(our_image, "--version")
    assert (result.stdout, result.stderr) == (f"cnat {cnat.__version__}\n", "")


def test_it_has_all_that_the_command_needs(our_image: Image) -> None:
    result = run(our_image, "--filename=/samples", "--output=json", "--now=2023-05-21T02:00:00Z")
    assert result.returncode == 0, result.stderr
    rows = json.loads(result.stdout)["rows"]
    assert "cnrex" in [row["at"] for row in rows if row["kind"] == "start"]


def test_it_runs_on_a_folder(our_image: Image, tmp_path: Path) -> None:
    shutil.copy(KUSTOMIZE / "samples" / "at_cnrex.yaml", tmp_path)
    command = [*our_image.entrypoint, f"--local={tmp_path}"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, "1 start" in result.stdout) == (0, True), result.stderr


def test_its_user_is_a_number_and_not_root(our_image: Image) -> None:
    uid, gid = map(int, our_image.user.split(":"))
    assert uid > 0
    assert gid > 0


def test_its_command_is_no_shell_command() -> None:
    (command,) = (text for name, text in image.instructions() if name == "ENTRYPOINT")
    assert isinstance(json.loads(command), list)


def test_one_build_argument_pins_the_base_of_all_stages(our_image: Image) -> None:
    assert image.instructions()[0] == ("ARG", "PYTHON=python:3.13-slim")
    assert set(our_image.bases) == {"${PYTHON}"}


@pytest.mark.parametrize(
    "arguments", [[], ["--filename=/samples"], ["--local=/samples", "--dry-run"]]
)
def test_nothing_is_compiled_at_its_start(our_image: Image, arguments: list[str]) -> None:
    told = run(our_image, *arguments, PYTHONVERBOSE="1").stderr
    loaded = re.findall(r"^# code object from '?([^'\n]+)", told, re.MULTILINE)
    assert [path for path in loaded if not path.endswith(".pyc")] == []
    assert len(loaded) > 100


def test_all_it_copies_is_sent_to_the_builder() -> None:
    sources = {
        text.split()[0]
        for name, text in image.instructions()
        if name == "COPY" and "--from" not in text
    }
    lines = (REPOSITORY / ".dockerignore").read_text().splitlines()
    assert {line[1:] for line in lines if line.startswith("!")} == sources


def test_the_lock_has_what_the_project_asks_for_and_nothing_else(our_image: Image) -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    found = installed(our_image)
    queue = [Requirement(text) for text in project["dependencies"]]
    needed = set()
    while queue:
        requirement = queue.pop()
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        name = canonicalize_name(requirement.name)
        assert name in found, f"{requirement} is not in {LOCK.name}: make lock"
        assert found[name].version in requirement.specifier, f"{requirement}: make lock"
        if name not in needed:
            needed.add(name)
            queue += [Requirement(text) for text in found[name].requires or []]
    assert set(found) == needed


def test_the_locked_packages_agree_with_each_other(our_image: Image) -> None:
    check = [sys.executable, "-m", "pip", "--python", str(our_image.prefix), "check"]
    result = subprocess.run(check, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout
