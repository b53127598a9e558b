"""What is read of an At, whatever it holds."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given

from cnat.core.at import At
from cnat.core.fields import Malformed
from cnat.core.record import Status
from cnat.core.schedule import ScheduleError
from tests.support.factories import (
    INSTANT,
    anything,
    at,
)


def test_an_at_is_read() -> None:
    owner = at(suspend=True, startingDeadlineSeconds=60, ttlSecondsAfterFinished=0)
    assert (owner.name, owner.namespace, owner.uid) == ("cnrex", "default", "uid-of-cnrex")
    assert (owner.generation, owner.resource_version) == (1, "1")
    assert owner.instant == INSTANT
    assert owner.suspended
    assert owner.starting_deadline_seconds == 60
    assert owner.ttl_seconds_after_finished == 0
    assert owner.status == Status()
    assert not owner.deleting


def test_what_an_at_leaves_out_is_not_set() -> None:
    owner = at()
    assert not owner.suspended
    assert owner.starting_deadline_seconds is None
    assert owner.ttl_seconds_after_finished is None


def test_an_at_with_a_deletion_timestamp_is_being_deleted() -> None:
    assert at(metadata={"deletionTimestamp": "2023-05-21T02:00:00Z"}).deleting


def test_a_schedule_is_read_in_its_time_zone() -> None:
    assert at(schedule="2023-05-21T10:00:00", timeZone="Asia/Shanghai").instant == INSTANT


@pytest.mark.parametrize("spec", [{}, None, {"schedule": None}])
def test_an_at_without_schedule_is_malformed(spec: Any) -> None:
    with pytest.raises(Malformed, match=r"^spec\.schedule: is required$"):
        _ = At({**at().raw, "spec": spec}).instant


def test_an_empty_status_is_none() -> None:
    assert at(status={}).status == Status()
    assert At({**at().raw, "status": None}).status == Status()


def test_who_manages_its_fields_is_not_kept_of_an_at() -> None:
    noisy = at(metadata={"managedFields": [{"manager": "kubectl"}]}, status={"phase": "Pending"})
    assert At.of(noisy.raw) == at(status={"phase": "Pending"})


@given(spec=anything, status=anything)
def test_an_at_of_any_content_is_read_or_malformed(spec: object, status: object) -> None:
    owner = At({**at().raw, "spec": spec, "status": status})
    for field in ("instant", "suspended", "starting_deadline_seconds", "status"):
        with suppress(Malformed, ScheduleError):
            getattr(owner, field)
