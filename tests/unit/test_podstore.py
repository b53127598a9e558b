"""Pods kept small: what a decision reads of them is the same afterwards."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnat.core.objects import Pod
from cnat.engine.podstore import PodStore
from tests.support.factories import FAILED, INSTANT, SUCCEEDED, at, container_status, pod_of

PROPERTIES = [name for name, member in vars(Pod).items() if isinstance(member, property)]


def read(pod: Pod) -> dict[str, Any]:
    """All that can be read of a Pod."""
    kinds = ("PodScheduled", "DisruptionTarget", "Ready")
    values = {name: getattr(pod, name) for name in PROPERTIES}
    containers = list(values.pop("containers"))
    return {**values, "its": containers, "conditions": [pod.condition(kind) for kind in kinds]}


def pods() -> list[Pod]:
    waiting = container_status(waiting={"reason": "ImagePullBackOff", "message": "no such image"})
    disrupted = {"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI"}
    return [
        pod_of(at(), nodeName="node-7"),
        pod_of(at("two"), status=SUCCEEDED, metadata={"finalizers": []}),
        pod_of(at("three"), status={**FAILED, "conditions": [disrupted]}),
        pod_of(at("four"), status={"phase": "Pending", "containerStatuses": [waiting]}),
        pod_of(at("five"), metadata={"deletionTimestamp": "2023-05-21T02:00:09Z"}),
        Pod({"metadata": {"name": "bare", "namespace": "default", "labels": None}}),
        Pod({"metadata": {"name": "odd", "namespace": "default"}, "spec": [], "status": "Gone"}),
    ]


@pytest.mark.parametrize("pod", pods(), ids=lambda pod: pod.name)
def test_what_is_read_of_a_slim_pod_is_what_is_read_of_the_pod(pod: Pod) -> None:
    assert read(pod.slim()) == read(pod)


def test_each_comes_out_as_it_went_in() -> None:
    store = PodStore()
    for pod in pods():
        store.put(f"uid-of-{pod.name}", pod)
    for pod in pods():
        (kept,) = store.take(f"uid-of-{pod.name}")
        assert read(kept) == read(pod)


def test_what_is_taken_is_gone() -> None:
    store = PodStore()
    store.put("uid", pods()[0])
    assert len(store.take("uid")) == 1
    assert store.take("uid") == ()


def test_the_pods_of_one_at_stay_together() -> None:
    store, owner = PodStore(), at()
    runs = [pod_of(owner, INSTANT + timedelta(hours=hour)) for hour in range(3)]
    for pod in runs:
        store.put(owner.uid, pod)
    assert [pod.name for pod in store.take(owner.uid)] == [pod.name for pod in runs]


def test_the_rest_is_what_nobody_took() -> None:
    store = PodStore()
    for pod in pods():
        store.put(f"uid-of-{pod.name}", pod)
    store.take("uid-of-bare")
    left = [pod.name for pod in pods() if pod.name != "bare"]
    assert [pod.name for pod in store.rest()] == left


@given(st.lists(st.dictionaries(st.text(), st.text()), max_size=5))
def test_any_text_survives(annotations: list[dict[str, str]]) -> None:
    store = PodStore()
    for number, texts in enumerate(annotations):
        store.put(str(number), pod_of(at(), metadata={"annotations": texts}))
    for number, texts in enumerate(annotations):
        (kept,) = store.take(str(number))
        assert kept.raw["metadata"]["annotations"] == texts


def test_kept_pods_take_a_tenth_of_their_json_at_most() -> None:
    """Else a pass over many finished Ats needs more memory than its CronJob gives it."""
    store = PodStore()
    alike = [pod_of(at(f"at-{number:04}"), status=SUCCEEDED) for number in range(50)]
    noise: dict[str, Any] = {
        "managedFields": [{"fieldsV1": {f"f:{number}": {} for number in range(100)}}]
    }
    size = 0
    for pod in alike:
        raw = {**pod.raw, "metadata": {**pod.raw["metadata"], **noise}}
        size += len(json.dumps(raw))
        store.put(pod.uid, Pod(raw))
    packed = sum(len(each) for kept in vars(store)["_packed"].values() for each in kept)
    assert packed < size / 10
