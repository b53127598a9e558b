"""The Events that tell an At's story."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from cnat.core import events, status
from cnat.core.at import At
from cnat.core.record import Status
from tests.support.factories import FAILED, INSTANT, SUCCEEDED, at, container_status, pod_of

AT = at()
NAME = pod_of(AT).name
NOW = INSTANT + timedelta(microseconds=1)
ARMED = status.armed(AT, INSTANT, INSTANT)
RUNNING = status.of_pod(AT, INSTANT, pod_of(AT), INSTANT)


def told(before: Status | None, after: Status) -> tuple[str, str, str] | None:
    """Type, reason and note of the Event for that turn; None if it isn't worth one."""
    event = events.of_change(at(status=before.document() if before else None), after, NOW)
    return (event["type"], event["reason"], event["note"]) if event else None


def of_pod(pod_status: dict[str, Any]) -> Status:
    return status.of_pod(AT, INSTANT, pod_of(AT, status=pod_status), INSTANT)


def waiting(reason: str, message: str) -> Status:
    state = {"reason": reason, "message": message}
    return of_pod({"phase": "Pending", "containerStatuses": [container_status(waiting=state)]})


@pytest.mark.parametrize(
    ("before", "after", "story"),
    [
        pytest.param(None, ARMED, ("Normal", "Armed", "starts at 2023-05-21T02:00:00Z"), id="new"),
        pytest.param(ARMED, RUNNING, ("Normal", "Started", f"created Pod {NAME}"), id="started"),
        pytest.param(None, RUNNING, ("Normal", "Started", f"created Pod {NAME}"), id="at once"),
        pytest.param(
            RUNNING,
            of_pod(SUCCEEDED),
            ("Normal", "Completed", f"Pod {NAME} succeeded"),
            id="succeeded",
        ),
        pytest.param(
            RUNNING,
            of_pod(FAILED),
            ("Warning", "Error", "container 'shell' exited with 3 (Error)"),
            id="failed",
        ),
        pytest.param(
            ARMED,
            status.suspended(AT, INSTANT, INSTANT),
            ("Normal", "Suspended", "starts nothing while spec.suspend is true"),
            id="suspended",
        ),
        pytest.param(
            ARMED,
            status.stalled(AT, INSTANT, INSTANT, "PreflightRejected", "exceeded quota"),
            ("Warning", "PreflightRejected", "exceeded quota"),
            id="refused",
        ),
        pytest.param(
            RUNNING,
            waiting("ImagePullBackOff", "no such image"),
            (
                "Warning",
                "ImagePullBackOff",
                "container 'shell' cannot start: ImagePullBackOff: no such image",
            ),
            id="cannot start",
        ),
        pytest.param(
            waiting("ImagePullBackOff", "no such image"),
            RUNNING,
            ("Normal", "Running", f"Pod {NAME} is running"),
            id="starts after all",
        ),
    ],
)
def test_a_turn_is_told(before: Status | None, after: Status, story: tuple[str, str, str]) -> None:
    assert told(before, after) == story


def test_a_moved_schedule_is_told() -> None:
    moved = status.armed(AT, INSTANT + timedelta(hours=1), INSTANT)
    assert told(ARMED, moved) == ("Normal", "Armed", "starts at 2023-05-21T03:00:00Z")


def test_bookkeeping_is_not_told() -> None:
    edited = at(metadata={"generation": 2})
    assert told(ARMED, status.armed(edited, INSTANT, INSTANT)) is None


def test_another_message_for_the_same_reason_is_not_told() -> None:
    before, after = waiting("ImagePullBackOff", "in 10 s"), waiting("ImagePullBackOff", "in 20 s")
    assert told(before, after) is None


def test_an_event_is_about_its_at() -> None:
    event = events.of_change(AT, ARMED, NOW)
    assert event is not None
    assert event["regarding"] == {
        "apiVersion": "cnat.programming-kubernetes.info/v1alpha1",
        "kind": "At",
        "namespace": "default",
        "name": "cnrex",
        "uid": "uid-of-cnrex",
    }
    assert event["metadata"]["namespace"] == "default"
    assert event["reportingController"] == "cnat.programming-kubernetes.info/reconcile"
    assert event["reportingInstance"]
    assert event["eventTime"] == "2023-05-21T02:00:00.000000Z"


def test_two_passes_that_see_the_same_turn_tell_it_under_one_name() -> None:
    first = events.of_change(AT, ARMED, NOW)
    second = events.of_change(AT, ARMED, NOW + timedelta(hours=1))
    assert first is not None
    assert second is not None
    assert first["metadata"] == second["metadata"]


def test_each_turn_has_a_name_of_its_own() -> None:
    turns = [ARMED, RUNNING, of_pod(SUCCEEDED), of_pod(FAILED)]
    names = {(events.of_change(AT, turn, NOW) or {})["metadata"]["name"] for turn in turns}
    assert len(names) == len(turns)


def test_the_names_of_events_sort_as_the_turns_follow_each_other() -> None:
    turns = [ARMED, RUNNING, waiting("ImagePullBackOff", ""), of_pod(SUCCEEDED)]
    names = [(events.of_change(AT, turn, NOW) or {})["metadata"]["name"] for turn in turns]
    edited = at(metadata={"generation": 2})
    again = events.of_change(edited, status.armed(edited, INSTANT, NOW), NOW)
    assert again is not None
    names.append(again["metadata"]["name"])
    assert names == sorted(names)


@pytest.mark.parametrize("name", ["a" * 253, "a" * 199 + "-b", "a" * 199 + ".b", "a" * 198 + ".-"])
def test_its_name_is_valid_however_long_the_ats(name: str) -> None:
    event = events.of_change(at(name), ARMED, NOW)
    assert event is not None
    assert re.fullmatch(r"a{198,200}\.[0-9a-f]{29}", event["metadata"]["name"])


def test_a_note_is_cut_to_the_bytes_that_the_api_server_takes() -> None:
    refused = status.stalled(AT, INSTANT, INSTANT, "PreflightRejected", "x" + "é" * 1000)
    event = events.of_change(AT, refused, NOW)
    assert event is not None
    assert event["note"] == "x" + "é" * 511


def test_the_reason_of_a_container_runtime_is_cut_too() -> None:
    event = events.of_change(at(status=RUNNING.document()), waiting("é" * 300, ""), NOW)
    assert event is not None
    assert event["reason"] == "é" * 64


def test_an_unknown_host_still_reports(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "")
    event = events.of_change(AT, ARMED, NOW)
    assert event is not None
    assert event["reportingInstance"] == "cnat.programming-kubernetes.info/reconcile"


def test_an_at_without_status_and_one_with_an_empty_one_tell_the_same() -> None:
    assert events.of_change(At({**AT.raw, "status": {}}), ARMED, NOW) == events.of_change(
        AT, ARMED, NOW
    )
