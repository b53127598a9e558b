"""What is read from raw manifests, whatever they hold."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnat.core import api
from cnat.core.fields import Malformed, moment, named, typed
from cnat.core.objects import At, Pod
from cnat.core.schedule import ScheduleError
from tests.support.factories import INSTANT, at, foreign_pod, pod_of

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


# Timestamps


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


# Fields of a type


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


# Ats


def test_an_at_is_read() -> None:
    owner = at(suspend=True, startingDeadlineSeconds=60, ttlSecondsAfterFinished=0)
    assert (owner.name, owner.namespace, owner.uid) == ("cnrex", "default", "uid-of-cnrex")
    assert (owner.generation, owner.resource_version) == (1, "1")
    assert owner.instant == INSTANT
    assert owner.suspended
    assert owner.starting_deadline_seconds == 60
    assert owner.ttl_seconds_after_finished == 0
    assert owner.status == {}
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
    assert at(status={}).status == {}
    assert At({**at().raw, "status": None}).status == {}


def test_a_slim_at_is_the_same_without_who_manages_its_fields() -> None:
    noisy = at(metadata={"managedFields": [{"manager": "kubectl"}]}, status={"phase": "Pending"})
    assert noisy.slim() == at(status={"phase": "Pending"})


@given(spec=anything, status=anything)
def test_an_at_of_any_content_is_read_or_malformed(spec: object, status: object) -> None:
    owner = At({**at().raw, "spec": spec, "status": status})
    for field in ("instant", "suspended", "starting_deadline_seconds", "status"):
        with suppress(Malformed, ScheduleError):
            getattr(owner, field)


# Pods


def test_a_pod_with_our_label_and_an_at_for_controller_is_the_ats() -> None:
    its_pod = pod_of(at())
    assert its_pod.at_uid == "uid-of-cnrex"
    assert its_pod.at_name == "cnrex"


OWNER = {"apiVersion": api.API_VERSION, "kind": "At", "name": "cnrex", "uid": "u"}
OURS = {"labels": {api.MANAGED_BY: "cnat"}, "ownerReferences": [{**OWNER, "controller": True}]}


@pytest.mark.parametrize(
    "change",
    [
        {"labels": None},
        {"labels": {api.MANAGED_BY: "Helm"}},
        {"ownerReferences": None},
        {"ownerReferences": [OWNER]},
        {"ownerReferences": [{**OWNER, "controller": True, "kind": "Job"}]},
        {"ownerReferences": [{**OWNER, "controller": True, "apiVersion": "example.com/v1"}]},
        {"ownerReferences": [{**OWNER, "controller": True, "apiVersion": "v1"}]},
    ],
    ids=["no label", "other label", "no owner", "not controller", "a Job", "other group", "core"],
)
def test_a_pod_that_lacks_either_is_nobodys(change: dict[str, Any]) -> None:
    assert foreign_pod("x", **OURS).at_uid == "u"
    assert foreign_pod("x", **(OURS | change)).at_uid is None


def test_an_at_of_a_later_version_is_still_an_owner() -> None:
    owner = {**OWNER, "controller": True, "apiVersion": f"{api.GROUP}/v1"}
    assert foreign_pod("x", **(OURS | {"ownerReferences": [owner]})).at_uid == "u"


def test_another_owner_beside_the_at_changes_nothing() -> None:
    other = {"apiVersion": "v1", "kind": "Node", "name": "n", "uid": "n"}
    owners = [other, *OURS["ownerReferences"]]
    its_pod = foreign_pod("x", **(OURS | {"ownerReferences": owners}))
    assert (its_pod.at_uid, its_pod.at_name) == ("u", "cnrex")


def test_a_pod_is_held_while_it_has_our_finalizer() -> None:
    assert pod_of(at()).held
    assert pod_of(at(), metadata={"finalizers": [api.FINALIZER, "example.com/x"]}).held
    assert not pod_of(at(), metadata={"finalizers": ["example.com/x"]}).held
    assert not pod_of(at(), metadata={"finalizers": None}).held


def test_init_containers_come_before_containers() -> None:
    status = {
        "containerStatuses": [{"name": "main", "state": {"waiting": {"reason": "b"}}}],
        "initContainerStatuses": [{"name": "init", "state": {"terminated": {"exitCode": 1}}}],
    }
    init, main = pod_of(at(), status=status).containers
    assert (init.name, init.waiting, init.terminated) == ("init", {}, {"exitCode": 1})
    assert (main.name, main.waiting, main.terminated) == ("main", {"reason": "b"}, {})


def test_a_pod_that_nobody_has_reported_on_is_pending() -> None:
    assert Pod({**pod_of(at()).raw, "status": {}}).phase == "Pending"


@given(status=anything, spec=anything, extra=st.dictionaries(st.text(), anything))
def test_a_pod_of_any_content_is_read(
    status: object, spec: object, extra: dict[str, object]
) -> None:
    raw = {"metadata": {**extra, "name": "x", "namespace": "y"}, "spec": spec, "status": status}
    its_pod = Pod(raw)
    assert (its_pod.name, its_pod.namespace) == ("x", "y")
    assert isinstance(its_pod.phase, str)
    assert isinstance(its_pod.node, str)
    assert its_pod.at_uid is None
    assert its_pod.at_name == ""
    assert its_pod.deleted is None
    assert its_pod.scheduled_time is None
    list(its_pod.containers)


@given(entries=anything)
def test_lists_in_a_pod_may_hold_anything(entries: object) -> None:
    status = {"containerStatuses": entries, "initContainerStatuses": entries, "conditions": entries}
    metadata = {"labels": entries, "ownerReferences": entries, "finalizers": entries}
    its_pod = Pod({**foreign_pod("x", **metadata).raw, "status": status})
    assert its_pod.at_uid is None
    assert not its_pod.held
    assert its_pod.condition("Ready").get("type") in ("Ready", None)
    list(its_pod.containers)
