"""What GitHub runs, as far as neither actionlint nor zizmor knows."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".github/workflows"
TEXTS = {path.name: path.read_text() for path in FOLDER.iterdir()}
WORKFLOWS: dict[str, Any] = {name: yaml.safe_load(text) for name, text in TEXTS.items()}


def test_an_action_is_the_same_release_everywhere() -> None:
    pinned: dict[str, set[str]] = {}
    for text in TEXTS.values():
        # actions/cache and actions/cache/restore are of one repository.
        for repository, pin in re.findall(r"uses: ([\w-]+/[\w-]+)[\w/-]*@(.+)", text):
            pinned.setdefault(repository, set()).add(pin)
    assert {repository: pins for repository, pins in pinned.items() if len(pins) > 1} == {}
    assert "actions/checkout" in pinned


def test_the_tests_run_on_each_python_that_is_promised() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    promised = re.findall(r"Python :: (3\.\d+)", "\n".join(project["classifiers"]))
    assert WORKFLOWS["ci.yml"]["jobs"]["tests"]["strategy"]["matrix"]["python"] == promised
    assert project["requires-python"] == f">={promised[0]}"


def test_what_the_tests_look_for_is_what_was_kept_for_them() -> None:
    jobs = WORKFLOWS["ci.yml"]["jobs"]
    kept, found = (
        [step["with"] for step in jobs[job]["steps"] if "actions/cache" in step.get("uses", "")]
        for job in ("control-plane", "tests")
    )
    assert [(each["path"], each["key"]) for each in kept] == [
        (each["path"], each["key"]) for each in found
    ]


def test_a_release_publishes_nothing_before_all_tests_passed() -> None:
    jobs = WORKFLOWS["release.yml"]["jobs"]

    def before(job: str) -> set[str]:
        needs = jobs[job].get("needs", [])
        direct = {needs} if isinstance(needs, str) else set(needs)
        return direct.union(*map(before, direct))

    publishing = [name for name, job in jobs.items() if "write" in job["permissions"].values()]
    assert publishing == ["image", "pypi", "github"]
    assert all({"version", "ci", "e2e"} <= before(job) for job in publishing)
