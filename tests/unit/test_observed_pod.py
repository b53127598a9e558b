"""What is read of a Pod, whatever it holds."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnat.core import api
from cnat.core.observed_pod import Ended, Pod
from tests.support.factories import (
    INSTANT,
    SUCCEEDED,
    anything,
    at,
    container_status,
    foreign_pod,
    pod_of,
)


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
