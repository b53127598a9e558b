"""What is decided, from the state of one At and its Pods."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnat.core import api, plan, pod, retry, status
from cnat.core.action import (
    Action,
    CreatePod,
    DeletePod,
    FindPod,
    Preflight,
    ReleasePod,
    UpdateStatus,
)
from cnat.core.at import At
from cnat.core.fields import Malformed
from cnat.core.observed_pod import Pod
from cnat.core.plan import Refusal, Seen, next_action
from cnat.core.schedule import rfc3339
from cnat.engine import actions
from tests.support.factories import (
    DUE,
    ENDED,
    FAILED,
    INSTANT,
    SUCCEEDED,
    MadePod,
    at,
    pod_of,
    terminated,
)
from tests.support.fake_cluster import FakeCluster, Objects

SECOND = timedelta(seconds=1)
MICROSECOND = timedelta(microseconds=1)
HOUR = timedelta(hours=1)


def step(cluster: FakeCluster, action: Action, seen: Seen) -> Seen:
    """Do one action, and see what its answer teaches."""
    return actions.perform(cluster, action, seen).seen


# No sequence that is any use is nearly as long.
BOUND = 25


def steps(cluster: FakeCluster, name: str = "cnrex") -> Iterator[tuple[Action, Seen]]:
    """One pass for one At: each action, before it is done, and what it was decided from."""
    (pods,) = cluster.pods()
    now = At(cluster.objects.at("default", name))
    mine = (Pod.of(raw) for raw in pods)
    seen = Seen(now, tuple(each for each in mine if each.at_uid == now.uid))
    for _ in range(BOUND):
        action = next_action(cluster.now(), seen)
        if action is None:
            return
        yield action, seen
        seen = step(cluster, action, seen)
    pytest.fail(f"not converged after {BOUND} steps: {action}")


def course(
    *objects: At | MadePod, now: datetime = INSTANT, unlisted: tuple[MadePod, ...] = ()
) -> list[Any]:
    """The actions of one pass for one At, by what they do: type, then phase or name."""
    cluster = FakeCluster(Objects(objects, now=now, unlisted=unlisted))
    return [_told(action) for action, _ in steps(cluster)]


def _told(action: Action) -> tuple[type[Action], str]:
    match action:
        case UpdateStatus():
            return UpdateStatus, action.status.phase
        case CreatePod() | Preflight():
            return type(action), action.manifest["metadata"]["name"]
        case FindPod():
            return FindPod, action.name
        case ReleasePod() | DeletePod():
            return type(action), action.pod.name


AT = at()
POD = pod_of(AT)
NAME = POD.name
LATER = INSTANT + HOUR
EDITED = at(schedule=rfc3339(LATER), metadata={"generation": 2})


def recorded(its_pod: MadePod = POD, owner: At = AT, instant: datetime = INSTANT) -> At:
    """The At with the status that its Pod has earned."""
    return At({**owner.raw, "status": status.of_pod(owner, instant, its_pod, INSTANT).document()})


# Starting


def test_a_due_at_is_started_without_further_ado_and_then_says_so() -> None:
    assert course(AT) == [(CreatePod, NAME), (UpdateStatus, "Running")]


def test_nothing_starts_a_microsecond_early() -> None:
    assert CreatePod not in [what for what, _ in course(AT, now=INSTANT - MICROSECOND)]


def test_the_last_digits_of_a_schedule_count() -> None:
    late = at(schedule="2023-05-21T02:00:00.000000001Z")
    assert isinstance(next_action(INSTANT, Seen(late)), Preflight)
    assert isinstance(next_action(INSTANT + MICROSECOND, Seen(late)), CreatePod)


def test_what_is_created_is_the_pod_of_the_run() -> None:
    assert next_action(INSTANT, Seen(AT)) == CreatePod(AT, pod.build(AT, INSTANT))


def test_a_refused_start_is_told_and_tried_again_on_the_next_pass() -> None:
    refused = Seen(AT, checked=True, refusal=Refusal("StartRejected", "exceeded quota"))
    action = next_action(INSTANT, refused)
    assert isinstance(action, UpdateStatus)
    assert action.status.document()["message"] == "exceeded quota"
    told = At({**AT.raw, "status": action.status.document()})
    assert next_action(INSTANT, Seen(told, checked=True, refusal=refused.refusal)) is None
    assert isinstance(next_action(INSTANT + SECOND, Seen(told)), CreatePod)


@pytest.mark.parametrize("late", [timedelta(), HOUR, timedelta(days=36500)])
def test_an_overdue_at_starts_however_late(late: timedelta) -> None:
    assert isinstance(next_action(INSTANT + late, Seen(AT)), CreatePod)


@pytest.mark.parametrize(
    ("deadline", "late", "starts"),
    [
        (60, 60 * SECOND, True),
        (60, 60 * SECOND + MICROSECOND, False),
        (0, timedelta(), True),
        (0, MICROSECOND, False),
        (2**63, timedelta(days=36500), True),
    ],
)
def test_the_starting_deadline_is_met_to_the_microsecond(
    deadline: int, late: timedelta, starts: bool
) -> None:
    owner = at(startingDeadlineSeconds=deadline)
    wanted = (
        [(CreatePod, NAME), (UpdateStatus, "Running")] if starts else [(UpdateStatus, "Missed")]
    )
    assert course(owner, now=INSTANT + late) == wanted


def first(owner: At, now: datetime, *pods: MadePod, default: int | None) -> Action | None:
    """The first action where that many seconds are the default starting deadline."""
    deadline = None if default is None else default * SECOND
    return next_action(now, Seen(owner, pods, default_starting_deadline=deadline))


@pytest.mark.parametrize(
    ("default", "own", "phase"),
    [(60, None, "Missed"), (60, 7200, None), (7200, 60, "Missed"), (None, None, None)],
)
def test_the_default_starting_deadline_is_for_ats_that_set_none(
    default: int | None, own: int | None, phase: str | None
) -> None:
    owner = AT if own is None else at(startingDeadlineSeconds=own)
    action = first(owner, INSTANT + HOUR, default=default)
    assert (action.status.phase if isinstance(action, UpdateStatus) else None) == phase
    assert isinstance(action, CreatePod) == (phase is None)


def test_a_pod_without_a_node_is_deleted_after_the_default_starting_deadline_too() -> None:
    waiting = pod_of(AT, status={"phase": "Pending"})
    assert first(AT, INSTANT + HOUR, waiting, default=60) == DeletePod(AT, waiting, unchanged=True)


def test_the_default_starting_deadline_ends_no_run_that_is_under_way() -> None:
    owner = at(retryPolicy="Failed")
    failed = at(
        retryPolicy="Failed", status=recorded(pod_of(AT, status=FAILED), owner).raw["status"]
    )
    assert isinstance(first(failed, INSTANT + HOUR, default=60), CreatePod)


# Waiting


def test_a_new_at_is_checked_then_armed_then_left_alone() -> None:
    assert course(AT, now=INSTANT - HOUR) == [(Preflight, NAME), (UpdateStatus, "Pending")]
    armed = At({**AT.raw, "status": status.armed(AT, INSTANT, INSTANT - 2 * HOUR).document()})
    assert course(armed, now=INSTANT - HOUR) == []


def test_what_is_checked_is_what_will_be_created() -> None:
    checked = next_action(INSTANT - HOUR, Seen(AT))
    created = next_action(INSTANT, Seen(AT))
    assert isinstance(checked, Preflight)
    assert isinstance(created, CreatePod)
    assert checked.manifest == created.manifest


def test_an_edited_at_is_checked_anew() -> None:
    before = status.armed(AT, INSTANT, INSTANT - HOUR).document()
    edited = at(status=before, metadata={"generation": 2})
    assert course(edited, now=INSTANT - HOUR) == [(Preflight, NAME), (UpdateStatus, "Pending")]


def test_a_refused_check_is_repeated_on_each_pass_and_told_once() -> None:
    refusal = Refusal("PreflightRejected", "no such field")
    action = next_action(INSTANT - HOUR, Seen(AT, checked=True, refusal=refusal))
    assert isinstance(action, UpdateStatus)
    told = At({**AT.raw, "status": action.status.document()})
    assert isinstance(next_action(INSTANT - HOUR, Seen(told)), Preflight)
    assert next_action(INSTANT - HOUR, Seen(told, checked=True, refusal=refusal)) is None


def test_the_start_is_tried_although_the_check_was_refused() -> None:
    told = status.stalled(AT, INSTANT, INSTANT - HOUR, "PreflightRejected", "no").document()
    assert isinstance(next_action(INSTANT, Seen(At({**AT.raw, "status": told}))), CreatePod)


@pytest.mark.parametrize("now", [INSTANT - HOUR, INSTANT, INSTANT + HOUR])
def test_a_suspended_at_is_neither_checked_nor_started(now: datetime) -> None:
    assert course(at(suspend=True), now=now) == [(UpdateStatus, "Suspended")]


def test_a_suspended_at_is_never_missed() -> None:
    owner = at(suspend=True, startingDeadlineSeconds=0)
    assert course(owner, now=INSTANT + HOUR) == [(UpdateStatus, "Suspended")]


# Running and ending


@pytest.mark.parametrize("ends", [SUCCEEDED, FAILED], ids=["succeeded", "failed"])
def test_the_outcome_is_recorded_before_the_pod_is_released(ends: dict[str, Any]) -> None:
    done = [(UpdateStatus, ends["phase"]), (ReleasePod, NAME)]
    assert course(recorded(), pod_of(AT, status=ends)) == done


def test_a_running_pod_needs_nothing() -> None:
    assert course(recorded(), POD) == []


def test_the_whole_run_is_recorded_if_it_ended_before_anybody_looked() -> None:
    ended = pod_of(AT, status=SUCCEEDED)
    assert course(AT, ended) == [(UpdateStatus, "Succeeded"), (ReleasePod, NAME)]


def test_a_pod_is_deleted_its_time_to_live_after_it_finished() -> None:
    owner = at(ttlSecondsAfterFinished=60)
    ended = pod_of(owner, status=SUCCEEDED, metadata={"finalizers": []})
    record = recorded(ended, owner)
    assert course(record, ended, now=ENDED + 60 * SECOND - MICROSECOND) == []
    assert course(record, ended, now=ENDED + 60 * SECOND) == [(DeletePod, NAME)]


def test_a_pod_is_released_before_it_is_deleted() -> None:
    owner = at(ttlSecondsAfterFinished=0)
    ended = pod_of(owner, status=SUCCEEDED)
    assert course(recorded(ended, owner), ended, now=ENDED + HOUR) == [
        (ReleasePod, NAME),
        (DeletePod, NAME),
    ]


def test_a_pod_that_an_earlier_version_named_is_followed_where_the_record_names_it() -> None:
    older = {"name": "cnrex-0123abcd"}
    record = recorded(pod_of(AT, metadata=older))
    ended = pod_of(AT, status=SUCCEEDED, metadata=older)
    assert course(record, ended) == [
        (UpdateStatus, "Succeeded"),
        (ReleasePod, "cnrex-0123abcd"),
    ]


def test_a_pod_is_not_deleted_in_its_first_minute() -> None:
    owner = at(ttlSecondsAfterFinished=0)
    ended = pod_of(owner, status=SUCCEEDED, metadata={"finalizers": []})
    record = recorded(ended, owner)
    assert course(record, ended, now=INSTANT + 60 * SECOND - MICROSECOND) == []
    assert course(record, ended, now=INSTANT + 60 * SECOND) == [(DeletePod, NAME)]


def test_a_pod_that_somebody_deletes_is_not_let_go_of_in_its_first_minute() -> None:
    owner = at()
    ended = pod_of(owner, status=SUCCEEDED, metadata={"deletionTimestamp": rfc3339(ENDED)})
    record = recorded(ended, owner)
    assert course(record, ended, now=INSTANT + 60 * SECOND - MICROSECOND) == []
    assert course(record, ended, now=INSTANT + 60 * SECOND) == [(ReleasePod, NAME)]


@pytest.mark.parametrize(
    ("age", "unchanged"), [(60 * SECOND - MICROSECOND, True), (60 * SECOND, False)]
)
def test_in_its_first_minute_a_pod_is_only_let_go_of_as_it_was_read(
    age: timedelta, unchanged: bool
) -> None:
    ended = pod_of(AT, status=SUCCEEDED)
    action = next_action(INSTANT + age, Seen(recorded(ended), (ended,)))
    assert isinstance(action, ReleasePod)
    assert action.unchanged == unchanged


def test_a_pod_that_is_going_is_not_deleted_again() -> None:
    owner = at(ttlSecondsAfterFinished=0)
    going = {"deletionTimestamp": rfc3339(ENDED), "finalizers": ["example.com/theirs"]}
    ended = pod_of(owner, status=SUCCEEDED, metadata=going)
    assert course(recorded(ended, owner), ended, now=ENDED + HOUR) == []


def without_finalizer(labels: dict[str, str]) -> MadePod:
    """The Pod of a run that is over, released, with these labels beside its own."""
    labels = {**POD.raw["metadata"]["labels"], **labels}
    return pod_of(AT, status=SUCCEEDED, metadata={"finalizers": [], "labels": labels})


def test_without_a_time_to_live_the_pod_stays() -> None:
    ended = without_finalizer({api.RECORDED: "true"})
    assert course(recorded(ended), ended, now=ENDED + timedelta(days=36500)) == []


def test_a_pod_that_was_released_without_a_label_gets_it_and_leaves_the_list() -> None:
    ended = without_finalizer({})
    cluster = FakeCluster(Objects([recorded(ended), ended], now=ENDED + HOUR))
    assert [_told(action) for action, _ in steps(cluster)] == [(ReleasePod, NAME)]
    assert list(cluster.pods()) == [[]]


def test_a_pod_with_a_time_to_live_stays_in_the_list() -> None:
    owner = at(ttlSecondsAfterFinished=7200)
    ended = pod_of(owner, status=SUCCEEDED)
    cluster = FakeCluster(Objects([recorded(ended, owner), ended], now=ENDED + HOUR))
    assert [_told(action) for action, _ in steps(cluster)] == [(ReleasePod, NAME)]
    assert len(next(cluster.pods())) == 1


def test_a_pod_that_gets_its_time_to_live_when_it_has_left_the_list_is_found_and_deleted() -> None:
    ended = without_finalizer({api.RECORDED: "true"})
    edited = at(ttlSecondsAfterFinished=60, metadata={"generation": 2})
    owner = At({**edited.raw, "status": recorded(ended).raw["status"]})
    assert course(owner, ended, now=ENDED + HOUR) == [
        (FindPod, NAME),
        (ReleasePod, NAME),
        (DeletePod, NAME),
        (FindPod, NAME),
        (UpdateStatus, "Succeeded"),
    ]


def test_a_pod_without_labels_is_cleaned_up_before_the_status_after_which_nobody_asks_for_it() -> (
    None
):
    ended = pod_of(AT, status=SUCCEEDED, metadata={"labels": {}})
    edited = at(ttlSecondsAfterFinished=60, metadata={"generation": 2})
    owner = At({**edited.raw, "status": recorded(ended).raw["status"]})
    assert course(owner, ended, now=ENDED + HOUR) == [
        (FindPod, NAME),
        (ReleasePod, NAME),
        (DeletePod, NAME),
        (FindPod, NAME),
        (UpdateStatus, "Succeeded"),
    ]


# A Pod that no node is found for in time

UNSCHEDULED = {
    "phase": "Pending",
    "conditions": [
        {
            "type": "PodScheduled",
            "status": "False",
            "reason": "Unschedulable",
            "message": "0/3 nodes are available",
        }
    ],
}
PUNCTUAL = at(startingDeadlineSeconds=60)


def test_a_pod_without_a_node_is_deleted_after_the_starting_deadline_and_its_run_missed() -> None:
    waiting = pod_of(PUNCTUAL, status=UNSCHEDULED)
    assert course(PUNCTUAL, waiting, now=INSTANT + 61 * SECOND) == [
        (DeletePod, NAME),
        (UpdateStatus, "Missed"),
        (ReleasePod, NAME),
    ]


def test_the_missed_run_tells_why_there_was_no_node() -> None:
    gone = {"deletionTimestamp": rfc3339(INSTANT + 61 * SECOND)}
    waiting = pod_of(PUNCTUAL, status=UNSCHEDULED, metadata=gone)
    action = next_action(INSTANT + 61 * SECOND, Seen(PUNCTUAL, (waiting,)))
    assert isinstance(action, UpdateStatus)
    assert action.status.run is not None
    assert action.status.run.reason == "Unschedulable"
    assert "0/3 nodes are available" in action.status.run.message
    assert action.status.run.pod_name == NAME


def test_it_is_deleted_only_as_it_was_read() -> None:
    waiting = pod_of(PUNCTUAL, status=UNSCHEDULED)
    action = next_action(INSTANT + 61 * SECOND, Seen(PUNCTUAL, (waiting,)))
    assert action == DeletePod(PUNCTUAL, waiting, unchanged=True)


@pytest.mark.parametrize(
    ("seconds", "spec"), [(60, {}), (61, {"nodeName": "node"})], ids=["in time", "with a node"]
)
def test_in_time_or_with_a_node_it_may_still_run(seconds: int, spec: dict[str, Any]) -> None:
    waiting = pod_of(PUNCTUAL, status=UNSCHEDULED, **spec)
    done = course(PUNCTUAL, waiting, now=INSTANT + seconds * SECOND)
    assert done == [(UpdateStatus, "Running")]


def test_a_missed_run_with_its_pod_is_not_looked_at_again() -> None:
    gone = {"deletionTimestamp": rfc3339(INSTANT + 61 * SECOND), "finalizers": ["example.com/x"]}
    waiting = pod_of(PUNCTUAL, status=UNSCHEDULED, metadata=gone)
    missed = status.missed(PUNCTUAL, INSTANT, INSTANT + 61 * SECOND, 60, waiting).document()
    over = At({**PUNCTUAL.raw, "status": missed})
    assert course(over, waiting, now=INSTANT + HOUR) == []


# Losing sight of a Pod


def test_a_pod_missing_from_the_list_is_asked_for_before_it_counts_as_lost() -> None:
    assert course(recorded()) == [(FindPod, NAME), (UpdateStatus, "Failed")]


def test_a_pod_created_after_the_list_is_found_by_its_name() -> None:
    assert course(recorded(), unlisted=(POD,)) == [(FindPod, NAME)]


def test_a_pod_found_finished_is_recorded() -> None:
    ended = pod_of(AT, status=SUCCEEDED)
    assert course(recorded(), unlisted=(ended,)) == [
        (FindPod, NAME),
        (UpdateStatus, "Succeeded"),
        (ReleasePod, NAME),
    ]


@pytest.mark.parametrize("owner", [{}, {"ownerReferences": None}, {"namespace": "other"}])
def test_a_pod_of_that_name_that_is_not_the_ats_is_not_adopted(owner: dict[str, Any]) -> None:
    metadata = owner or {**pod_of(at("other")).raw["metadata"], "name": NAME}
    stranger = pod_of(AT, status=SUCCEEDED, metadata=metadata)
    assert course(recorded(), unlisted=(stranger,)) == [(FindPod, NAME), (UpdateStatus, "Failed")]


def test_a_lost_run_is_not_run_again() -> None:
    lost = At({**AT.raw, "status": status.lost(recorded(), INSTANT, NAME, INSTANT).document()})
    assert course(lost, now=INSTANT + HOUR) == []


@pytest.mark.parametrize("verdict", ["Missed", "PodLost"])
def test_a_pod_that_is_there_after_all_is_the_better_witness(verdict: str) -> None:
    owner = at(startingDeadlineSeconds=0)
    verdicts = {
        "Missed": status.missed(owner, INSTANT, LATER, 60).document(),
        "PodLost": status.lost(owner, INSTANT, NAME, LATER).document(),
    }
    wrong = At({**owner.raw, "status": verdicts[verdict]})
    assert course(wrong, pod_of(owner, status=SUCCEEDED)) == [
        (UpdateStatus, "Succeeded"),
        (ReleasePod, NAME),
    ]


def test_a_pod_whose_annotation_was_changed_is_known_by_its_name() -> None:
    changed = pod_of(AT, status=SUCCEEDED, metadata={"annotations": {}})
    assert course(recorded(), changed) == [(UpdateStatus, "Succeeded"), (ReleasePod, NAME)]


def test_a_pod_with_the_name_of_no_run_is_left_alone() -> None:
    stray = pod_of(AT, status=SUCCEEDED, metadata={"name": "cnrex-12345678"})
    assert course(AT, stray) == course(AT)


# Editing


def test_an_edited_schedule_waits_for_the_run_under_way() -> None:
    edited = At({**EDITED.raw, "status": recorded().raw["status"]})
    assert course(edited, POD, now=LATER) == [(UpdateStatus, "Running")]  # Of this generation.


def test_an_edited_schedule_counts_as_soon_as_the_run_is_recorded() -> None:
    edited = At({**EDITED.raw, "status": recorded().raw["status"]})
    assert course(edited, pod_of(AT, status=FAILED), now=LATER) == [
        (UpdateStatus, "Failed"),
        (CreatePod, pod.name(AT, LATER)),
        (UpdateStatus, "Running"),
        (ReleasePod, NAME),
    ]


def test_both_outcomes_are_kept_where_two_runs_have_a_pod() -> None:
    first, second = (pod_of(AT, each, FAILED) for each in (INSTANT, LATER))
    cluster = FakeCluster(Objects([EDITED, first, second], now=LATER))
    done = [_told(action) for action, _ in steps(cluster)]
    assert [what for what, _ in done] == [UpdateStatus, UpdateStatus, ReleasePod, ReleasePod]
    ends = At(cluster.at("default", "cnrex")).raw["status"]
    assert ends["scheduledTime"] == rfc3339(LATER)
    assert [run["scheduledTime"] for run in ends["history"]] == [DUE]


def test_the_run_that_the_status_tells_of_is_followed_first() -> None:
    later = pod_of(AT, LATER)
    telling = recorded(later, EDITED, LATER)
    assert course(telling, POD, later, now=LATER) == []


def test_a_run_whose_schedule_was_broken_meanwhile_still_ends() -> None:
    broken = at(schedule="soon", status=recorded().raw["status"])
    assert course(broken, pod_of(AT, status=SUCCEEDED)) == [
        (UpdateStatus, "Succeeded"),
        (UpdateStatus, "Pending"),
        (ReleasePod, NAME),
    ]


def test_a_schedule_put_back_is_answered_from_the_record() -> None:
    ended = recorded(pod_of(AT, status=FAILED))
    elsewhere = status.armed(
        At({**EDITED.raw, "status": ended.raw["status"]}), LATER, INSTANT
    ).document()
    back = At({**AT.raw, "status": elsewhere})
    action = next_action(LATER, Seen(back))
    assert isinstance(action, UpdateStatus)
    assert action.status.document()["exitCode"] == 3
    assert "history" not in action.status.document()
    assert next_action(LATER, Seen(At({**AT.raw, "status": action.status.document()}))) is None


# Deleting


@pytest.mark.parametrize("now", [INSTANT - HOUR, INSTANT])
@pytest.mark.parametrize("spec", [{}, {"suspend": True}, {"schedule": "soon"}])
def test_a_deleted_at_is_left_alone(now: datetime, spec: dict[str, Any]) -> None:
    going = at(metadata={"deletionTimestamp": DUE, "finalizers": ["foregroundDeletion"]}, **spec)
    assert next_action(now, Seen(going)) is None


def test_a_deleted_at_still_hears_how_its_run_ended() -> None:
    going = at(metadata={"deletionTimestamp": DUE}, status=recorded().raw["status"])
    assert course(going, pod_of(AT, status=SUCCEEDED)) == [
        (UpdateStatus, "Succeeded"),
        (ReleasePod, NAME),
    ]


# Garbage


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"schedule": 7}, "spec.schedule"),
        ({"schedule": None}, "spec.schedule"),
        ({"timeZone": 7}, "spec.timeZone"),
        ({"suspend": "yes"}, "spec.suspend"),
        ({"startingDeadlineSeconds": "60"}, "spec.startingDeadlineSeconds"),
        ({"podMetadata": []}, "spec.podMetadata"),
        ({"command": 7}, "spec.command"),
        ({"restartPolicy": "Always"}, "spec.restartPolicy"),
    ],
)
def test_a_spec_that_no_schema_stopped_stalls_that_at(spec: dict[str, Any], field: str) -> None:
    action = next_action(INSTANT, Seen(at(**spec)))
    assert isinstance(action, UpdateStatus)
    assert action.status.document()["reason"] == "InvalidSpec"
    assert action.status.document()["message"].startswith(f"{field}: ")


@pytest.mark.parametrize(
    "garbage",
    [
        {"phase": "Done"},
        {"phase": 7},
        {"scheduledTime": "yesterday"},
        {"podName": 7},
        {"conditions": {}},
        {"conditions": ["Ready"]},
        {"history": [{}]},
        {"history": [{"scheduledTime": "yesterday"}]},
    ],
)
def test_nothing_is_concluded_from_a_status_that_cannot_be_read(garbage: dict[str, Any]) -> None:
    with pytest.raises(Malformed, match="status"):
        next_action(INSTANT, Seen(at(status=garbage)))


# What else it tells


def test_an_armed_at_says_what_for() -> None:
    assert plan.armed_for(at(status=status.armed(AT, INSTANT, INSTANT).document())) == INSTANT


@pytest.mark.parametrize(
    "other",
    [
        {},
        status.suspended(AT, INSTANT, INSTANT).document(),
        status.stalled(AT, INSTANT, INSTANT, "PreflightRejected", "no").document(),
        recorded().raw["status"],
        status.missed(AT, INSTANT, INSTANT, 60).document(),
    ],
)
def test_what_does_not_wait_is_armed_for_nothing(other: dict[str, Any]) -> None:
    assert plan.armed_for(at(status=other)) is None


@pytest.mark.parametrize("now", [INSTANT - HOUR, INSTANT], ids=["before", "at the instant"])
def test_where_no_server_is_asked_the_refusal_on_record_stands(now: datetime) -> None:
    stalled = status.stalled(AT, INSTANT, INSTANT, "PreflightRejected", "no").document()
    assert next_action(now, Seen(at(status=stalled), asks_server=False)) is None


def test_a_refusal_of_another_spec_says_nothing_of_this() -> None:
    stalled = status.stalled(AT, INSTANT, INSTANT, "PreflightRejected", "no").document()
    edited = at(status=stalled, metadata={"generation": 2})
    assert isinstance(next_action(INSTANT, Seen(edited, asks_server=False)), CreatePod)


def test_only_what_is_stalled_cannot_start() -> None:
    stalled = status.stalled(AT, INSTANT, INSTANT, "PreflightRejected", "no").document()
    assert at(status=stalled).status.cannot_start
    assert not at(status=status.armed(AT, INSTANT, INSTANT).document()).status.cannot_start
    assert not AT.status.cannot_start
    assert not recorded(pod_of(AT, status=FAILED)).status.cannot_start


# From any state

INSTANTS = [INSTANT - HOUR, INSTANT, INSTANT + 250_000 * MICROSECOND, LATER]
BY_SPELLING = {rfc3339(instant): instant for instant in INSTANTS}
TIMES = [INSTANT - 2 * HOUR, *INSTANTS, INSTANT - MICROSECOND, LATER + HOUR]
NEVER = datetime.max.replace(tzinfo=UTC)
times = st.sampled_from(TIMES)
stamps = times.map(lambda each: rfc3339(each.replace(microsecond=0)))
instants = st.sampled_from(INSTANTS)
NUMBERS = (1, 2, 3)
OTHERS_NAME = "cnrex-00000000"  # of a Pod that another version has made, or anybody
words = st.sampled_from(["Completed", "PodLost", "Retrying", "Error", "a b", ""])
words |= st.text(max_size=8)


def some(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """An object with some of these fields."""
    return st.fixed_dictionaries({}, optional=fields)


conditions = st.fixed_dictionaries(
    {"type": st.sampled_from(["Ready", "Stalled"]), "status": st.sampled_from(["True", "False"])},
    optional={"lastTransitionTime": stamps, "reason": words, "message": words},
)
ends = {
    "phase": st.sampled_from(["Succeeded", "Failed", "Missed"]),
    "startTime": stamps,
    "completionTime": stamps,
    "podName": st.sampled_from([*NUMBERS, None]),
    "exitCode": st.integers(0, 255),
    "reason": words,
    "message": words,
}
runs = st.fixed_dictionaries(
    {"scheduledTime": instants.map(rfc3339), "phase": ends.pop("phase")}, optional=ends
)


def with_names(status: dict[str, Any]) -> dict[str, Any]:
    """A status in which the numbers of Pods are the names that they have in their run."""

    def named(entry: dict[str, Any], instant: str) -> dict[str, Any]:
        number = entry.get("podName")
        name = pod.name(AT, BY_SPELLING[instant], number) if number else OTHERS_NAME
        return {**entry, "podName": name} if "podName" in entry else entry

    instant = status.get("scheduledTime", rfc3339(INSTANT))
    history = [named(run, run["scheduledTime"]) for run in status.get("history", [])]
    attempts = [named(attempt, instant) for attempt in status.get("attempts", [])]
    lists = {"history": history, "attempts": attempts}
    return named(status, instant) | {key: lists[key] for key in lists if key in status}


statuses = some(
    **ends,
    phase=st.sampled_from(["Pending", "Suspended", "Running", "Succeeded", "Failed", "Missed"]),
    scheduledTime=instants.map(rfc3339),
    observedGeneration=st.integers(0, 3),
    conditions=st.lists(conditions, max_size=2),
    history=st.lists(runs, max_size=2, unique_by=lambda run: run["scheduledTime"]),
    attempts=st.lists(
        st.fixed_dictionaries(
            {"podName": ends["podName"]}, optional={"completionTime": stamps, "reason": words}
        ),
        max_size=2,
    ),
).map(with_names)
specs = some(
    schedule=instants.map(rfc3339) | st.sampled_from(["soon", "2023-02-30T00:00:00Z", 7]),
    suspend=st.booleans(),
    startingDeadlineSeconds=st.integers(0, 7200),
    retryPolicy=st.sampled_from(["Never", "NotStarted", "Disrupted", "Failed"]),
    backoffLimit=st.integers(0, 3),
    ttlSecondsAfterFinished=st.integers(0, 7200),
    command=st.just("true"),
    podMetadata=st.sampled_from([{"labels": {"a": "b"}}, {"labels": []}]),
)
metadata_of_ats = some(generation=st.integers(0, 3), deletionTimestamp=stamps)
states = st.one_of(
    st.builds(lambda reason: {"waiting": {"reason": reason}}, words),
    st.builds(terminated, st.integers(0, 255), words).map(lambda entry: entry["state"]),
    st.just({"running": {}}),
)
pod_statuses = some(
    phase=st.sampled_from(["Pending", "Running", "Succeeded", "Failed", "Unknown"]),
    reason=words,
    message=words,
    containerStatuses=st.lists(
        st.builds(lambda state: {"name": "shell", "state": state}, states), max_size=2
    ),
    conditions=st.lists(
        st.fixed_dictionaries(
            {
                "type": st.sampled_from(["DisruptionTarget", "PodScheduled", "Ready"]),
                "status": st.sampled_from(["True", "False"]),
            },
            optional={"reason": words, "message": words, "lastTransitionTime": stamps},
        ),
        max_size=2,
    ),
)
metadata_of_pods = some(
    deletionTimestamp=stamps | st.just(rfc3339(NEVER.replace(microsecond=0))),
    finalizers=st.lists(
        st.sampled_from(["cnat.programming-kubernetes.info/outcome", "example.com/theirs"]),
        unique=True,
    ),
    annotations=st.just({}),
    labels=st.just({}),
    ownerReferences=st.just([]),
    name=st.just(OTHERS_NAME),
    creationTimestamp=stamps,
)


@st.composite
def clusters(draw: st.DrawFn, *, raced: bool = True) -> FakeCluster:
    """An At in any well-typed state, any Pods of its runs or in their way, and any time.

    Args:
        raced: other passes create Pods while this one lists.
    """
    owner = at(status=draw(statuses), metadata=draw(metadata_of_ats), **draw(specs))
    pods = [
        pod_of(
            AT,
            each,
            draw(pod_statuses),
            metadata=draw(metadata_of_pods),
            attempt=number,
            **draw(some(nodeName=st.just("node"))),
        )
        for each, number in draw(
            st.lists(st.tuples(instants, st.sampled_from(NUMBERS)), unique=True, max_size=4)
        )
    ]
    unlisted = draw(st.lists(st.sampled_from(pods), unique_by=id)) if pods and raced else []
    listed = [each for each in pods if each not in unlisted]
    return FakeCluster(Objects([owner, *listed], now=draw(times), unlisted=unlisted))


# Instant and number of each Pod that cnat may make here.
RUNS = {pod.name(AT, each, number): (each, number) for each in INSTANTS for number in range(1, 9)}


def ours(cluster: FakeCluster) -> set[str]:
    """The names of the Pods in the cluster that are the At's, by label, owner and name."""
    labelled = [
        raw for kind, raw in _items(cluster) if kind is Pod and raw["metadata"].get("labels")
    ]
    found = map(Pod.of, labelled)
    return {each.name for each in found if each.at_uid == AT.uid and each.name in RUNS}


def _items(cluster: FakeCluster) -> list[tuple[type, Any]]:
    return [(kind, raw) for (kind, _, _), raw in cluster.objects.all.items()]


def outcome_of(cluster: FakeCluster) -> list[Any]:
    """What there is in the cluster, but for the numbers of its versions."""
    items = copy.deepcopy(_items(cluster))
    for _, raw in items:
        raw["metadata"].pop("resourceVersion", None)
    return sorted(items, key=str)


def anew(cluster: FakeCluster) -> FakeCluster:
    """The cluster as the next pass finds it: what was created has come into the lists."""
    objects = Objects([], now=cluster.now())
    objects.all = copy.deepcopy(cluster.objects.all)
    return FakeCluster(objects)


any_state = given(clusters())
any_state_at_rest = given(clusters(raced=False))
many = settings(max_examples=100)


@any_state_at_rest
@many
def test_a_pass_ends_and_the_next_one_has_nothing_to_write(cluster: FakeCluster) -> None:
    for _ in steps(cluster):
        pass
    again = anew(cluster)
    for action, _ in steps(again):
        # What was refused is asked again, and refused again.
        assert isinstance(action, Preflight | FindPod | CreatePod)
    assert outcome_of(again) == outcome_of(cluster)


@any_state
@many
def test_a_decision_depends_on_nothing_else_and_changes_nothing(cluster: FakeCluster) -> None:
    for action, seen in steps(cluster):
        before = copy.deepcopy(seen)
        assert next_action(cluster.now(), copy.deepcopy(seen)) == action
        assert seen == before


@any_state
@many
def test_a_pass_creates_at_most_one_pod_and_never_one_that_it_must_not(
    cluster: FakeCluster,
) -> None:
    owner = At(cluster.objects.at("default", "cnrex"))
    there = ours(cluster)
    created = [(each, seen) for each, seen in steps(cluster) if isinstance(each, CreatePod)]
    assert len(created) <= 1
    for action, seen in created:
        assert rfc3339(action.at.instant) == owner.spec["schedule"]
        assert action.at.instant <= cluster.now()
        assert not owner.deleting
        assert not owner.suspended
        late = (cluster.now() - action.at.instant).total_seconds()
        assert late <= owner.spec.get("startingDeadlineSeconds", late)
        record = seen.at.status
        assert action.at.instant not in {run.instant for run in record.ended_runs}
        name = action.manifest["metadata"]["name"]
        instant, number = RUNS[name]
        assert instant == action.at.instant
        if number > 1:
            assert len(record.attempts) == number - 1
            assert number - 1 <= owner.backoff_limit
            assert owner.retry_policy != "Never"
            assert cluster.now() >= retry.due(instant, record.attempts)
        assert name not in {its_pod.name for its_pod in seen.pods}
        if name in there:  # Created after the list: the create finds it, and does no harm.
            assert name in cluster.objects.unlisted


@any_state
@many
def test_a_pod_is_released_or_deleted_only_when_its_outcome_is_on_record(
    cluster: FakeCluster,
) -> None:
    for action, _ in steps(cluster):
        if isinstance(action, ReleasePod) or (
            isinstance(action, DeletePod) and not action.unchanged
        ):
            record = At(cluster.objects.at("default", "cnrex")).status
            told: set[object] = {run.instant for run in record.ended_runs}
            told |= {run.pod_name for run in record.ended_runs}
            instant, number = RUNS.get(action.pod.name, (None, 1))
            current = record.run is not None and record.run.instant == instant
            assert (current and number <= len(record.attempts)) or told & {
                instant,
                action.pod.name,
            }
        if isinstance(action, DeletePod):
            assert action.pod.has_finalizer == action.unchanged


@any_state
@many
def test_only_pods_of_its_own_runs_are_touched(cluster: FakeCluster) -> None:
    mine = ours(cluster)
    for action, _ in steps(cluster):
        if isinstance(action, ReleasePod | DeletePod):
            assert action.pod.name in mine


@any_state
@many
def test_an_outcome_once_recorded_is_never_forgotten(cluster: FakeCluster) -> None:
    before = At(cluster.objects.at("default", "cnrex"))
    known = {run.instant for run in before.status.ended_runs}
    for _ in steps(cluster):
        pass
    after = At(cluster.objects.at("default", "cnrex"))
    # But for a verdict that a Pod, which is there after all, has refuted.
    rerun = {after.status.run.instant if after.status.run else None}
    assert known <= {run.instant for run in after.status.ended_runs} | rerun


@any_state_at_rest
@many
def test_a_pass_killed_after_any_step_is_continued_to_the_same_end(cluster: FakeCluster) -> None:
    whole = copy.deepcopy(cluster)
    length = sum(1 for _ in steps(whole))
    for survived in range(length + 1):
        killed = copy.deepcopy(cluster)
        for number, _ in enumerate(steps(killed)):
            if number == survived:
                break
        following = anew(killed)
        for _ in steps(following):
            pass
        assert outcome_of(following) == outcome_of(whole)
