"""What is heard of an At before it is applied: what a pass would refuse, and what is doubtful."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cnat.manifests.documents import Document
from cnat.manifests.gate import check
from tests.support import sandbox

NOW = datetime(2027, 3, 1, 2, tzinfo=UTC)
LATER = "2027-03-01T02:00:01Z"
EARLIER = "2027-02-25T21:30:00Z"


def found(
    status: dict[str, Any] | None = None, default: timedelta | None = None, **spec: Any
) -> list[str]:
    """What there is to say, without the file."""
    at = sandbox.at(**({"schedule": LATER} | spec))
    at["metadata"] |= {"namespace": "default", "uid": "u", "generation": 1}
    if status:
        at["status"] = status
    problems = check(Document("f", at), NOW, default)
    return [str(problem).removeprefix("f: ") for problem in problems]


def test_nothing_is_said_of_an_at_that_will_do_as_it_is_written() -> None:
    assert found() == []


def test_a_local_time_that_a_clock_change_skips_is_refused() -> None:
    (problem,) = found(schedule="2027-03-28T02:30:00", timeZone="Europe/Berlin")
    assert problem.startswith("At default/cnrex, spec.schedule: 2027-03-28T02:30:00 does not exist")


def test_a_pod_that_cannot_be_is_refused() -> None:
    (problem,) = found(containers=[{"name": "shell"}])
    assert problem == "At default/cnrex, spec.containers[0].image: is required"


def test_a_variable_that_hides_another_is_doubtful() -> None:
    env = [{"name": "A"}, {"name": "A"}]
    (problem,) = found(containers=[{"name": "shell", "image": "busybox", "env": env}])
    assert problem.startswith("warning: At default/cnrex, spec.containers[0].env[1].name: hides ")


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({}, "is past: it starts as soon as it is applied, 3d 4h late; "),
        ({"startingDeadlineSeconds": 86_400 * 4}, "is past: it starts as soon as it is applied, "),
        (
            {"startingDeadlineSeconds": 60},
            "can never run: its startingDeadlineSeconds, 60 s, were over 3d 4h ago; ",
        ),
    ],
)
def test_a_schedule_that_is_past_is_doubtful(spec: dict[str, Any], words: str) -> None:
    (problem,) = found(schedule=EARLIER, **spec)
    assert problem.startswith(f"warning: At default/cnrex, spec.schedule: {words}")


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({}, "can never run: its --default-starting-deadline, 3600 s, were over 3d 3h ago; "),
        ({"startingDeadlineSeconds": 86_400 * 4}, "is past: "),
    ],
)
def test_a_default_deadline_is_for_ats_that_set_none(spec: dict[str, Any], words: str) -> None:
    (problem,) = found(schedule=EARLIER, default=timedelta(hours=1), **spec)
    assert problem.startswith(f"warning: At default/cnrex, spec.schedule: {words}")


def test_a_suspended_at_starts_nothing() -> None:
    assert found(schedule=EARLIER, suspend=True) == []


@pytest.mark.parametrize("phase", ["Running", "Succeeded", "Missed"])
def test_an_at_that_has_had_its_run_is_past_and_no_news(phase: str) -> None:
    status = {"phase": phase, "scheduledTime": EARLIER, "podName": "p"}
    assert found(status, schedule=EARLIER, containers=[{"name": "shell"}]) == []


def test_a_run_at_another_instant_is_no_run_at_this_one() -> None:
    status = {"phase": "Succeeded", "scheduledTime": "2026-01-01T00:00:00Z", "podName": "p"}
    assert len(found(status, schedule=EARLIER)) == 1


@pytest.mark.parametrize("time", ["01:30:00", "03:00:00", "03:59:59.5"])
def test_a_local_time_near_a_clock_change_is_doubtful(time: str) -> None:
    (problem,) = found(schedule=f"2027-03-28T{time}", timeZone="Europe/Berlin")
    assert "is within an hour of a clock change in Europe/Berlin; " in problem


@pytest.mark.parametrize("time", ["00:59:59", "04:00:00"])
def test_a_local_time_far_from_a_clock_change_is_not(time: str) -> None:
    assert found(schedule=f"2027-03-28T{time}", timeZone="Europe/Berlin") == []


def test_an_offset_is_certain() -> None:
    assert found(schedule="2027-03-28T01:30:00+01:00") == []
