"""What a team does to its Ats in Git, and what comes of it in the cluster."""

from __future__ import annotations

from tests.contract.test_contract import SUCCEEDED, in_an_hour
from tests.gitops.conftest import Tool
from tests.gitops.test_health import FUTURE, config_map
from tests.gitops.tool import Manifest, Team, Verdict
from tests.install.eventually import eventually
from tests.support.sandbox import RealSandbox, at, resource_versions

LATER = "2999-02-01T00:00:00Z"
PAST, PAST_TOO = "2023-05-21T02:00:00Z", "2023-05-22T02:00:00Z"


def committed(team: Team, *manifests: Manifest) -> None:
    """Commit, wait until the tool has applied it, and make the pass that it waits for."""
    team.commit(*manifests)
    team.first_verdict()
    team.sandbox.reconcile()
    assert team.verdict() == Verdict.GREEN, team.message


def end_run(sandbox: RealSandbox, name: str = "cnrex") -> None:
    sandbox.set_pod_status(sandbox.at(name)["status"]["podName"], SUCCEEDED)
    sandbox.reconcile()


def instants(sandbox: RealSandbox) -> list[str]:
    """The instant of each run that there is a Pod of."""
    key = "cnat.programming-kubernetes.info/scheduled-time"
    return sorted(pod["metadata"]["annotations"][key] for pod in sandbox.pods())


def names(sandbox: RealSandbox) -> list[str]:
    return [each["metadata"]["name"] for each in sandbox.request("GET", sandbox.ats)["items"]]


def test_a_schedule_edited_while_it_waits_is_accepted_anew(team: Team) -> None:
    committed(team, at(schedule=FUTURE))
    team.commit(at(schedule=LATER))
    assert team.first_verdict() == Verdict.WAITS
    team.sandbox.reconcile()
    assert team.verdict() == Verdict.GREEN
    assert team.sandbox.at("cnrex")["status"]["scheduledTime"] == LATER
    assert team.sandbox.pods() == []


def test_a_schedule_edited_while_it_runs_lets_that_run_finish_first(team: Team) -> None:
    committed(team, at(schedule=PAST))
    committed(team, at(schedule=PAST_TOO))
    assert instants(team.sandbox) == [PAST]
    end_run(team.sandbox)
    assert instants(team.sandbox) == [PAST, PAST_TOO]


def test_a_schedule_edited_after_it_ran_runs_again_and_put_back_does_not(team: Team) -> None:
    committed(team, at(schedule=PAST))
    end_run(team.sandbox)
    committed(team, at(schedule=PAST_TOO))
    end_run(team.sandbox)
    committed(team, at(schedule=PAST))
    assert instants(team.sandbox) == [PAST, PAST_TOO]
    assert team.sandbox.at("cnrex")["status"]["phase"] == "Succeeded"


def test_an_at_taken_out_and_put_back_is_another_that_runs_unless_it_is_too_late(
    team: Team,
) -> None:
    both = at("again"), at("in-time-or-never", startingDeadlineSeconds=60)
    team.commit(*both)
    team.first_verdict()
    team.sandbox.reconcile()
    end_run(team.sandbox, "again")
    assert team.verdict() == Verdict.GREEN
    committed(team, config_map("nothing"))
    assert names(team.sandbox) == []
    eventually(lambda: not team.sandbox.pods())
    committed(team, *both)
    phases = [team.sandbox.at(name)["status"]["phase"] for name in ("again", "in-time-or-never")]
    assert phases == ["Running", "Missed"]


def test_a_renamed_at_is_another(team: Team) -> None:
    committed(team, at("old"))
    end_run(team.sandbox, "old")
    committed(team, at("new"))
    assert names(team.sandbox) == ["new"]
    assert team.sandbox.at("new")["status"]["phase"] == "Running"


def test_an_at_moved_to_another_namespace_is_another(team: Team) -> None:
    committed(team, at())
    end_run(team.sandbox)
    with RealSandbox.opened(team.sandbox.control_plane) as other:
        moved = at()
        moved["metadata"]["namespace"] = other.namespace
        team.commit(moved)
        team.first_verdict()
        other.reconcile()
        assert team.verdict() == Verdict.GREEN, team.message
        assert names(team.sandbox) == []
        assert other.at("cnrex")["status"]["phase"] == "Running"
        committed(team, config_map("nothing"))


def test_an_at_removed_while_it_runs_lets_go_of_its_pod(team: Team) -> None:
    committed(team, at())
    committed(team, config_map("nothing"))
    eventually(lambda: all("deletionTimestamp" in p["metadata"] for p in team.sandbox.pods()))
    team.sandbox.reconcile(in_an_hour())
    eventually(lambda: not team.sandbox.pods())


def test_suspend_is_toggled_by_commits(team: Team) -> None:
    committed(team, at(suspend=True))
    assert team.sandbox.pods() == []
    committed(team, at(suspend=False))
    assert instants(team.sandbox) == [PAST]
    committed(team, at(suspend=True))
    assert team.sandbox.at("cnrex")["status"]["phase"] == "Running"


def test_a_schedule_edited_by_hand_is_set_back(team: Team) -> None:
    committed(team, at(schedule=FUTURE))
    merge = "application/merge-patch+json"
    by_hand = {"spec": {"schedule": LATER}}
    path = f"{team.sandbox.ats}/cnrex?fieldManager=kubectl-edit"
    team.sandbox.request("PATCH", path, by_hand, content_type=merge)
    team.nudge()
    eventually(lambda: team.sandbox.at("cnrex")["spec"]["schedule"] == FUTURE, within=60)
    team.sandbox.reconcile()
    eventually(team.has_looked, within=60)
    assert team.verdict() == Verdict.GREEN, team.message


def test_a_cluster_rebuilt_from_the_repository_runs_what_may_still_start(
    tool: Tool, team: Team
) -> None:
    repository = at("overdue"), at("too-late", startingDeadlineSeconds=60)
    committed(team, *repository)
    end_run(team.sandbox, "overdue")
    with RealSandbox.opened(team.sandbox.control_plane) as rebuilt:
        again = tool.team(rebuilt)
        committed(again, *repository)
        phases = [rebuilt.at(name)["status"]["phase"] for name in ("overdue", "too-late")]
        assert phases == ["Running", "Missed"]


def test_nothing_drifts_in_an_ats_whole_life(team: Team) -> None:
    committed(team, at("armed", schedule=FUTURE), at("ran"))
    end_run(team.sandbox, "ran")
    before = resource_versions(team.sandbox, "armed", "ran")
    for _ in range(3):
        team.refresh()
        assert team.verdict() == Verdict.GREEN
    assert resource_versions(team.sandbox, "armed", "ran") == before
