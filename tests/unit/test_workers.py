"""Actions applied: in which order, how many at once, until when, and what failures do."""

from __future__ import annotations

import json
import threading
import tracemalloc
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from cnat.cluster import boot_clock
from cnat.cluster.deadline import Deadline
from cnat.cluster.protocol import ClusterError, OutOfTime, Rejected, Unreachable
from cnat.core import plan, pod, status
from cnat.core.action import Action
from cnat.core.at import At
from cnat.core.observed_pod import Pod
from cnat.core.plan import Seen
from cnat.core.schedule import rfc3339
from cnat.engine.reconcile import unreported
from cnat.engine.results import Change, Failure, Results
from cnat.engine.settings import Settings
from cnat.engine.tasks import RECENT_SECONDS, Turn
from cnat.engine.workers import Workers
from tests.support.factories import ENDED, INSTANT, SUCCEEDED, MadePod, at, foreign_pod, pod_of
from tests.support.fake_cluster import FakeCluster, Objects

HOUR = timedelta(hours=1)
NOW = ENDED + HOUR


def workers_on(
    cluster: FakeCluster,
    *,
    concurrency: int = 1,
    deadline: Deadline | None = None,
    report: Callable[[Change | Failure], None] = unreported,
) -> Workers:
    deadline = deadline or Deadline(1e6)
    return Workers(cluster, deadline, Settings(concurrency=concurrency), report)


def applied(
    cluster: FakeCluster,
    *,
    concurrency: int = 1,
    deadline: Deadline | None = None,
    age: float = 0.0,
    report: Callable[[Change | Failure], None] = unreported,
) -> Results:
    """Apply all that is to be done for all Ats in the cluster, read `age` seconds ago."""
    workers = workers_on(cluster, deadline=deadline, concurrency=concurrency, report=report)
    (ats,), (pods,) = cluster.ats(), cluster.pods()
    for raw in ats:
        mine = tuple(each for each in map(Pod.of, pods) if each.at_uid == At(raw).uid)
        workers.add(Turn(Seen(At(raw), mine), boot_clock.now() - age))
    workers.run()
    return workers.results


def due(name: str = "cnrex", hours: int = 0, **spec: Any) -> At:
    """An At that was due that many hours before NOW."""
    return at(name, schedule=rfc3339(NOW - hours * HOUR), **spec)


def pod_name(owner: At) -> str:
    return pod.name(owner, owner.instant)


def failing(verb: str, name: str, error: ClusterError) -> Callable[[str, str], ClusterError | None]:
    return lambda *call: error if call == (verb, name) else None


# Order


def test_what_starts_comes_first_then_what_is_recorded_then_tidied_then_checked_then_told() -> None:
    ended = at("ended", ttlSecondsAfterFinished=0)
    its_pod = pod_of(ended, status=SUCCEEDED)
    coming = at("coming", schedule=rfc3339(NOW + HOUR))
    start = due("start")
    cluster = FakeCluster(Objects([coming, ended, its_pod, start], now=NOW))
    applied(cluster)
    assert [call for call in cluster.calls if call[0] != "create event"] == [
        ("create pod", pod_name(start)),
        ("set status", "ended"),
        ("set status", "start"),
        ("release pod", its_pod.name),
        ("delete pod", its_pod.name),
        ("preflight", pod_name(coming)),
        ("set status", "coming"),
    ]
    assert [verb for verb, _ in cluster.calls[-3:]] == ["create event"] * 3


def test_the_earliest_due_starts_first() -> None:
    ats = [due("second", 2), due("third", 1), due("first", 3)]
    cluster = FakeCluster(Objects(ats, now=NOW))
    applied(cluster)
    assert cluster.calls[:3] == [
        ("create pod", pod_name(ats[2])),
        ("create pod", pod_name(ats[0])),
        ("create pod", pod_name(ats[1])),
    ]


def test_what_was_refused_before_starts_last() -> None:
    refused, new = due("refused", 2), due("new", 1)
    stalled = status.stalled(
        refused, refused.instant, NOW, "StartRejected", "exceeded quota"
    ).document()
    cluster = FakeCluster(Objects([At({**refused.raw, "status": stalled}), new], now=NOW))
    applied(cluster)
    assert cluster.calls[:4] == [
        ("create pod", pod_name(new)),
        ("set status", "new"),
        ("create pod", pod_name(refused)),
        ("set status", "refused"),
    ]


@pytest.fixture
def no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """No memory for what waits."""
    monkeypatch.setattr("cnat.engine.work_queue._MOST_BYTES", 0)


@pytest.mark.usefixtures("no_room")
def test_an_at_that_there_is_no_room_for_is_read_again_at_its_turn() -> None:
    coming, overdue = at("coming", schedule=rfc3339(NOW + HOUR)), due("overdue")
    cluster = FakeCluster(Objects([coming, overdue], now=NOW))
    results = applied(cluster)
    assert results.failures == []
    assert [call for call in cluster.calls if call[0] != "create event"] == [
        ("get at", "overdue"),
        ("create pod", pod_name(overdue)),
        ("get at", "overdue"),
        ("set status", "overdue"),
        ("get at", "coming"),
        ("preflight", pod_name(coming)),
        ("get at", "coming"),
        ("set status", "coming"),
    ]


@pytest.mark.usefixtures("no_room")
def test_an_at_that_is_gone_when_its_turn_comes_is_left_alone() -> None:
    cluster = FakeCluster(Objects([due()], now=NOW))
    workers = workers_on(cluster)
    workers.add(Turn(Seen(due("gone")), boot_clock.now()))
    workers.run()
    assert {verb for verb, _ in cluster.calls} == {"get at"}
    assert workers.results.failures == []


def test_among_equals_the_first_come_is_the_first_served() -> None:
    ats = [due(name) for name in ("c", "a", "b")]
    cluster = FakeCluster(Objects(ats, now=NOW))
    applied(cluster)
    assert cluster.calls[:3] == [("create pod", pod_name(each)) for each in ats]


# How many at once


@pytest.mark.parametrize("concurrency", [1, 2, 5])
def test_as_many_writes_as_allowed_are_under_way_and_never_more(concurrency: int) -> None:
    cluster = FakeCluster(Objects([due(f"at-{number}") for number in range(10)], now=NOW))
    together, busy, most = threading.Barrier(concurrency), threading.Semaphore(concurrency), []

    def meet(verb: str, _: str) -> None:
        if verb != "create pod":
            return
        most.append(busy.acquire(blocking=False))
        together.wait(timeout=60)  # Nobody goes on before that many are here.
        busy.release()
        together.wait(timeout=60)

    cluster.fail = meet
    assert len(applied(cluster, concurrency=concurrency).changes) == 20
    assert most == [True] * 10


def test_with_nothing_to_do_nothing_is_asked() -> None:
    cluster = FakeCluster(Objects([], now=NOW))
    assert applied(cluster) == Results()
    assert cluster.calls == []


def test_reports_come_one_at_a_time() -> None:
    cluster = FakeCluster(Objects([due(f"at-{number}") for number in range(50)], now=NOW))
    telling = threading.Lock()
    told = []

    def report(event: Change | Failure) -> None:
        assert telling.acquire(blocking=False)
        told.append(event)
        telling.release()

    results = applied(cluster, concurrency=8, report=report)
    assert told == results.changes
    assert len(told) == 100


# What is reported


def test_a_change_says_what_to_what_and_why() -> None:
    owner = due()
    results = applied(FakeCluster(Objects([owner], now=NOW)))
    created, recorded = results.changes
    assert (created.namespace, created.at, created.action) == ("default", "cnrex", "create pod")
    assert (created.target, created.detail) == (pod_name(owner), f"due {rfc3339(NOW)}")
    assert (recorded.action, recorded.target, recorded.detail) == (
        "set status",
        "Running",
        "",
    )
    assert min(created.seconds, recorded.seconds) >= 0.0


def test_a_check_and_an_event_are_no_changes() -> None:
    results = applied(FakeCluster(Objects([at(schedule=rfc3339(NOW + HOUR))], now=NOW)))
    (change,) = results.changes
    assert (change.action, change.target) == ("set status", "Pending")
    assert change.detail == f"due {rfc3339(NOW + HOUR)}"


def test_what_concerns_a_pod_is_reported_of_its_at() -> None:
    owner = at(ttlSecondsAfterFinished=0)
    its_pod = pod_of(owner, status=SUCCEEDED)
    changes = applied(FakeCluster(Objects([owner, its_pod], now=NOW))).changes
    assert [(change.action, change.at, change.target) for change in changes] == [
        ("set status", "cnrex", "Succeeded"),
        ("release pod", "cnrex", its_pod.name),
        ("delete pod", "cnrex", its_pod.name),
    ]


def test_a_change_tells_the_instant_of_its_run_and_how_that_stands() -> None:
    owner = at(ttlSecondsAfterFinished=0)
    its_pod = pod_of(owner, status=SUCCEEDED)
    recorded, released, deleted = applied(FakeCluster(Objects([owner, its_pod], now=NOW))).changes
    assert {recorded.instant, released.instant, deleted.instant} == {INSTANT}
    assert recorded.run is not None
    assert (recorded.run.phase, recorded.run.completion) == ("Succeeded", ENDED)
    created, _ = applied(FakeCluster(Objects([due()], now=NOW))).changes
    assert (created.instant, created.run) == (NOW, None)


def test_another_attempt_tells_how_the_run_stood_before() -> None:
    so_far = {
        "observedGeneration": 1,
        "phase": "Running",
        "scheduledTime": rfc3339(INSTANT),
        "reason": "Retrying",
        "attempts": [{"podName": "cnrex-1"}],
    }
    owner = at(retryPolicy="Failed", status=so_far)
    created = applied(FakeCluster(Objects([owner], now=NOW))).changes[0]
    assert created.action == "create pod"
    assert created.run is not None
    assert created.run.reason == "Retrying"


def test_how_the_ats_stand_at_the_end_is_counted_and_the_next_few_are_told() -> None:
    coming = [at(f"in-{hours}", schedule=rfc3339(NOW + hours * HOUR)) for hours in (4, 2, 3, 1)]
    cluster = FakeCluster(Objects([due(), at("off", suspend=True), *coming], now=NOW))
    for _ in range(2):
        results = applied(cluster)
        assert results.phases == {"Running": 1, "Suspended": 1, "Pending": 4}
        assert [(each.at, each.instant) for each in results.next] == [
            (f"in-{hours}", NOW + hours * HOUR) for hours in (1, 2, 3)
        ]


def test_an_at_that_cannot_start_is_a_failure_on_every_pass() -> None:
    cluster = FakeCluster(Objects([at(schedule="soon")], now=NOW))
    first, second = applied(cluster), applied(cluster)
    assert [change.target for change in first.changes] == ["Pending"]
    assert second.changes == []
    assert first.failures == second.failures
    (failure,) = second.failures
    assert (failure.at, failure.action, failure.reason) == ("cnrex", "start", "InvalidSchedule")
    assert "'soon' is not an RFC 3339 time" in failure.message


def test_a_failed_run_is_no_failure_of_the_pass() -> None:
    owner = at()
    cluster = FakeCluster(Objects([owner, pod_of(owner, status={"phase": "Failed"})], now=NOW))
    assert applied(cluster).failures == []


# Failures


@pytest.mark.parametrize(
    "error",
    [
        Rejected(429, "TooManyRequests", "slow down"),
        Rejected(503, "ServiceUnavailable", "later"),
        Rejected(401, "Unauthorized", "who?"),
        Unreachable("connection refused"),
    ],
)
def test_one_object_that_fails_stops_no_other(error: ClusterError) -> None:
    bad, good = due("bad", 2), due("good", 1)
    cluster = FakeCluster(Objects([bad, good], now=NOW))
    cluster.fail = failing("create pod", pod_name(bad), error)
    results = applied(cluster)
    assert [change.at for change in results.changes] == ["good", "good"]
    (failure,) = results.failures
    assert (failure.at, failure.action, failure.message) == ("bad", "create pod", str(error))
    assert failure.reason == (error.reason if isinstance(error, Rejected) else "Unreachable")


@pytest.mark.parametrize("code", [400, 403, 404, 413, 422, 500])
def test_an_answer_about_the_pod_is_told_on_its_at(code: int) -> None:
    owner = due()
    cluster = FakeCluster(Objects([owner], now=NOW))
    error = Rejected(code, "Whatever", "it is bad")
    cluster.fail = failing("create pod", pod_name(owner), error)
    results = applied(cluster)
    told = At(cluster.objects.at("default", "cnrex")).raw["status"]
    assert (told["reason"], told["message"]) == ("StartRejected", "it is bad")
    (failure,) = results.failures
    assert (failure.action, failure.reason) == ("start", "StartRejected")


def test_a_refused_check_is_told_on_its_at() -> None:
    owner = at(schedule=rfc3339(NOW + HOUR))
    cluster = FakeCluster(Objects([owner], now=NOW))
    cluster.fail = failing("preflight", pod_name(owner), Rejected(403, "Forbidden", "quota"))
    (failure,) = applied(cluster).failures
    assert (failure.reason, failure.message) == ("PreflightRejected", "quota")


def test_an_at_whose_status_cannot_be_read_is_a_failure_and_left_alone() -> None:
    cluster = FakeCluster(Objects([due(status={"phase": "Done"})], now=NOW))
    (failure,) = applied(cluster).failures
    assert (failure.action, failure.reason) == ("plan", "Malformed")
    assert failure.message.startswith("status.phase: 'Done' is none of ")
    assert failure.message.endswith("; correct or remove it by hand")
    assert cluster.calls == []


def test_a_pod_in_the_way_is_told_and_left_alone() -> None:
    owner = due()
    cluster = FakeCluster(Objects([owner, foreign_pod(pod_name(owner))], now=NOW))
    (failure,) = applied(cluster).failures
    assert failure.reason == "PodNameTaken"
    assert cluster.writes == [
        ("create pod", pod_name(owner)),
        ("set status", "cnrex"),
        ("create event", cluster.calls[-1][1]),
    ]


def test_a_pod_that_another_pass_created_is_adopted() -> None:
    owner = due()
    cluster = FakeCluster(Objects([owner], now=NOW, unlisted=[pod_of(owner, NOW)]))
    results = applied(cluster)
    assert results.failures == []
    assert At(cluster.objects.at("default", "cnrex")).raw["status"]["podName"] == pod_name(owner)


def test_a_pod_that_was_in_the_way_and_is_gone_again_is_left_to_the_next_pass() -> None:
    owner = due()
    cluster = FakeCluster(Objects([owner], now=NOW))
    taken = Rejected(409, "AlreadyExists", "it exists")
    cluster.fail = failing("create pod", pod_name(owner), taken)
    results = applied(cluster)
    assert (results.conflicts, results.failures) == (1, [])


@pytest.mark.parametrize("code", [404, 409])
@pytest.mark.parametrize("verb", ["set status", "release pod", "delete pod"])
def test_what_somebody_else_wrote_meanwhile_is_left_to_the_next_pass(verb: str, code: int) -> None:
    owner = at(ttlSecondsAfterFinished=0)
    its_pod = pod_of(owner, status=SUCCEEDED)
    cluster = FakeCluster(Objects([owner, its_pod], now=NOW))
    name = "cnrex" if verb == "set status" else its_pod.name
    cluster.fail = failing(verb, name, Rejected(code, "Whatever", "meanwhile"))
    results = applied(cluster)
    assert (results.conflicts, results.failures) == (1, [])
    assert cluster.writes[-1][0] in (verb, "create event")


def test_a_status_that_was_not_written_releases_no_pod() -> None:
    owner = at()
    cluster = FakeCluster(Objects([owner, pod_of(owner, status=SUCCEEDED)], now=NOW))
    cluster.fail = failing("set status", "cnrex", Rejected(409, "Conflict", "meanwhile"))
    assert applied(cluster).conflicts == 1
    assert cluster.writes == [("set status", "cnrex")]


def test_an_event_that_is_refused_harms_nothing() -> None:
    cluster = FakeCluster(Objects([due()], now=NOW))
    cluster.fail = lambda verb, _: Unreachable("no") if verb == "create event" else None
    results = applied(cluster)
    assert len(results.changes) == 2
    assert (results.failures, results.conflicts, results.deferred) == ([], 0, 0)


def test_a_bug_that_one_at_wakes_is_its_failure_and_stops_no_other() -> None:
    def bug(verb: str, name: str) -> None:
        if (verb, name) == ("create pod", pod_name(due("bad", 2))):
            raise ZeroDivisionError("oops")

    cluster = FakeCluster(Objects([due("bad", 2), due("good", 1)], now=NOW))
    cluster.fail = bug
    results = applied(cluster)
    assert [change.at for change in results.changes] == ["good", "good"]
    (failure,) = results.failures
    assert (failure.at, failure.action, failure.reason) == (
        "bad",
        "create pod",
        "ZeroDivisionError",
    )
    assert failure.message.startswith("ZeroDivisionError: oops (this is a bug; ")


def test_a_bug_that_one_at_wakes_while_it_is_planned_stops_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def bug(now: datetime, seen: Seen) -> Action | None:
        if seen.at.name == "bad":
            raise ZeroDivisionError("oops")
        return next_action(now, seen)

    next_action = plan.next_action
    monkeypatch.setattr(plan, "next_action", bug)
    results = applied(FakeCluster(Objects([due("bad", 2), due("good", 1)], now=NOW)))
    assert [change.at for change in results.changes] == ["good", "good"]
    assert [(each.at, each.action) for each in results.failures] == [("bad", "plan")]


# The end of time


def test_what_is_not_begun_before_the_deadline_is_left_to_the_next_pass_and_counted() -> None:
    cluster = FakeCluster(Objects([due(f"at-{number}") for number in range(5)], now=NOW))
    deadline = Deadline(1e6)

    def end_after_two(*_: str) -> None:
        if len(cluster.calls) == 2:
            deadline.expire()

    cluster.fail = end_after_two
    results = applied(cluster, deadline=deadline)
    assert [verb for verb, _ in cluster.calls] == ["create pod", "create pod"]
    assert [change.action for change in results.changes] == ["create pod"] * 2
    assert (results.deferred, results.failures) == (5, [])


def test_what_has_been_done_is_told_even_after_the_deadline() -> None:
    deadline = Deadline(1e6)
    cluster = FakeCluster(Objects([due(suspend=True)], now=NOW))
    cluster.fail = lambda *_: deadline.expire()
    applied(cluster, deadline=deadline)
    assert [verb for verb, _ in cluster.calls] == ["set status", "create event"]


def test_a_request_that_found_no_time_is_left_to_the_next_pass() -> None:
    cluster = FakeCluster(Objects([due()], now=NOW))
    cluster.fail = lambda *_: OutOfTime("no time")
    results = applied(cluster)
    assert (results.deferred, results.failures) == (1, [])


def test_no_time_at_all_does_nothing() -> None:
    cluster = FakeCluster(Objects([due()], now=NOW))
    assert applied(cluster, deadline=Deadline(0.0)).deferred == 1
    assert cluster.calls == []


# Ats read long ago


OLD = RECENT_SECONDS + 1.0


def test_an_at_read_long_ago_is_read_again_before_it_starts() -> None:
    owner = due(hours=1)
    cluster = FakeCluster(Objects([owner], now=NOW))
    applied(cluster, age=OLD)
    name = pod_name(owner)
    assert cluster.calls[:3] == [("get pod", name), ("get at", "cnrex"), ("create pod", name)]


def test_just_after_its_instant_no_pod_can_have_come_and_gone() -> None:
    owner = due()
    cluster = FakeCluster(Objects([owner], now=NOW))
    applied(cluster, age=OLD)
    assert cluster.calls[:2] == [("get at", "cnrex"), ("create pod", pod_name(owner))]


def test_an_at_read_just_now_is_not() -> None:
    cluster = FakeCluster(Objects([due()], now=NOW))
    applied(cluster)
    assert "get at" not in [verb for verb, _ in cluster.calls]


def changed_meanwhile(change: Callable[[Objects], None]) -> tuple[FakeCluster, Results]:
    """A pass for a due At that somebody changes between its being read and read again."""
    cluster = FakeCluster(Objects([due()], now=NOW))

    def meanwhile(verb: str, _: str) -> None:
        if verb == "get at" and len(cluster.calls) == 1:
            change(cluster.objects)

    cluster.fail = meanwhile
    return cluster, applied(cluster, age=OLD)


def test_an_at_suspended_meanwhile_does_not_start() -> None:
    cluster, _ = changed_meanwhile(lambda objects: objects.put(due(suspend=True)))
    assert At(cluster.objects.at("default", "cnrex")).raw["status"]["phase"] == "Suspended"
    assert "create pod" not in [verb for verb, _ in cluster.calls]


def test_an_at_moved_meanwhile_does_not_start() -> None:
    cluster, _ = changed_meanwhile(lambda objects: objects.put(due(hours=-1)))
    assert At(cluster.objects.at("default", "cnrex")).raw["status"]["phase"] == "Pending"
    assert "create pod" not in [verb for verb, _ in cluster.calls]


def test_an_at_deleted_meanwhile_does_not_start() -> None:
    cluster, results = changed_meanwhile(lambda objects: objects.remove(due()))
    assert cluster.writes == []
    assert (results.conflicts, results.failures) == (1, [])


def test_an_at_recreated_meanwhile_is_another() -> None:
    another = due(metadata={"uid": "another"})
    cluster, results = changed_meanwhile(lambda objects: objects.put(another))
    assert cluster.writes == []
    assert (results.conflicts, results.failures) == (1, [])


def test_an_at_whose_second_reading_takes_long_is_read_once_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    owner = due(hours=1)
    cluster = FakeCluster(Objects([owner], now=NOW))
    passed = [0.0]
    monkeypatch.setattr(boot_clock, "now", lambda: passed[0])

    def slow(verb: str, _: str) -> None:
        if verb == "get at" and passed[0] == 0.0:
            passed[0] = 45.0

    cluster.fail = slow
    applied(cluster, age=OLD)
    name = pod_name(owner)
    again = [("get pod", name), ("get at", "cnrex")]
    assert cluster.calls[:5] == [*again, *again, ("create pod", name)]


def test_an_at_whose_starting_deadline_passes_while_it_waits_for_its_turn_does_not_start() -> None:
    cluster = FakeCluster(Objects([due(startingDeadlineSeconds=5)], now=NOW))
    workers = workers_on(cluster)
    (ats,) = cluster.ats()
    workers.add(Turn(Seen(At(ats[0])), boot_clock.now()))
    cluster.objects.time += timedelta(seconds=20)
    workers.run()
    assert "create pod" not in [verb for verb, _ in cluster.calls]
    assert At(cluster.objects.at("default", "cnrex")).status.phase == "Missed"


def test_a_start_that_others_came_before_at_the_quota_is_tried_again_at_once() -> None:
    owner = due()
    cluster = FakeCluster(Objects([owner], now=NOW))
    conflicts = [Rejected(409, "Conflict", "the quota has been modified")] * 2
    cluster.fail = lambda verb, _: conflicts.pop() if verb == "create pod" and conflicts else None
    results = applied(cluster)
    assert (results.conflicts, results.failures) == (0, [])
    assert At(cluster.objects.at("default", "cnrex")).status.phase == "Running"


def test_a_quota_that_others_keep_using_is_left_to_the_next_pass() -> None:
    owner = due()
    cluster = FakeCluster(Objects([owner], now=NOW))
    conflict = Rejected(409, "Conflict", "the quota has been modified")
    cluster.fail = failing("create pod", pod_name(owner), conflict)
    results = applied(cluster)
    assert (results.conflicts, results.failures) == (1, [])
    assert cluster.writes == [("create pod", pod_name(owner))] * 4


def test_an_at_that_cannot_be_read_again_is_a_failure() -> None:
    cluster = FakeCluster(Objects([due()], now=NOW))
    cluster.fail = failing("get at", "cnrex", Rejected(503, "ServiceUnavailable", "later"))
    (failure,) = applied(cluster, age=OLD).failures
    assert (failure.action, failure.reason) == ("read again", "ServiceUnavailable")


# Many that wait


def test_a_due_at_that_waits_with_its_pod_takes_less_than_the_at_alone_as_objects() -> None:
    """Else many that are due at once end each pass at its memory limit, before anything starts."""
    texts = [json.dumps(due(f"at-{number}").raw) for number in range(200)]
    workers = workers_on(FakeCluster(Objects([], now=NOW)))
    tracemalloc.start()
    try:
        objects = [json.loads(text) for text in texts]
        alone = tracemalloc.get_traced_memory()[0]
        del objects
        before = tracemalloc.get_traced_memory()[0]
        for text in texts:
            workers.add(Turn(Seen(At(json.loads(text))), 0.0))
        waiting = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert waiting < alone


# Orphans


def release(its_pod: MadePod) -> FakeCluster:
    cluster = FakeCluster(Objects([its_pod], now=NOW))
    workers = workers_on(cluster)
    workers.add_orphan(its_pod)
    workers.run()
    return cluster


def test_an_orphan_is_released() -> None:
    its_pod = pod_of(at())
    assert release(its_pod).calls == [("release pod", its_pod.name)]


def test_an_orphan_in_its_first_minute_keeps_its_name() -> None:
    assert release(pod_of(at(), metadata={"creationTimestamp": rfc3339(NOW)})).calls == []


def test_an_orphan_without_our_finalizer_is_left_alone() -> None:
    assert release(pod_of(at(), metadata={"finalizers": ["example.com/theirs"]})).calls == []


def test_instants_before_1970_can_be_ordered_too() -> None:
    first, second = at("first", schedule="0001-01-01T00:00:00Z"), due("second")
    assert first.instant < INSTANT
    cluster = FakeCluster(Objects([second, first], now=NOW))
    applied(cluster)
    assert cluster.calls[0] == ("create pod", pod_name(first))
