"""Staying for the instant: what falls due after the pass is started when it does."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from cnat.apply import Applier, Change, Failure, Results
from cnat.deadline import Deadline
from cnat.local import LocalCluster
from cnat.reconciler import reconcile
from tests.worlds import EmbeddedWorld, at

SCHEDULE = "2999-01-01T00:00:00Z"
INSTANT = datetime(2999, 1, 1, tzinfo=UTC)
BEFORE = INSTANT - timedelta(minutes=10)
TEN_MINUTES = 600.0


class Lingering(Deadline):
    """Time stands still until the pass is over; then its window opens, and the instant comes."""

    def __init__(self, meanwhile: Callable[[], object] = lambda: None) -> None:
        super().__init__(30.0)
        self.time = BEFORE
        self._meanwhile = meanwhile

    def extend(self, seconds: float) -> None:
        super().extend(seconds)
        self._meanwhile()
        self.time = INSTANT


def linger(
    world: EmbeddedWorld, deadline: Lingering | None = None, seconds: float = TEN_MINUTES
) -> Results:
    deadline = deadline or Lingering()
    cluster = LocalCluster(world.directory, lambda: deadline.time)
    applier = Applier(cluster, deadline, concurrency=2, report=lambda _: None, linger=seconds)
    return reconcile(cluster, applier)


def actions(results: Results) -> list[str]:
    return [f"{change.action} {change.target.partition('-')[0]}" for change in results.changes]


def test_an_at_that_falls_due_meanwhile_is_started(embedded_world: EmbeddedWorld) -> None:
    embedded_world.apply(at(schedule=SCHEDULE))
    results = linger(embedded_world)
    assert actions(results) == ["set status Pending", "create pod cnrex", "set status Running"]


def test_one_armed_by_an_earlier_pass_is_started_too(embedded_world: EmbeddedWorld) -> None:
    embedded_world.apply(at(schedule=SCHEDULE))
    embedded_world.reconcile(BEFORE)
    embedded_world.apply(at("wakes", schedule=SCHEDULE))
    results = linger(embedded_world)
    assert len(embedded_world.pods()) == 2
    assert results.failures == []


def test_one_that_falls_due_after_the_window_is_left_to_the_next_pass(
    embedded_world: EmbeddedWorld,
) -> None:
    embedded_world.apply(at(schedule="2999-01-01T00:10:00Z"))
    linger(embedded_world, seconds=60.0)
    assert embedded_world.pods() == []


def test_without_lingering_a_pass_ends_when_it_is_done(embedded_world: EmbeddedWorld) -> None:
    embedded_world.apply(at(schedule=SCHEDULE))
    linger(embedded_world, seconds=0.0)
    assert embedded_world.pods() == []


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(
            lambda world: world.apply(at(schedule=SCHEDULE, suspend=True)), id="suspended"
        ),
        pytest.param(lambda world: world.apply(at(schedule="2999-06-01T00:00:00Z")), id="moved"),
        pytest.param(lambda world: world.delete_at("cnrex"), id="deleted"),
    ],
)
def test_one_that_was_changed_meanwhile_is_not_started(
    embedded_world: EmbeddedWorld, change: Callable[[EmbeddedWorld], object]
) -> None:
    embedded_world.apply(at(schedule=SCHEDULE))
    results = linger(embedded_world, Lingering(lambda: change(embedded_world)))
    assert embedded_world.pods() == []
    assert results.failures == []


def test_one_recreated_meanwhile_under_its_name_is_another(embedded_world: EmbeddedWorld) -> None:
    embedded_world.apply(at(schedule=SCHEDULE))

    def recreate() -> None:
        embedded_world.delete_at("cnrex")
        embedded_world.apply(at(schedule=SCHEDULE))

    results = linger(embedded_world, Lingering(recreate))
    assert embedded_world.pods() == []
    assert results.left == 1


def test_one_that_another_pass_has_started_meanwhile_is_not_started_again(
    embedded_world: EmbeddedWorld,
) -> None:
    embedded_world.apply(at(schedule=SCHEDULE))
    results = linger(embedded_world, Lingering(lambda: embedded_world.reconcile(INSTANT)))
    assert len(embedded_world.pods()) == 1
    assert "create pod cnrex" not in actions(results)


def test_the_end_of_time_ends_the_waiting(embedded_world: EmbeddedWorld) -> None:
    embedded_world.apply(at(schedule=SCHEDULE))
    cluster = embedded_world.store(BEFORE)
    deadline = Deadline(30.0)

    def expire(_: Change | Failure) -> None:
        deadline.expire()  # As SIGTERM does.

    applier = Applier(cluster, deadline, concurrency=1, report=expire, linger=TEN_MINUTES)
    results = reconcile(cluster, applier)
    assert actions(results) == ["set status Pending"]
    assert results.deferred == 0
