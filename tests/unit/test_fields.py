"""Fields of raw manifests, whatever they hold."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cnat.core.at import At
from cnat.core.fields import Malformed, moment, named, typed
from tests.support.factories import (
    INSTANT,
    at,
)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2023-05-21T02:00:00Z", INSTANT),
        ("2023-05-21T10:00:00+08:00", INSTANT),
        ("2023-05-21T02:00:00.000000Z", INSTANT),
        ("2023-05-21T02:00:00.25Z", INSTANT + timedelta(milliseconds=250)),
        ("2023-05-21T02:00:00.123456789Z", INSTANT + timedelta(microseconds=123456)),
    ],
)
def test_a_timestamp_is_read_in_utc(text: str, meant: datetime) -> None:
    found = moment(text)
    assert found == meant
    assert found is not None
    assert found.tzinfo is UTC


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        7,
        INSTANT,
        "2023-05-21",
        "2023-05-21T02:00:00",
        "2023-05-21T02:00Z",
        "2023-02-30T00:00:00Z",
        "0001-01-01T00:00:00+23:00",
        "12023-05-21T02:00:00Z",
        "2023-05-21T02:00:00Z\n",
    ],
)
def test_what_is_no_timestamp_reads_as_none(value: object) -> None:
    assert moment(value) is None


def test_a_field_that_is_absent_or_null_reads_as_none() -> None:
    assert typed({}, "suspend", bool, "spec") is None
    assert typed({"suspend": None}, "suspend", bool, "spec") is None


@pytest.mark.parametrize(
    ("value", "kind", "reason"),
    [
        ("yes", bool, "must be of type boolean, not string"),
        (True, int, "must be of type integer, not boolean"),
        (1.5, int, "must be of type integer, not number"),
        ([], dict, "must be of type object, not array"),
        ({}, list, "must be of type array, not object"),
        (7, str, "must be of type string, not integer"),
    ],
)
def test_a_field_of_another_type_is_refused_in_the_words_of_json(
    value: object, kind: type, reason: str
) -> None:
    with pytest.raises(Malformed) as refused:
        typed({"field": value}, "field", kind, "spec")
    assert (refused.value.field, refused.value.reason) == ("spec.field", reason)
    assert str(refused.value) == f"spec.field: {reason}"


@pytest.mark.parametrize("field", ["spec", "status"])
def test_a_field_at_the_top_is_named_without_a_dot(field: str) -> None:
    with pytest.raises(Malformed) as refused:
        getattr(At({**at().raw, field: []}), field)
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("manifest", "name"),
    [
        ({"kind": "At", "metadata": {"namespace": "a", "name": "b"}}, "At a/b"),
        ({"kind": "At", "metadata": {"name": "b"}}, "At b"),
        ({"kind": "At", "metadata": "b"}, "At (unnamed)"),
        ({}, "object (unnamed)"),
    ],
)
def test_an_object_is_named_as_far_as_it_has_a_name(manifest: dict[str, Any], name: str) -> None:
    assert named(manifest) == name
