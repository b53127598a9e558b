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
from cnat.core.objects import At, Ended, Pod
from cnat.core.record import Status
from cnat.core.schedule import ScheduleError
from tests.support.factories import INSTANT, SUCCEEDED, at, container_status, foreign_pod, pod_of

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


# Pods


def test_a_pod_with_an_at_for_controller_is_the_ats() -> None:
    its_pod = pod_of(at())
    assert its_pod.at_uid == "uid-of-cnrex"
    assert its_pod.at_name == "cnrex"


OWNER = {"apiVersion": api.API_VERSION, "kind": "At", "name": "cnrex", "uid": "u"}
OURS = {"labels": {api.MANAGED_BY: "cnat"}, "ownerReferences": [{**OWNER, "controller": True}]}


@pytest.mark.parametrize(
    "change",
    [
        {"ownerReferences": None},
        {"ownerReferences": [OWNER]},
        {"ownerReferences": [{**OWNER, "controller": True, "kind": "Job"}]},
        {"ownerReferences": [{**OWNER, "controller": True, "apiVersion": "example.com/v1"}]},
        {"ownerReferences": [{**OWNER, "controller": True, "apiVersion": "v1"}]},
    ],
    ids=["no owner", "not controller", "a Job", "other group", "core"],
)
def test_a_pod_with_any_other_controller_is_nobodys(change: dict[str, Any]) -> None:
    assert foreign_pod("x", **OURS).at_uid == "u"
    assert foreign_pod("x", **(OURS | change)).at_uid == ""


@pytest.mark.parametrize("labels", [None, {api.MANAGED_BY: "Helm"}])
def test_labels_that_admission_has_changed_make_no_difference(labels: Any) -> None:
    assert foreign_pod("x", **(OURS | {"labels": labels})).at_uid == "u"


def test_an_at_of_a_later_version_is_still_an_owner() -> None:
    owner = {**OWNER, "controller": True, "apiVersion": f"{api.GROUP}/v1"}
    assert foreign_pod("x", **(OURS | {"ownerReferences": [owner]})).at_uid == "u"


def test_another_owner_beside_the_at_changes_nothing() -> None:
    other = {"apiVersion": "v1", "kind": "Node", "name": "n", "uid": "n"}
    owners = [other, *OURS["ownerReferences"]]
    its_pod = foreign_pod("x", **(OURS | {"ownerReferences": owners}))
    assert (its_pod.at_uid, its_pod.at_name) == ("u", "cnrex")


def test_our_finalizer_is_found_among_others() -> None:
    assert pod_of(at()).has_finalizer
    assert pod_of(at(), metadata={"finalizers": [api.FINALIZER, "example.com/x"]}).has_finalizer
    assert not pod_of(at(), metadata={"finalizers": ["example.com/x"]}).has_finalizer
    assert not pod_of(at(), metadata={"finalizers": None}).has_finalizer


def test_a_termination_message_comes_without_the_newline_that_echo_left() -> None:
    ended = {"terminated": {"exitCode": 1, "message": "no such file\n"}}
    its_pod = pod_of(at(), status={"containerStatuses": [{"name": "shell", "state": ended}]})
    (container,) = its_pod.containers
    assert container.ended == Ended(1, "", "no such file")


def test_init_containers_come_before_containers_and_sidecars_last() -> None:
    exited = {"state": {"terminated": {"exitCode": 1, "reason": "Error"}}}
    status = {
        "containerStatuses": [{"name": "main", "state": {"waiting": {"reason": "b"}}}],
        "initContainerStatuses": [{"name": "proxy", **exited}, {"name": "init", **exited}],
    }
    sidecar = {"name": "proxy", "restartPolicy": "Always"}
    its_pod = pod_of(at(), status=status, initContainers=[sidecar, {"name": "init"}])
    init, main, proxy = its_pod.containers
    assert [each.name for each in (init, main, proxy)] == ["init", "main", "proxy"]
    assert init.ended == Ended(1, "Error", "")
    assert (main.waiting, main.ended) == ("b", None)


def test_a_container_that_simply_runs_or_ended_well_is_not_kept() -> None:
    running = container_status(running={"startedAt": "2023-05-21T02:00:01Z"})
    assert pod_of(at(), status={"containerStatuses": [running]}).containers == ()
    assert pod_of(at(), status=SUCCEEDED).containers == ()


def test_a_deletion_was_asked_for_a_grace_period_before_it_takes_effect() -> None:
    ends = {"deletionTimestamp": "2023-05-21T02:01:00Z", "deletionGracePeriodSeconds": 60}
    assert pod_of(at(), metadata=ends).deletion_requested == INSTANT


def test_a_pod_that_nobody_has_reported_on_is_pending() -> None:
    assert Pod.of({**pod_of(at()).raw, "status": {}}).phase == "Pending"


@given(status=anything, spec=anything, extra=st.dictionaries(st.text(), anything))
def test_a_pod_of_any_content_is_read(
    status: object, spec: object, extra: dict[str, object]
) -> None:
    raw = {"metadata": {**extra, "name": "x", "namespace": "y"}, "spec": spec, "status": status}
    its_pod = Pod.of(raw)
    assert (its_pod.name, its_pod.namespace) == ("x", "y")
    assert isinstance(its_pod.phase, str)
    assert isinstance(its_pod.node, str)
    assert its_pod.at_uid == ""
    assert its_pod.at_name == ""
    assert its_pod.deleted is None
    assert its_pod.scheduled_time is None
    list(its_pod.containers)


@given(entries=anything)
def test_lists_in_a_pod_may_hold_anything(entries: object) -> None:
    status = {"containerStatuses": entries, "initContainerStatuses": entries, "conditions": entries}
    metadata = {"labels": entries, "ownerReferences": entries, "finalizers": entries}
    its_pod = Pod.of({**foreign_pod("x", **metadata).raw, "status": status})
    assert its_pod.at_uid == ""
    assert not its_pod.has_finalizer
    list(its_pod.containers)
