"""Runs of cnat on a machine whose clock is wrong: the API server's counts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.exactly_once.passes import Cluster, one
from tests.support.sandbox import RealSandbox, at

HOUR = 3600.0


def in_minutes(minutes: int) -> str:
    """A schedule so far from the true time."""
    moment = datetime.now(UTC) + timedelta(minutes=minutes)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.parametrize("shift", [HOUR, -HOUR], ids=["an-hour-ahead", "an-hour-behind"])
def test_nothing_starts_early_by_a_wrong_local_clock(
    real_sandbox: RealSandbox, cluster: Cluster, shift: float
) -> None:
    real_sandbox.apply(at(schedule=in_minutes(30)))
    done = one(cluster, real_sandbox.namespace, shift=shift)
    assert done.ended.code == 0
    assert real_sandbox.pods() == []
    assert real_sandbox.at("cnrex")["status"]["phase"] == "Pending"


@pytest.mark.parametrize("shift", [HOUR, -HOUR], ids=["an-hour-ahead", "an-hour-behind"])
def test_what_is_due_starts_whatever_the_local_clock_says(
    real_sandbox: RealSandbox, cluster: Cluster, shift: float
) -> None:
    real_sandbox.apply(at(schedule=in_minutes(-30)))
    done = one(cluster, real_sandbox.namespace, shift=shift)
    assert done.ended.code == 0
    assert len(real_sandbox.pods()) == 1


@pytest.mark.parametrize("shift", [HOUR, -HOUR], ids=["an-hour-ahead", "an-hour-behind"])
def test_no_run_is_missed_by_a_wrong_local_clock(
    real_sandbox: RealSandbox, cluster: Cluster, shift: float
) -> None:
    real_sandbox.apply(at(schedule=in_minutes(-1), startingDeadlineSeconds=600))
    one(cluster, real_sandbox.namespace, shift=shift)
    assert len(real_sandbox.pods()) == 1


@pytest.mark.parametrize(
    ("shift", "said"), [(HOUR, "ahead"), (-HOUR, "behind"), (0.0, "")], ids=str
)
def test_a_wrong_local_clock_is_told(
    real_sandbox: RealSandbox, cluster: Cluster, shift: float, said: str
) -> None:
    real_sandbox.apply(at())
    done = one(cluster, real_sandbox.namespace, shift=shift)
    warnings = [line for line in done.ended.output.splitlines() if "clock" in line]
    assert len(warnings) == bool(said)
    assert said in "".join(warnings)


def test_the_status_tells_the_time_of_the_api_server(
    real_sandbox: RealSandbox, cluster: Cluster
) -> None:
    before = datetime.now(UTC) - timedelta(seconds=2)
    real_sandbox.apply(at(suspend=True))
    one(cluster, real_sandbox.namespace, shift=HOUR)
    (ready,) = real_sandbox.at("cnrex")["status"]["conditions"]
    assert before <= datetime.fromisoformat(ready["lastTransitionTime"]) <= datetime.now(UTC)


@pytest.mark.parametrize("shift", [HOUR, -HOUR], ids=["an-hour-ahead", "an-hour-behind"])
def test_it_is_the_date_header_that_counts(
    real_sandbox: RealSandbox, cluster: Cluster, shift: float
) -> None:
    real_sandbox.apply(at(schedule=in_minutes(30)))
    one(cluster, real_sandbox.namespace, date_shift=shift)
    assert len(real_sandbox.pods()) == (shift > 0)
