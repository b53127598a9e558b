"""The snippets of docs/ci.md: what they run is run here, on good Ats and on bad ones."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import yaml

from cnat import __version__
from tests.support.sandbox import at

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/ci.md").read_text()
BLOCKS = re.findall(r"^## (.+?)$.*?^```yaml\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
SNIPPETS: dict[str, Any] = {title: yaml.safe_load(block) for title, block in BLOCKS}
INSTALL = f"pip install git+https://github.com/programming-kubernetes/cnat@v{__version__}"

GITHUB = [step["run"] for step in SNIPPETS["GitHub Actions"]["jobs"]["check"]["steps"][2:]]
GITLAB = SNIPPETS["GitLab CI"]["ats"]["script"]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "ats").mkdir()
    (tmp_path / "ats/good.yaml").write_text(yaml.safe_dump(at(schedule="2999-01-01T00:00:00Z")))
    return tmp_path


def spoil(checkout: Path) -> None:
    bad = at("bad", schedule="2999-01-01T00:00:00Z", containers=[{"name": "shell"}])
    (checkout / "ats/bad.yaml").write_text(yaml.safe_dump(bad))


def run(command: str, checkout: Path) -> subprocess.CompletedProcess[str]:
    """One command, as the shell of a CI system runs it."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    summary = str(checkout / "summary.md")
    return subprocess.run(
        ["bash", "-eo", "pipefail", "-c", command],
        cwd=checkout,
        env=os.environ | {"PATH": path, "GITHUB_STEP_SUMMARY": summary},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("commands", [GITHUB, GITLAB], ids=["github", "gitlab"])
def test_what_is_installed_is_this_version(commands: list[str]) -> None:
    assert commands[0] == INSTALL


def test_the_hook_is_of_this_version() -> None:
    (repo,) = SNIPPETS["pre-commit"]["repos"]
    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert repo["rev"] == f"v{__version__}"
    assert [hook["id"] for hook in repo["hooks"]] == [hook["id"] for hook in hooks]


@pytest.mark.parametrize("command", [*GITHUB[1:], *GITLAB[1:]])
def test_good_ats_pass(command: str, checkout: Path) -> None:
    ran = run(command, checkout)
    assert ran.returncode == 0, ran.stderr


@pytest.mark.parametrize("command", [*GITHUB[1:], *GITLAB[1:]])
def test_a_bad_at_fails(command: str, checkout: Path) -> None:
    spoil(checkout)
    assert run(command, checkout).returncode == 1


def test_github_shows_a_problem_at_its_line(checkout: Path) -> None:
    spoil(checkout)
    (line,) = [
        line for line in run(GITHUB[1], checkout).stdout.splitlines() if line.startswith("::error")
    ]
    assert line.startswith("::error file=ats/bad.yaml,line=7,col=5,")


def test_github_shows_the_plan_on_the_summary(checkout: Path) -> None:
    run(GITHUB[2], checkout)
    assert "default/cnrex" in (checkout / "summary.md").read_text()


def test_gitlab_shows_a_problem_among_the_tests(checkout: Path) -> None:
    spoil(checkout)
    run(GITLAB[1], checkout)
    report = SNIPPETS["GitLab CI"]["ats"]["artifacts"]["reports"]["junit"]
    failures = ET.parse(checkout / report).getroot().iter("failure")
    assert "is required" in " ".join("".join(each.itertext()) for each in failures)
