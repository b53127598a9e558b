"""Staying for the instant: what falls due after the pass is started when it does."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cnat.cluster.deadline import Deadline
from cnat.cluster.protocol import Unreachable
from cnat.core.fields import Manifest
from cnat.core.schedule import rfc3339
from cnat.engine.reconcile import reconcile
from cnat.engine.results import Change, Failure, Results
from cnat.engine.settings import Settings
from cnat.local.store import LocalCluster
from tests.support import factories
from tests.support.fake_cluster import FakeCluster, Objects
from tests.support.sandbox import EmbeddedSandbox, RealSandbox, at

ROOT = Path(__file__).parents[2]
SCHEDULE = "2999-01-01T00:00:00Z"
INSTANT = datetime(2999, 1, 1, tzinfo=UTC)
BEFORE = INSTANT - timedelta(minutes=10)
TEN_MINUTES = 600.0


class Lingering(Deadline):
    """Time stands still until the pass is over; then its window opens, the instant comes, and each
    look at the clock takes a minute."""

    def __init__(self, meanwhile: Callable[[], object] = lambda: None) -> None:
        super().__init__(30.0)
        self.time = BEFORE
        self._meanwhile = meanwhile

    def now(self) -> datetime:
        now = self.time
        if now >= INSTANT:
            self.time += timedelta(minutes=1)
        return now

    def extend(self, seconds: float) -> None:
        super().extend(seconds)
        self._meanwhile()
        self.time = INSTANT


def linger(
    sandbox: EmbeddedSandbox, deadline: Lingering | None = None, seconds: float = TEN_MINUTES
) -> Results:
    deadline = deadline or Lingering()
    cluster = LocalCluster(sandbox.directory, deadline.now)
    return reconcile(cluster, deadline, Settings(concurrency=2, linger=seconds))


def actions(results: Results) -> list[str]:
    return [f"{change.action} {change.target.partition('-')[0]}" for change in results.changes]


def test_an_at_that_falls_due_meanwhile_is_started(embedded_sandbox: EmbeddedSandbox) -> None:
    embedded_sandbox.apply(at(schedule=SCHEDULE))
    results = linger(embedded_sandbox)
    assert actions(results) == ["set status Pending", "create pod cnrex", "set status Running"]


def test_one_armed_by_an_earlier_pass_is_started_too(embedded_sandbox: EmbeddedSandbox) -> None:
    embedded_sandbox.apply(at(schedule=SCHEDULE))
    embedded_sandbox.reconcile(BEFORE)
    embedded_sandbox.apply(at("wakes", schedule=SCHEDULE))
    results = linger(embedded_sandbox)
    assert len(embedded_sandbox.pods()) == 2
    assert results.failures == []


def test_one_that_falls_due_after_the_window_is_left_to_the_next_pass(
    embedded_sandbox: EmbeddedSandbox,
) -> None:
    embedded_sandbox.apply(at(schedule="2999-01-01T00:10:00Z"))
    linger(embedded_sandbox, seconds=60.0)
    assert embedded_sandbox.pods() == []


def test_without_lingering_a_pass_ends_when_it_is_done(embedded_sandbox: EmbeddedSandbox) -> None:
    embedded_sandbox.apply(at(schedule=SCHEDULE))
    linger(embedded_sandbox, seconds=0.0)
    assert embedded_sandbox.pods() == []


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(
            lambda sandbox: sandbox.apply(at(schedule=SCHEDULE, suspend=True)), id="suspended"
        ),
        pytest.param(
            lambda sandbox: sandbox.apply(at(schedule="2999-06-01T00:00:00Z")), id="moved"
        ),
        pytest.param(lambda sandbox: sandbox.delete_at("cnrex"), id="deleted"),
    ],
)
def test_one_that_was_changed_meanwhile_is_not_started(
    embedded_sandbox: EmbeddedSandbox, change: Callable[[EmbeddedSandbox], object]
) -> None:
    embedded_sandbox.apply(at(schedule=SCHEDULE))
    results = linger(embedded_sandbox, Lingering(lambda: change(embedded_sandbox)))
    assert embedded_sandbox.pods() == []
    assert results.failures == []


def test_one_recreated_meanwhile_under_its_name_is_another(
    embedded_sandbox: EmbeddedSandbox,
) -> None:
    embedded_sandbox.apply(at(schedule=SCHEDULE))

    def recreate() -> None:
        embedded_sandbox.delete_at("cnrex")
        embedded_sandbox.apply(at(schedule=SCHEDULE))

    results = linger(embedded_sandbox, Lingering(recreate))
    assert embedded_sandbox.pods() == []
    assert results.conflicts == 1


def test_one_that_another_pass_has_started_meanwhile_is_not_started_again(
    embedded_sandbox: EmbeddedSandbox,
) -> None:
    embedded_sandbox.apply(at(schedule=SCHEDULE))
    results = linger(embedded_sandbox, Lingering(lambda: embedded_sandbox.reconcile(INSTANT)))
    assert len(embedded_sandbox.pods()) == 1
    assert "create pod cnrex" not in actions(results)


def test_the_end_of_time_ends_the_waiting(embedded_sandbox: EmbeddedSandbox) -> None:
    embedded_sandbox.apply(at(schedule=SCHEDULE))
    cluster = embedded_sandbox.store(BEFORE)
    deadline = Deadline(30.0)

    def expire(_: Change | Failure) -> None:
        deadline.expire()  # As SIGTERM does.

    results = reconcile(cluster, deadline, Settings(concurrency=1, linger=TEN_MINUTES), expire)
    assert actions(results) == ["set status Pending"]
    assert results.deferred == 0


def test_each_is_read_again_right_before_it_starts() -> None:
    ats = [factories.at(name, schedule=SCHEDULE) for name in ("one", "two")]
    deadline = Lingering()
    there = Objects(ats, now=BEFORE)
    cluster = FakeCluster(there)
    cluster.now = deadline.now
    reconcile(cluster, deadline, Settings(concurrency=1, linger=TEN_MINUTES))
    instants = [call for call in cluster.calls if call[0] in ("get at", "create pod")]
    assert [(verb, name.partition("-")[0]) for verb, name in instants] == [
        ("get at", "one"),
        ("create pod", "one"),
        ("get at", "two"),
        ("create pod", "two"),
    ]


# What ends meanwhile


def test_what_ends_while_the_pass_stays_is_recorded_in_it(
    embedded_sandbox: EmbeddedSandbox,
) -> None:
    embedded_sandbox.apply(at())
    embedded_sandbox.reconcile()
    (pod,) = embedded_sandbox.pods()

    def end() -> None:
        embedded_sandbox.set_pod_status(pod["metadata"]["name"], {"phase": "Succeeded"})

    results = linger(embedded_sandbox, Lingering(end))
    assert actions(results) == ["set status Succeeded", "release pod cnrex"]


class Flaky(LocalCluster):
    """Pods can be listed once, and not the next time."""

    lists = 0

    def pods(self) -> Iterator[list[Manifest]]:
        self.lists += 1
        if self.lists == 2:
            raise Unreachable("gone for a moment")
        return super().pods()


def with_looks(sandbox: EmbeddedSandbox, meanwhile: Callable[[Lingering], object]) -> Results:
    """A pass, with one run under way, that stays so long that it looks several times."""
    sandbox.apply(at())
    sandbox.reconcile()
    deadline = Lingering(lambda: meanwhile(deadline))
    cluster = Flaky(sandbox.directory, deadline.now)
    return reconcile(cluster, deadline, Settings(concurrency=1, linger=3 * TEN_MINUTES))


def test_a_look_that_fails_is_followed_by_another_that_finds_what_has_ended_once(
    embedded_sandbox: EmbeddedSandbox,
) -> None:
    def end(_: Deadline) -> None:
        (pod,) = embedded_sandbox.pods()
        embedded_sandbox.set_pod_status(pod["metadata"]["name"], {"phase": "Succeeded"})

    results = with_looks(embedded_sandbox, end)
    assert actions(results) == ["set status Succeeded", "release pod cnrex"]


def test_a_look_that_comes_too_late_leaves_nothing_undone(
    embedded_sandbox: EmbeddedSandbox,
) -> None:
    assert with_looks(embedded_sandbox, Deadline.expire).deferred == 0


def test_what_fails_while_the_pass_stays_gets_its_next_pod_in_it_when_its_back_off_is_over(
    embedded_sandbox: EmbeddedSandbox,
) -> None:
    embedded_sandbox.apply(at(retryPolicy="Failed"))
    embedded_sandbox.reconcile()
    (pod,) = embedded_sandbox.pods()
    failed = {"terminated": {"exitCode": 3, "finishedAt": SCHEDULE}}
    containers = [{"name": "shell", "state": failed}]

    def end() -> None:
        status = {"phase": "Failed", "containerStatuses": containers}
        embedded_sandbox.set_pod_status(pod["metadata"]["name"], status)

    results = linger(embedded_sandbox, Lingering(end))
    assert actions(results) == [
        "set status Running",
        "create pod cnrex",
        "set status Running",
        "release pod cnrex",
    ]
    second = max(each["metadata"]["creationTimestamp"] for each in embedded_sandbox.pods())
    assert second >= rfc3339(INSTANT + timedelta(seconds=10))


def test_with_nothing_under_way_nobody_looks(embedded_sandbox: EmbeddedSandbox) -> None:
    embedded_sandbox.apply(at(suspend=True))
    embedded_sandbox.reconcile()
    deadline = Lingering()
    assert actions(linger(embedded_sandbox, deadline)) == []
    assert deadline.time == BEFORE, "the pass stayed"


# The command


def lingering(sandbox: RealSandbox, *flags: str) -> subprocess.Popen[str]:
    own = (
        f"--kubeconfig={sandbox.kubeconfig}",
        f"--namespace={sandbox.namespace}",
        "--output=json",
    )
    return subprocess.Popen(
        [sys.executable, "reconcile.py", *own, "--linger=600", *flags],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def until(condition: Callable[[], object]) -> None:
    """Wait for what comes sooner or later, unless something is broken."""
    for _ in range(600):
        if condition():
            return
        time.sleep(0.1)
    pytest.fail("it never came")


def phase(sandbox: RealSandbox, name: str) -> str | None:
    value = sandbox.at(name).get("status", {}).get("phase")
    return None if value is None else str(value)


def test_the_command_starts_what_falls_due_and_a_signal_ends_it_with_its_summary(
    real_sandbox: RealSandbox,
) -> None:
    soon = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=12)
    real_sandbox.apply(at("soon", schedule=rfc3339(soon)))
    real_sandbox.apply(at("later", schedule=rfc3339(soon + timedelta(minutes=5))))
    process = lingering(real_sandbox)
    try:
        until(lambda: phase(real_sandbox, "soon") == "Running")
        assert process.poll() is None
    finally:
        process.send_signal(signal.SIGTERM)
        output, errors = process.communicate(timeout=60)
    assert process.returncode == 0
    summary = json.loads(output)
    assert [
        # On a slow machine its first look finds it due, so that it isn't armed before.
        (
            row["at"],
            row["kind"],
            [write["target"].partition("-")[0] for write in row["writes"]][-2:],
        )
        for row in summary["rows"]
    ] == [
        ("soon", "start", ["soon", "Running"]),
        ("later", "hold", ["Pending"]),
    ]
    assert (summary["failures"], summary["deferred"]) == ([], 0)
    assert "Traceback" not in errors
    (pod,) = real_sandbox.pods()
    assert datetime.fromisoformat(pod["metadata"]["creationTimestamp"]) >= soon


def test_the_command_records_what_ends_however_long_the_pass_might_have_taken(
    real_sandbox: RealSandbox,
) -> None:
    real_sandbox.apply(at())
    process = lingering(real_sandbox, "--timeout=3600")
    try:
        until(lambda: phase(real_sandbox, "cnrex") == "Running")
        (pod,) = real_sandbox.pods()
        real_sandbox.set_pod_status(pod["metadata"]["name"], {"phase": "Succeeded"})
        until(lambda: phase(real_sandbox, "cnrex") == "Succeeded")
        assert process.poll() is None
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert process.returncode == 0


def test_the_command_starts_nothing_that_was_taken_back_while_it_waited(
    real_sandbox: RealSandbox,
) -> None:
    soon = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=15)
    names = ("deleted", "edited", "kept", "suspended")
    for name in names:
        real_sandbox.apply(at(name, schedule=rfc3339(soon)))
    process = lingering(real_sandbox)
    try:
        until(lambda: all(phase(real_sandbox, name) == "Pending" for name in names))
        real_sandbox.delete_at("deleted")
        real_sandbox.apply(at("edited", schedule=SCHEDULE))
        real_sandbox.apply(at("suspended", schedule=rfc3339(soon), suspend=True))
        until(lambda: phase(real_sandbox, "kept") == "Running")
        until(lambda: phase(real_sandbox, "suspended") == "Suspended")
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    (pod,) = real_sandbox.pods()
    assert pod["metadata"]["name"].startswith("kept-")
