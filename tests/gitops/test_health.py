"""What the tools say of an At in each situation, and whether a later commit goes through."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.contract.test_contract import FAILED, SUCCEEDED, waiting
from tests.gitops.tool import Manifest, Team, Verdict
from tests.install import situations
from tests.support.sandbox import RealSandbox, at

FUTURE = "2999-01-01T00:00:00Z"
NO_DAY = "2030-02-30T00:00:00Z"


def config_map(name: str, wave: int = 0) -> Manifest:
    """Something else that a team deploys."""
    metadata = {"name": name, "annotations": {"argocd.argoproj.io/sync-wave": str(wave)}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}


def exists(sandbox: RealSandbox, config_map: str) -> bool:
    items = sandbox.request("GET", f"{sandbox.core}/configmaps")["items"]
    return config_map in [each["metadata"]["name"] for each in items]


def a_pass(sandbox: RealSandbox) -> None:
    sandbox.reconcile()


def the_kubelet_says(status: dict[str, Any]) -> Callable[[RealSandbox], None]:
    """A pass starts the run, its Pod gets that status, and another pass records it."""

    def play(sandbox: RealSandbox) -> None:
        sandbox.reconcile()
        sandbox.set_pod_status(sandbox.at("cnrex")["status"]["podName"], status)
        sandbox.reconcile()

    return play


def the_pod_is_lost(sandbox: RealSandbox) -> None:
    sandbox.reconcile()
    name = sandbox.at("cnrex")["status"]["podName"]
    sandbox.edit_pod(name, {"finalizers": None})
    sandbox.delete_pod(name)
    sandbox.reconcile()


def the_name_is_taken(sandbox: RealSandbox) -> None:
    situations.take_name(sandbox, "cnrex")
    sandbox.reconcile()


@dataclass(frozen=True)
class Situation:
    """An At, what passes after its commit, and what the tool must say then."""

    at: Manifest
    passes: Callable[[RealSandbox], None] = a_pass
    verdict: Verdict = Verdict.GREEN


STUCK = {"containerStatuses": [waiting("ImagePullBackOff", "no such image")]}
SKIPPED = {"schedule": "2027-03-28T02:30:00", "timeZone": "Europe/Berlin"}

TYPO = at(schedule=FUTURE, suspendd=True)

SITUATIONS = {
    "armed": Situation(at(schedule=FUTURE)),
    "suspended": Situation(at(suspend=True)),
    "refused": Situation(at(schedule=FUTURE, serviceAccountName="nobody"), verdict=Verdict.RED),
    "no such time": Situation(at(**SKIPPED), verdict=Verdict.RED),
    "name taken": Situation(at(), the_name_is_taken, Verdict.RED),
    "running": Situation(at()),
    "not starting": Situation(at(), the_kubelet_says({"phase": "Pending", **STUCK})),
    "succeeded": Situation(at(), the_kubelet_says(SUCCEEDED)),
    "failed": Situation(at(), the_kubelet_says(FAILED)),
    "retrying": Situation(at(retryPolicy="Failed"), the_kubelet_says(FAILED)),
    "missed": Situation(at(startingDeadlineSeconds=0)),
    "lost": Situation(at(), the_pod_is_lost),
}


@pytest.mark.parametrize("situation", SITUATIONS.values(), ids=SITUATIONS)
def test_an_at_is_judged_by_whether_it_will_do_as_it_is_written(
    team: Team, situation: Situation
) -> None:
    team.commit(situation.at)
    assert team.first_verdict() == Verdict.WAITS  # No pass has seen it yet.

    situation.passes(team.sandbox)
    assert team.verdict() == situation.verdict, team.message

    # How it went must not keep anything else from being deployed, in the same wave or a later one.
    team.commit(situation.at, config_map("beside"), config_map("behind", wave=1))
    assert team.verdict() == situation.verdict, team.message
    assert exists(team.sandbox, "beside")
    if situation.verdict == Verdict.GREEN:
        assert exists(team.sandbox, "behind")


def test_what_the_api_server_refuses_is_told_in_its_words(team: Team) -> None:
    team.commit(at(schedule=NO_DAY))
    assert team.verdict() == Verdict.RED
    assert "this day does not exist" in str(team.state())


def test_a_corrected_at_is_green_again(team: Team) -> None:
    team.commit(at(schedule=FUTURE, serviceAccountName="nobody"))
    team.first_verdict()
    team.sandbox.reconcile()
    assert team.verdict() == Verdict.RED
    team.commit(at(schedule=FUTURE))
    assert team.first_verdict() == Verdict.WAITS
    team.sandbox.reconcile()
    assert team.verdict() == Verdict.GREEN, team.message
