"""What a release has beside the source, made by the targets that its workflow calls."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest
import yaml

import cnat
from tests.install.image import REPOSITORY
from tests.install.overlay import KUSTOMIZE, built, only
from tests.support.controlplane.server import ControlPlane

DIGEST = f"sha256:{'0' * 64}"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what the targets read."""
    (tmp_path / "cnat").mkdir()
    for name in ("Makefile", "CHANGELOG.md", "cnat/__init__.py"):
        shutil.copy(REPOSITORY / name, tmp_path / name)
    shutil.copytree(KUSTOMIZE, tmp_path / "kustomize")
    return tmp_path


def make(checkout: Path, *arguments: str, path: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", "--silent", *arguments],
        cwd=checkout,
        env={**os.environ, "PATH": f"{path}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("tag", "code"), [(f"v{cnat.__version__}", 0), (cnat.__version__, 1), ("v9.9.9", 1)]
)
def test_a_tag_that_is_not_the_version_releases_nothing(
    checkout: Path, tag: str, code: int
) -> None:
    workflow = yaml.safe_load((REPOSITORY / ".github/workflows/release.yml").read_text())
    (step,) = (step for step in workflow["jobs"]["version"]["steps"] if "run" in step)

    # As GitHub runs it: https://docs.github.com/actions, "jobs.<job_id>.steps[*].shell".
    ran = subprocess.run(
        ["bash", "-e", "-c", step["run"]],
        cwd=checkout,
        env={**os.environ, "GITHUB_REF_NAME": tag},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.returncode == code, ran.stderr
    assert (f"::error::The tag is {tag}," in ran.stdout) == bool(code)


def test_install_yaml_is_the_default_with_the_image_by_its_digest(
    control_plane: ControlPlane, checkout: Path
) -> None:
    expected = built(control_plane, KUSTOMIZE / "default")
    spec = only(expected, "CronJob")["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    spec["containers"][0]["image"] += f"@{DIGEST}"

    ran = make(checkout, "dist/install.yaml", f"DIGEST={DIGEST}", path=str(control_plane.assets))

    assert ran.returncode == 0, ran.stderr
    made = checkout / "dist/install.yaml"
    assert list(yaml.safe_load_all(made.read_text())) == expected
    control_plane.kubectl("apply", "--dry-run=client", f"--filename={made}")


def test_an_install_yaml_without_a_digest_is_not_made(checkout: Path) -> None:
    ran = make(checkout, "dist/install.yaml")
    assert ran.returncode != 0
    assert "DIGEST=sha256:" in ran.stderr
    assert not (checkout / "dist/install.yaml").exists()


def test_the_notes_are_what_the_changelog_has_of_this_version(checkout: Path) -> None:
    changelog = checkout / "CHANGELOG.md"
    ours = f"## {cnat.__version__} - 2026-11-26\n\n- [It](docs/it.md), [of](https://a.example).\n"
    changelog.write_text(f"# Changelog\n\n## Unreleased\n\n- No.\n\n{ours}\n## 0.0.1\n\n- No.\n")

    assert make(checkout, "dist/notes.md").returncode == 0
    docs = f"https://github.com/programming-kubernetes/cnat/blob/v{cnat.__version__}/docs"
    notes = (checkout / "dist/notes.md").read_text().strip()
    assert notes == f"- [It]({docs}/it.md), [of](https://a.example)."


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel and the sdist of this tree."""
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "hatchling", "build", f"--directory={folder}"]
    subprocess.run(build, cwd=REPOSITORY, capture_output=True, check=True)
    return folder


def test_the_wheel_is_the_package_and_its_command(dist: Path) -> None:
    with zipfile.ZipFile(dist / f"cnat-{cnat.__version__}-py3-none-any.whl") as wheel:
        names = set(wheel.namelist())
        info = f"cnat-{cnat.__version__}.dist-info"
        metadata = message_from_bytes(wheel.read(f"{info}/METADATA"))
        commands = wheel.read(f"{info}/entry_points.txt").decode()
    sources = {
        str(path.relative_to(REPOSITORY))
        for path in (REPOSITORY / "cnat").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {name for name in names if not name.startswith(info)} == sources
    assert metadata["License-Expression"] == "Apache-2.0"
    assert "cnat-reconcile = cnat.cli.main:main" in commands


def test_the_sdist_has_what_its_tests_need(dist: Path) -> None:
    with tarfile.open(dist / f"cnat-{cnat.__version__}.tar.gz") as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    assert {
        "Makefile",
        "requirements-dev.lock",
        "tests/conftest.py",
        "kustomize/default/kustomization.yaml",
        "docs/ci.md",
        "Dockerfile",
    } <= names
