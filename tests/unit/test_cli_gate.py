"""The command as a gate: manifests in, problems out, the verdict as exit code."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.support.factories import SUCCEEDED
from tests.support.sandbox import Manifest, RealSandbox, at, resource_versions

ROOT = Path(__file__).parents[2]
TO_COME = "2999-01-01T00:00:00Z"
PAST = "2024-01-01T00:00:00Z"


def gate(*arguments: object, given: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, ROOT / "reconcile.py", *map(str, arguments)],
        input=given,
        capture_output=True,
        text=True,
        check=False,
    )


def written(path: Path, manifest: Manifest) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(manifest))
    return path


def told(ran: subprocess.CompletedProcess[str]) -> str:
    """What a person reads, wherever the lines are broken."""
    return " ".join(f"{ran.stdout} {ran.stderr}".split())


def starts(plan: subprocess.CompletedProcess[str]) -> set[str]:
    return {row["at"] for row in json.loads(plan.stdout)["rows"] if row["kind"] == "start"}


def test_a_manifest_deep_in_a_folder_is_not_passed_over(tmp_path: Path) -> None:
    bad = at("typo", schedule=TO_COME, containers=[{"name": "c", "imgae": "busybox"}])
    written(tmp_path / "team/jobs/typo.yaml", bad)
    ran = gate("-f", tmp_path / "team")
    assert ran.returncode == 1
    where = f"{tmp_path}/team/jobs/typo.yaml:7:5: At typo, spec.containers[0].imgae"
    assert f'{where}: unknown field "imgae"; did you mean "image"?' in told(ran)


def test_paths_need_no_flag(tmp_path: Path) -> None:
    files = [written(tmp_path / f"{name}.yaml", at(name, schedule=TO_COME)) for name in ("a", "b")]
    ran = gate(*files)
    assert (ran.returncode, ran.stderr) == (0, "")


def test_nothing_on_stdin_is_a_mistake() -> None:
    ran = gate("-f", "-")
    assert ran.returncode == 1
    assert "<stdin>: there is nothing in it; " in told(ran)


def test_a_pod_that_cannot_be_fails(tmp_path: Path) -> None:
    ran = gate(written(tmp_path / "at.yaml", at(containers=[{"name": "shell"}])))
    assert ran.returncode == 1
    assert "spec.containers[0].image: is required" in told(ran)


def test_a_plan_from_files_takes_the_time_it_takes(tmp_path: Path) -> None:
    ran = gate(written(tmp_path / "at.yaml", at(schedule=TO_COME)), "--timeout", "0.000001")
    assert ran.returncode == 0
    assert "1 held" in ran.stdout


@pytest.mark.parametrize(("flags", "code"), [([], 0), (["--strict"], 1)])
def test_what_is_doubtful_is_told_and_fails_only_if_one_is_strict(
    tmp_path: Path, flags: list[str], code: int
) -> None:
    ran = gate(written(tmp_path / "at.yaml", at("late", schedule=PAST)), *flags)
    assert ran.returncode == code
    assert "At default/late, spec.schedule: is past: it starts as soon as" in told(ran)


def test_manifests_are_laid_over_a_dump(tmp_path: Path) -> None:
    status = {"phase": "Succeeded", "scheduledTime": PAST, "podName": "p"}
    dump = [at(name, schedule=PAST) | {"status": status} for name in ("same", "again")]
    written(tmp_path / "dump.yaml", {"kind": "List", "items": dump})
    written(tmp_path / "gate/same.yaml", at("same", schedule=PAST))
    written(tmp_path / "gate/again.yaml", at("again", schedule="2024-02-01T00:00:00Z"))
    written(tmp_path / "gate/new.yaml", at("new", schedule=PAST))
    plan = gate(tmp_path / "gate", "--against", tmp_path / "dump.yaml", "-o", "json")
    assert (plan.returncode, starts(plan)) == (0, {"again", "new"})


def test_a_dump_that_is_not_there_fails(tmp_path: Path) -> None:
    ran = gate(written(tmp_path / "at.yaml", at()), "--against", "/absent")
    assert ran.returncode == 1
    assert "/absent: can't be read: No such file or directory" in told(ran)


def test_manifests_are_laid_over_a_cluster_and_change_nothing_there(
    real_sandbox: RealSandbox, tmp_path: Path
) -> None:
    for name in ("ran", "edited"):
        real_sandbox.apply(at(name, schedule=PAST))
    real_sandbox.reconcile()
    for name in ("ran", "edited"):
        real_sandbox.set_pod_status(real_sandbox.at(name)["status"]["podName"], SUCCEEDED)
    real_sandbox.reconcile()
    before = resource_versions(real_sandbox, "ran", "edited")
    written(tmp_path / "a.yaml", at("ran", schedule=PAST))
    written(tmp_path / "b.yaml", at("edited", schedule="2024-02-01T00:00:00Z"))
    cluster = ["--kubeconfig", real_sandbox.kubeconfig, "-n", real_sandbox.namespace]
    plan = gate(tmp_path, "--against", "cluster", "-o", "json", *cluster)
    assert (plan.returncode, starts(plan)) == (0, {"edited"})
    assert resource_versions(real_sandbox, "ran", "edited") == before
