"""The hook for pre-commit, run by pre-commit itself, which installs it from a repository."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.support.sandbox import at

ROOT = Path(__file__).parents[2]
PRE_COMMIT = "4.7.0"
Checked = Callable[..., subprocess.CompletedProcess[str]]
SHIPPED = (".pre-commit-hooks.yaml", "LICENSE", "README.md", "pyproject.toml")


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=x", "-c", "user.email=x@example.com"]
    command = ["git", *identity, *arguments]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=True
    ).stdout.strip()


@pytest.fixture(scope="module")
def hook(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """The entry of a `.pre-commit-config.yaml` for this very tree, as a repository of its own."""
    folder = tmp_path_factory.mktemp("cnat")
    for name in SHIPPED:
        shutil.copy(ROOT / name, folder)
    shutil.copytree(ROOT / "cnat", folder / "cnat", ignore=shutil.ignore_patterns("__pycache__"))
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "As it is")
    return {"repo": str(folder), "rev": git(folder, "rev-parse", "HEAD"), "hooks": [{"id": "cnat"}]}


@pytest.fixture(scope="module")
def pre_commit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program, in a place of its own: nothing else here needs it."""
    venv = tmp_path_factory.mktemp("pre-commit")
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    install = ["-m", "pip", "install", "--quiet", f"pre-commit=={PRE_COMMIT}"]
    subprocess.run([venv / "bin/python", *install], check=True)
    return venv / "bin/pre-commit"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a user with a cache of pre-commit's own."""
    return os.environ | {"PRE_COMMIT_HOME": str(tmp_path_factory.mktemp("home"))}


@pytest.fixture
def repository(tmp_path: Path, hook: dict[str, object]) -> Path:
    """A user's repository with the hook, and with YAML of all kinds already in it."""
    (tmp_path / ".pre-commit-config.yaml").write_text(yaml.safe_dump({"repos": [hook]}))
    (tmp_path / "compose.yaml").write_text("services: {}\n")
    git(tmp_path, "init", "--quiet")
    return tmp_path


@pytest.fixture
def checked(pre_commit: Path, home: dict[str, str], repository: Path) -> Checked:
    """What pre-commit says to a commit of some Ats."""

    def run(*ats: dict[str, object]) -> subprocess.CompletedProcess[str]:
        for number, manifest in enumerate(ats):
            (repository / f"at-{number}.yaml").write_text(yaml.safe_dump(manifest))
        git(repository, "add", "--all")
        return subprocess.run(
            [pre_commit, "run"],
            cwd=repository,
            env=home,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_a_good_at_passes_among_other_yaml(checked: Checked) -> None:
    ran = checked(at(), at("later", schedule="2999-01-01T00:00:00Z"))
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "check Ats" in ran.stdout
    assert "Passed" in ran.stdout


def test_a_bad_at_keeps_a_commit_from_being_made(checked: Checked) -> None:
    ran = checked(at(), at("bad", containers=[{"name": "shell"}]))
    assert ran.returncode == 1
    assert "at-1.yaml:7:5: At default/bad, spec.containers[0].image: is required" in ran.stdout
