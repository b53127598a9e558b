"""The code of before, from the project's history, then that of today: nothing starts twice.

What is promised: whatever the older passes have put on record is known, and followed to its end.
What is not: a Pod that an older pass was killed over before its At said `Running`. Before the first
release Pods had other names, so today's code would not find that one.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from cnat.core.observed_pod import Pod
from tests.exactly_once.counted import CountedSandbox
from tests.exactly_once.scenario import FUTURE, WAITING, ended
from tests.exactly_once.test_hostile_pods import in_a_while, vanish
from tests.support.lacking import lacking
from tests.support.sandbox import RealSandbox, at

ROOT = Path(__file__).parents[2]
# The last state with names of 8 hex digits, without attempts, before modules moved into rooms.
BEFORE = "010c619"


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The code of then."""
    archive = subprocess.run(
        ["git", "archive", BEFORE, "cnat", "schemas", "reconcile.py", "pyproject.toml"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if archive.returncode:
        lacking(f"the history has no commit {BEFORE} here: git fetch --unshallow")
    folder = tmp_path_factory.mktemp("before")
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
        files.extractall(folder, filter="data")
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    for needed in map(Requirement, project["dependencies"]):
        if version(needed.name) not in needed.specifier:
            pytest.skip(f"the code of then does not run with these packages: it needs {needed}")
    return folder


@pytest.fixture
def upgraded(real: CountedSandbox, before: Path) -> CountedSandbox:
    """A namespace with Ats in every phase, as the code of then leaves it."""
    sandbox = real.sandbox
    assert isinstance(sandbox, RealSandbox)

    def older_pass() -> None:
        command = [sys.executable, "reconcile.py", f"--kubeconfig={sandbox.kubeconfig}"]
        done = subprocess.run(
            [*command, f"--namespace={sandbox.namespace}"],
            cwd=before,
            capture_output=True,
            text=True,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr

    for name in ("running", "ends", "succeeded", "failed", "lost", "edited", "kept"):
        sandbox.apply(at(name))
    sandbox.apply(at("armed", schedule=FUTURE))
    sandbox.apply(at("suspended", suspend=True))
    sandbox.apply(at("missed", startingDeadlineSeconds=0))
    sandbox.apply(at("refused", containers=[{"name": "shell"}] * 2))
    older_pass()
    sandbox.set_pod_status(real.pod_of("running"), WAITING)
    for name in ("succeeded", "edited"):
        sandbox.set_pod_status(real.pod_of(name), ended(0))
    sandbox.set_pod_status(real.pod_of("failed"), ended(3))
    vanish(real, real.pod_of("lost"))
    older_pass()
    sandbox.apply(at("edited", schedule=FUTURE))
    older_pass()
    # A pass was killed before it let go of one, and one has ended since.
    kept = real.pod_of("kept")
    finalizers = real.pod(kept)["metadata"]["finalizers"]
    sandbox.set_pod_status(kept, ended(0))
    older_pass()
    sandbox.edit_pod(kept, {"finalizers": finalizers})
    sandbox.set_pod_status(real.pod_of("ends"), ended(0))
    return real


def test_after_an_upgrade_nothing_starts_twice(upgraded: CountedSandbox) -> None:
    there = {pod["metadata"]["name"] for pod in upgraded.sandbox.pods()}
    upgraded.until_silent(in_a_while())
    assert upgraded.creations.counts == {}
    assert {pod["metadata"]["name"] for pod in upgraded.sandbox.pods()} == there


def test_what_was_on_record_stays_and_what_runs_is_followed_to_its_end(
    upgraded: CountedSandbox,
) -> None:
    upgraded.until_silent(in_a_while())
    assert {
        name: upgraded.outcome(name)[0] for name in ("armed", "suspended", "missed", "refused")
    } == {
        "armed": "Pending",
        "suspended": "Suspended",
        "missed": "Missed",
        "refused": "Pending",
    }
    for name in ("succeeded", "kept", "ends"):
        assert upgraded.outcome(name) == ("Succeeded", "Completed")
    assert upgraded.outcome("failed") == ("Failed", "Error")
    assert upgraded.outcome("lost") == ("Failed", "PodLost")
    assert upgraded.outcome("running") == ("Running", "ImagePullBackOff")
    upgraded.sandbox.set_pod_status(upgraded.pod_of("running"), ended(0))
    upgraded.until_silent(in_a_while())
    assert upgraded.outcome("running") == ("Succeeded", "Completed")
    assert [pod for pod in upgraded.sandbox.pods() if Pod.of(pod).has_finalizer] == []


def test_an_at_that_was_armed_before_the_upgrade_starts_once(upgraded: CountedSandbox) -> None:
    upgraded.sandbox.apply(at("armed"))
    upgraded.until_silent()
    assert upgraded.started("armed") == 1


def test_an_instant_that_had_its_run_before_the_upgrade_has_no_other(
    upgraded: CountedSandbox,
) -> None:
    upgraded.sandbox.apply(at("edited"))
    upgraded.until_silent()
    assert upgraded.started("edited") == 0
    assert upgraded.outcome("edited") == ("Succeeded", "Completed")
