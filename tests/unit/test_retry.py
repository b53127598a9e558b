"""Runs that get another Pod: by which policy, when, and when no more."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cnat.core import api, attempts, plan, pod, retry, status
from cnat.core.action import CreatePod, DeletePod, FindPod, ReleasePod, UpdateStatus
from cnat.core.at import At
from cnat.core.record import Condition, PastAttempt, Run, Status
from cnat.core.retry import End
from cnat.core.schedule import rfc3339
from tests.support.factories import (
    ENDED,
    FAILED,
    INSTANT,
    SUCCEEDED,
    MadePod,
    at,
    disrupted,
    pod_of,
    refused,
)
from tests.unit.test_plan import HOUR, SECOND, course

GOES_ON = ENDED + 10 * SECOND
DELETED = {"deletionTimestamp": "2023-05-21T02:00:30Z", "deletionGracePeriodSeconds": 30}
DELETED_LATER = {"deletionTimestamp": "2023-05-21T02:00:30Z", "generation": 2}
EVICTED = {"phase": "Failed", "conditions": [disrupted()]}
UNSCHEDULED = {"phase": "Pending"}


def on_a_node(
    pod_status: Mapping[str, Any], metadata: Mapping[str, Any] | None = None, attempt: int = 1
) -> MadePod:
    return pod_of(at(), INSTANT, pod_status, metadata=metadata, attempt=attempt, nodeName="node")


def refused_pod(*, restarted: bool = False) -> MadePod:
    change = refused(restarted=restarted)
    return on_a_node(change["status"], change["metadata"])


def name(attempt: int) -> str:
    return pod.name(at(), INSTANT, attempt)


def after(its_pod: MadePod, owner: At, now: datetime = ENDED) -> At:
    """The At once the end of this Pod is on record."""
    earned = status.of_pod(owner, INSTANT, its_pod, now, its_pod.attempt or 0)
    return At({**owner.raw, "status": earned.document()})


def waiting_for(attempt: int, *, metadata: Mapping[str, Any] | None = None, **spec: Any) -> At:
    """An At of which all attempts before that one have failed, the last at ENDED."""
    attempts = tuple(
        PastAttempt(name(number), INSTANT, ENDED, 3, "Error") for number in range(1, attempt)
    )
    run = Run(INSTANT, "Running", INSTANT, reason="Retrying", message="it failed")
    ready = Condition("Ready", "True", "Running", "it failed", 1, ENDED)
    earned = Status(1, run, (ready,), (), attempts).document()
    return at(status=earned, metadata=metadata, **{"retryPolicy": "Failed", **spec})


def message(owner: At) -> str:
    return owner.status.run.message if owner.status.run else ""


# How a Pod ended


@pytest.mark.parametrize(
    ("its_pod", "end"),
    [
        pytest.param(
            pod_of(at(), status={"phase": "Failed"}), End.NOT_STARTED, id="failed without a node"
        ),
        pytest.param(
            pod_of(at(), status=FAILED), End.FAILED, id="failed without a node, told of by somebody"
        ),
        pytest.param(
            pod_of(at(), status=UNSCHEDULED, metadata=DELETED),
            End.NOT_STARTED,
            id="deleted without a node",
        ),
        pytest.param(refused_pod(), End.NOT_STARTED, id="refused by its kubelet"),
        pytest.param(
            refused_pod(restarted=True), End.FAILED, id="refused by a kubelet that had taken it"
        ),
        pytest.param(
            on_a_node(refused()["status"]), End.FAILED, id="refused, nobody can tell when"
        ),
        pytest.param(
            on_a_node({**refused()["status"], **FAILED}, refused()["metadata"]),
            End.FAILED,
            id="refused, with a word of a container",
        ),
        pytest.param(
            on_a_node({**refused()["status"], **EVICTED}, refused()["metadata"]),
            End.DISRUPTED,
            id="refused and disrupted",
        ),
        pytest.param(on_a_node(EVICTED), End.DISRUPTED, id="evicted"),
        pytest.param(on_a_node({**FAILED, **EVICTED}), End.DISRUPTED, id="evicted, then failed"),
        pytest.param(
            on_a_node({"phase": "Running"}, DELETED), End.DISRUPTED, id="deleted, and no word since"
        ),
        pytest.param(on_a_node(FAILED, DELETED), End.DISRUPTED, id="deleted, then failed"),
        pytest.param(
            on_a_node({**FAILED, "observedGeneration": 2}, DELETED_LATER),
            End.DISRUPTED,
            id="deleted, then failed, then deleted by its kubelet",
        ),
        pytest.param(
            on_a_node({**FAILED, "observedGeneration": 1}, DELETED_LATER),
            End.FAILED,
            id="failed, then deleted",
        ),
        pytest.param(
            on_a_node(FAILED, DELETED_LATER), End.FAILED, id="failed, and deleted who knows when"
        ),
        pytest.param(on_a_node(FAILED), End.FAILED, id="failed"),
        pytest.param(
            on_a_node({"phase": "Failed", "reason": "DeadlineExceeded"}),
            End.FAILED,
            id="ran out of activeDeadlineSeconds",
        ),
    ],
)
def test_how_a_pod_ended(its_pod: MadePod, end: End) -> None:
    assert retry.end_of(its_pod) == end


# Which policy covers it

NOT_STARTED, DISRUPTED, HAS_FAILED = refused_pod(), on_a_node(EVICTED), on_a_node(FAILED)


@pytest.mark.parametrize(
    ("policy", "retried"),
    [
        ("Never", ()),
        ("NotStarted", (NOT_STARTED,)),
        ("Disrupted", (NOT_STARTED, DISRUPTED)),
        ("Failed", (NOT_STARTED, DISRUPTED, HAS_FAILED)),
    ],
)
def test_a_policy_covers_some_ends(policy: str, retried: tuple[MadePod, ...]) -> None:
    for its_pod in (NOT_STARTED, DISRUPTED, HAS_FAILED):
        run = after(its_pod, at(retryPolicy=policy)).status.run
        assert run is not None
        expected = ("Running", "Retrying") if its_pod in retried else ("Failed", run.reason)
        assert (run.phase, run.reason) == expected


@pytest.mark.parametrize("policy", ["Never", "NotStarted", "Disrupted", "Failed"])
def test_a_success_is_a_success(policy: str) -> None:
    assert after(on_a_node(SUCCEEDED), at(retryPolicy=policy)).status.phase == "Succeeded"


def test_a_run_without_a_policy_says_nothing_of_retries() -> None:
    over = after(on_a_node(FAILED), at())
    assert "retr" not in message(over)
    assert "attempts" not in over.raw["status"]


def test_a_run_that_its_policy_does_not_cover_says_so() -> None:
    assert message(after(on_a_node(FAILED), at(retryPolicy="Disrupted"))).endswith(
        "; not retried: it failed, which retryPolicy Disrupted does not cover"
    )


def test_a_vanished_pod_proves_nothing() -> None:
    for policy, phase in [("NotStarted", "Failed"), ("Disrupted", "Running")]:
        earned = status.lost(at(retryPolicy=policy), INSTANT, name(1), ENDED)
        assert earned.phase == phase
        assert earned.run is not None


def test_a_policy_that_there_is_not_ends_the_run_as_it_ended() -> None:
    over = after(on_a_node(FAILED), at(retryPolicy="Always"))
    assert over.status.phase == "Failed"
    assert "spec.retryPolicy: must be one of Never, NotStarted, Disrupted, Failed" in message(over)


# The record of it


def test_the_end_of_an_attempt_is_on_record_before_anything_else_happens() -> None:
    done = course(at(retryPolicy="Failed"), on_a_node(FAILED), now=ENDED)
    assert done == [(UpdateStatus, "Running"), (ReleasePod, name(1))]


def test_a_retry_is_told_with_what_happened_and_when_it_goes_on() -> None:
    earned = after(on_a_node(FAILED), at(retryPolicy="Failed")).raw["status"]
    assert {key: earned[key] for key in ("phase", "reason", "message", "startTime")} == {
        "phase": "Running",
        "reason": "Retrying",
        "message": "attempt 2 of 7 starts at 2023-05-21T02:00:17Z, because container 'shell' "
        "exited with 3 (Error)",
        "startTime": "2023-05-21T02:00:00Z",
    }
    assert "podName" not in earned
    assert earned["attempts"] == [
        {
            "podName": name(1),
            "startTime": "2023-05-21T02:00:00Z",
            "completionTime": "2023-05-21T02:00:07Z",
            "exitCode": 3,
            "reason": "Error",
        }
    ]
    assert [(each["type"], each["status"]) for each in earned["conditions"]] == [("Ready", "True")]


def test_a_run_that_succeeds_at_last_keeps_its_attempts_and_its_start() -> None:
    made_later = {"creationTimestamp": rfc3339(GOES_ON)}
    over = after(on_a_node(SUCCEEDED, made_later, attempt=2), waiting_for(2))
    assert over.status.phase == "Succeeded"
    assert [each.pod_name for each in over.status.attempts] == [name(1)]
    assert over.status.run is not None
    assert over.status.run.start == INSTANT


def test_attempts_are_of_one_run() -> None:
    over = after(on_a_node(SUCCEEDED, attempt=2), waiting_for(2))
    edited = at(schedule=rfc3339(INSTANT + HOUR), status=over.raw["status"])
    assert "attempts" not in status.armed(edited, INSTANT + HOUR, INSTANT).document()


# When it goes on


def test_the_next_pod_is_created_when_the_back_off_is_over_and_no_sooner() -> None:
    waiting = waiting_for(2)
    assert course(waiting, now=GOES_ON - timedelta(microseconds=1)) == []
    assert course(waiting, now=GOES_ON) == [(CreatePod, name(2)), (UpdateStatus, "Running")]


@pytest.mark.parametrize(
    ("attempt", "seconds"), [(2, 10), (3, 20), (4, 40), (7, 320), (8, 360), (1001, 360)]
)
def test_the_back_off_doubles_up_to_six_minutes(attempt: int, seconds: int) -> None:
    assert plan.armed_for(waiting_for(attempt)) == ENDED + seconds * SECOND


def test_an_attempt_whose_end_is_not_known_to_the_second_is_followed_at_once() -> None:
    waiting = waiting_for(2)
    del waiting.raw["status"]["attempts"][0]["completionTime"]
    assert course(waiting, now=INSTANT)[0] == (CreatePod, name(2))


def test_an_end_in_the_year_9999_has_no_back_off() -> None:
    last = datetime.max.replace(tzinfo=UTC, microsecond=0)
    assert retry.due(INSTANT, [PastAttempt("pod", completion=last)]) == last


def test_a_pass_that_looks_while_it_waits_writes_nothing() -> None:
    waiting = after(on_a_node(FAILED), at(retryPolicy="Failed"))
    labels = {**on_a_node(FAILED).raw["metadata"]["labels"], api.RECORDED: "true"}
    released = on_a_node(FAILED, {"finalizers": [], "labels": labels})
    assert course(waiting, released, now=ENDED + SECOND) == []


def test_a_pod_that_another_pass_created_for_the_attempt_is_followed() -> None:
    created = on_a_node({"phase": "Running"}, attempt=2)
    assert course(waiting_for(2), created, now=ENDED) == [(UpdateStatus, "Running")]


def test_an_attempt_that_was_lost_sight_of_is_looked_for() -> None:
    running = after(on_a_node({"phase": "Running"}, attempt=2), waiting_for(2))
    assert course(running, now=ENDED) == [(FindPod, name(2)), (UpdateStatus, "Running")]


# When it goes on no more


@pytest.mark.parametrize(("limit", "phase"), [(1, "Failed"), (2, "Running")])
def test_there_are_no_more_further_pods_than_the_limit(limit: int, phase: str) -> None:
    earned = after(on_a_node(FAILED, attempt=2), waiting_for(2, backoffLimit=limit))
    assert earned.status.phase == phase
    if phase == "Failed":
        assert [each.pod_name for each in earned.status.attempts] == [name(1)]
        assert message(earned).endswith("it has had the 2 Pods that spec.backoffLimit allows")


def test_there_are_six_further_pods_by_default() -> None:
    assert after(on_a_node(FAILED, attempt=6), waiting_for(6)).status.phase == "Running"
    assert after(on_a_node(FAILED, attempt=7), waiting_for(7)).status.phase == "Failed"


@pytest.mark.parametrize(("seconds", "phase"), [(16, "Failed"), (17, "Running")])
def test_a_back_off_that_ends_after_the_starting_deadline_is_not_begun(
    seconds: int, phase: str
) -> None:
    owner = at(retryPolicy="Failed", startingDeadlineSeconds=seconds)
    assert after(on_a_node(FAILED), owner).status.phase == phase


def test_an_attempt_is_not_made_after_the_starting_deadline() -> None:
    waiting = waiting_for(2, startingDeadlineSeconds=60)
    assert course(waiting, now=INSTANT + 60 * SECOND)[0] == (CreatePod, name(2))
    assert course(waiting, now=INSTANT + 61 * SECOND) == [(UpdateStatus, "Failed")]


def test_an_attempt_without_a_node_at_the_starting_deadline_ends_the_run() -> None:
    waiting = waiting_for(2, startingDeadlineSeconds=60)
    unscheduled = pod_of(at(), INSTANT, UNSCHEDULED, attempt=2)
    done = course(waiting, unscheduled, now=INSTANT + 61 * SECOND)
    assert done == [(DeletePod, name(2)), (UpdateStatus, "Failed"), (ReleasePod, name(2))]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"schedule": "2023-05-21T04:00:00Z"}, "spec.schedule was edited meanwhile"),
        ({"schedule": "soon"}, "is not an RFC 3339 time"),
        ({"retryPolicy": "Never"}, "spec.retryPolicy does not ask for it any more"),
        ({"backoffLimit": 0}, "it has had the 1 Pods that spec.backoffLimit allows"),
    ],
)
def test_an_edit_while_it_waits_ends_the_run_as_its_last_attempt_ended(
    change: dict[str, Any], why: str
) -> None:
    owner = waiting_for(2, **change)
    action = plan.next_action(ENDED, plan.Seen(owner))
    assert isinstance(action, UpdateStatus)
    run = action.status.run
    assert run is not None
    assert (run.phase, run.pod_name, run.exit_code, run.reason) == ("Failed", name(1), 3, "Error")
    assert run.completion == ENDED
    assert why in run.message
    assert action.status.attempts == ()


def test_an_at_that_is_being_deleted_goes_on_with_nothing() -> None:
    deleted = waiting_for(2, metadata={"deletionTimestamp": rfc3339(ENDED)})
    assert course(deleted, now=GOES_ON) == [(UpdateStatus, "Failed")]


def test_a_suspended_at_waits_and_then_goes_on() -> None:
    suspended = waiting_for(2, suspend=True)
    assert course(suspended, now=GOES_ON) == [(UpdateStatus, "Suspended")]
    earned = status.suspended(suspended, INSTANT, GOES_ON).document()
    resumed = at(retryPolicy="Failed", status=earned)
    assert course(resumed, now=GOES_ON) == [(CreatePod, name(2)), (UpdateStatus, "Running")]
    assert course(resumed, now=ENDED) == [(UpdateStatus, "Running")]


def test_an_attempt_that_is_refused_is_tried_again_and_forgets_nothing() -> None:
    waiting = waiting_for(2)
    refusal = plan.Refusal("StartRejected", "exceeded quota")
    seen = plan.Seen(waiting, checked=True, refusal=refusal)
    action = plan.next_action(GOES_ON, seen)
    assert isinstance(action, UpdateStatus)
    assert (action.status.phase, action.status.cannot_start) == ("Pending", True)
    again = at(retryPolicy="Failed", status=action.status.document())
    assert course(again, now=GOES_ON)[0] == (CreatePod, name(2))


# What must not mislead it


def test_a_run_that_has_ended_is_never_taken_up_again() -> None:
    """Its Pod is the better witness of how it ended, but not a reason for another."""
    lost = status.lost(at(), INSTANT, name(1), ENDED).document()
    over = at(retryPolicy="Failed", status=lost)
    assert course(over, on_a_node(FAILED), now=ENDED)[0] == (UpdateStatus, "Failed")


def test_a_record_that_was_wiped_while_an_attempt_runs_gives_no_name_twice() -> None:
    running = on_a_node(EVICTED, attempt=3)
    earned = after(running, at(retryPolicy="Failed"))
    assert [each.pod_name for each in earned.status.attempts] == [name(1), name(2), name(3)]
    assert attempts.next_number(earned) == 4


def test_an_attempt_without_its_annotation_is_known_by_its_name() -> None:
    stripped = on_a_node({"phase": "Running"}, {"annotations": {}}, attempt=2)
    assert course(waiting_for(2), stripped, now=ENDED) == [(UpdateStatus, "Running")]


def test_the_latest_attempt_speaks_for_the_run() -> None:
    earlier, latest = on_a_node(FAILED), on_a_node({"phase": "Running"}, attempt=2)
    done = course(at(retryPolicy="Failed"), earlier, latest, now=GOES_ON)
    assert done == [(UpdateStatus, "Running"), (ReleasePod, name(1))]


def test_an_earlier_attempt_has_a_time_to_live_of_its_own() -> None:
    waiting = waiting_for(2, ttlSecondsAfterFinished=60)
    released = on_a_node(FAILED, {"finalizers": []})
    done = course(waiting, released, now=ENDED + 60 * SECOND)
    assert (DeletePod, name(1)) in done
