"""The Pod that an At asks for."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnat.core import api, pod
from cnat.core.fields import Malformed
from cnat.core.observed_pod import Pod
from tests.support.factories import DUE, INSTANT, at

SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
LABEL = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?")

parts = st.text("a1-", min_size=1, max_size=63).map(lambda part: part.strip("-") or "a")
at_names = st.lists(parts, min_size=1).map(lambda some: ".".join(some)[:253].rstrip("-."))
moments = st.datetimes(timezones=st.just(UTC))


# Its name


def test_a_name_is_the_ats_and_a_hash_of_the_run() -> None:
    # sha256("uid-of-cnrex/2023-05-21T02:00:00Z/1")
    assert pod.name(at(), INSTANT) == "cnrex-be418dd40bc377c421af"


def test_a_name_stays_the_same_whatever_else_is_edited() -> None:
    edited = at(command="true", suspend=True, metadata={"generation": 9, "labels": {"a": "b"}})
    assert pod.name(edited, INSTANT) == pod.name(at(), INSTANT)


def test_another_instant_is_another_run() -> None:
    assert pod.name(at(), INSTANT + timedelta(microseconds=1)) != pod.name(at(), INSTANT)


def test_another_attempt_has_another_name() -> None:
    assert len({pod.name(at(), INSTANT, attempt) for attempt in range(1, 100)}) == 99


def test_a_recreated_at_is_another_run() -> None:
    assert pod.name(at(metadata={"uid": "other"}), INSTANT) != pod.name(at(), INSTANT)


def test_an_instant_written_with_another_offset_is_the_same_run() -> None:
    shanghai = datetime.fromisoformat("2023-05-21T10:00:00+08:00")
    assert pod.name(at(), shanghai) == pod.name(at(), INSTANT)


@pytest.mark.parametrize(
    ("name", "prefix"),
    [
        ("a" * 253, "a" * 42),
        ("a" * 41 + "-" + "b" * 9, "a" * 41),
        ("a" * 41 + "." + "b" * 9, "a" * 41),
        ("a" * 40 + "--b", "a" * 40),
        ("a.b", "a.b"),
    ],
)
def test_a_long_name_is_cut_where_a_name_may_end(name: str, prefix: str) -> None:
    assert pod.name(at(name), INSTANT).rpartition("-")[0] == prefix


@given(at_names, moments)
def test_names_and_labels_are_valid_for_any_at(name: str, instant: datetime) -> None:
    manifest = pod.build(at(name, metadata={"uid": "uid"}), instant)
    its_name = manifest["metadata"]["name"]
    assert len(its_name) <= 63
    assert SUBDOMAIN.fullmatch(its_name)
    for value in manifest["metadata"]["labels"].values():
        assert len(value) <= 63
        assert LABEL.fullmatch(value)


# Its metadata


def test_a_pod_is_owned_labelled_dated_and_held() -> None:
    assert pod.build(at(), INSTANT)["metadata"] == {
        "name": pod.name(at(), INSTANT),
        "namespace": "default",
        "labels": {
            "app.kubernetes.io/managed-by": "cnat",
            "cnat.programming-kubernetes.info/at-uid": "uid-of-cnrex",
            "cnat.programming-kubernetes.info/at": "cnrex",
        },
        "annotations": {
            "cnat.programming-kubernetes.info/scheduled-time": DUE,
            "cnat.programming-kubernetes.info/attempt": "1",
        },
        "finalizers": ["cnat.programming-kubernetes.info/outcome"],
        "ownerReferences": [
            {
                "apiVersion": "cnat.programming-kubernetes.info/v1alpha1",
                "kind": "At",
                "name": "cnrex",
                "uid": "uid-of-cnrex",
                "controller": True,
                "blockOwnerDeletion": False,
            }
        ],
    }


def test_a_built_pod_is_read_back_as_the_ats() -> None:
    built = Pod.of(pod.build(at(), INSTANT))
    assert (built.at_uid, built.at_name, built.scheduled_time) == ("uid-of-cnrex", "cnrex", INSTANT)
    assert built.has_finalizer


def test_pod_metadata_is_added_to_ours() -> None:
    extra = {"labels": {"team": "a"}, "annotations": {"note": "b"}}
    metadata = pod.build(at(podMetadata=extra), INSTANT)["metadata"]
    ours = pod.build(at(), INSTANT)["metadata"]
    assert metadata["labels"] == {"team": "a", **ours["labels"]}
    assert metadata["annotations"] == {"note": "b", **ours["annotations"]}


@pytest.mark.parametrize("extra", [None, {}, {"labels": None, "annotations": {}}])
def test_empty_pod_metadata_adds_nothing(extra: Any) -> None:
    ours = pod.build(at(), INSTANT)["metadata"]
    assert pod.build(at(podMetadata=extra), INSTANT)["metadata"] == ours


@pytest.mark.parametrize("kind", ["labels", "annotations"])
@pytest.mark.parametrize("entry", [api.AT_UID, f"{api.GROUP}/anything", api.MANAGED_BY])
def test_pod_metadata_cannot_set_keys_of_ours(kind: str, entry: str) -> None:
    with pytest.raises(Malformed, match=rf"^spec\.podMetadata\.{kind}: '{entry}' is set by cnat"):
        pod.build(at(podMetadata={kind: {entry: "x"}}), INSTANT)


def test_a_domain_that_only_ends_like_ours_is_not_ours() -> None:
    extra = {"labels": {f"x.{api.GROUP}/a": "b"}}
    assert pod.build(at(podMetadata=extra), INSTANT)["metadata"]["labels"][f"x.{api.GROUP}/a"]


@pytest.mark.parametrize(
    ("extra", "field"),
    [
        ([], "spec.podMetadata"),
        ({"labels": []}, "spec.podMetadata.labels"),
        ({"annotations": "x"}, "spec.podMetadata.annotations"),
    ],
)
def test_pod_metadata_of_another_shape_is_malformed(extra: Any, field: str) -> None:
    with pytest.raises(Malformed, match=re.escape(f"{field}: must be of type object")):
        pod.build(at(podMetadata=extra), INSTANT)


# Its spec


def test_the_spec_is_the_ats_without_what_is_the_ats_own() -> None:
    shared: dict[str, Any] = {
        "containers": [{"name": "x", "image": "y", "args": ["z"]}],
        "nodeSelector": {"disk": "ssd"},
        "activeDeadlineSeconds": 60,
        "aFieldOfALaterKubernetes": {"kept": True},
    }
    own: dict[str, Any] = {
        "podMetadata": {},
        "suspend": False,
        "startingDeadlineSeconds": 1,
        "ttlSecondsAfterFinished": 1,
    }
    built = pod.build(at(**shared, **own), INSTANT)
    assert built["spec"] == {**shared, "restartPolicy": "Never"}


def test_a_time_zone_is_the_ats_own_too() -> None:
    zoned = at(schedule="2023-05-21T10:00:00", timeZone="Asia/Shanghai")
    assert pod.build(zoned, INSTANT)["spec"] == pod.build(at(), INSTANT)["spec"]


def test_a_run_may_restart_its_containers_on_failure() -> None:
    assert pod.build(at(restartPolicy="OnFailure"), INSTANT)["spec"]["restartPolicy"] == "OnFailure"


def test_a_run_that_never_ends_is_refused() -> None:
    with pytest.raises(Malformed, match=r"^spec\.restartPolicy: must be Never or OnFailure"):
        pod.build(at(restartPolicy="Always"), INSTANT)


def test_a_command_runs_in_a_shell() -> None:
    spec = pod.build(at(command="echo YAY"), INSTANT)["spec"]
    assert spec == {
        "restartPolicy": "Never",
        "containers": [
            {"name": "command", "image": "busybox", "command": ["/bin/sh", "-c", "echo YAY"]}
        ],
    }


def test_a_command_beside_containers_is_refused() -> None:
    with pytest.raises(Malformed, match="either command or containers, not both"):
        pod.build(at(command="true", containers=[{"name": "x"}]), INSTANT)


def test_building_changes_nothing_of_the_at() -> None:
    owner = at(podMetadata={"labels": {"a": "b"}})
    manifest = pod.build(owner, INSTANT)
    manifest["metadata"]["labels"]["c"] = "d"
    manifest["spec"]["restartPolicy"] = "OnFailure"
    assert owner == at(podMetadata={"labels": {"a": "b"}})


# What admission must not change


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (
            {"labels": {"app.kubernetes.io/managed-by": "Helm"}},
            "metadata.labels[app.kubernetes.io/managed-by]",
        ),
        ({"annotations": {}}, f"metadata.annotations[{api.SCHEDULED_TIME}]"),
        ({"finalizers": []}, "metadata.finalizers"),
        ({"ownerReferences": []}, "metadata.ownerReferences"),
    ],
)
def test_a_change_of_what_the_outcome_is_found_by_is_named(
    change: dict[str, Any], field: str
) -> None:
    sent = pod.build(at(), INSTANT)
    assert (
        pod.changed_by_admission(sent, {**sent, "metadata": {**sent["metadata"], **change}})
        == field
    )


def test_what_admission_adds_is_no_change() -> None:
    sent = pod.build(at(podMetadata={"labels": {"team": "a"}}), INSTANT)
    labels = {**sent["metadata"]["labels"], "team": "b", "sidecar": "injected"}
    finalizers = [*sent["metadata"]["finalizers"], "example.com/x"]
    metadata = {**sent["metadata"], "labels": labels, "finalizers": finalizers, "uid": "u"}
    assert pod.changed_by_admission(sent, {**sent, "metadata": metadata}) is None
