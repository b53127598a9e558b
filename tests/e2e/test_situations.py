"""The table of situations, played: status, Events, and how often the container really ran."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from tests.e2e.cluster import Cluster
from tests.e2e.deeds import PRIORITY, SLOT
from tests.e2e.retries import RETRIES
from tests.e2e.situations import SITUATIONS

pytestmark = pytest.mark.e2e

Manifest = dict[str, Any]

ALL = SITUATIONS | RETRIES


@pytest.fixture(scope="module")
def played(cluster: Cluster) -> Iterator[Cluster]:
    """All Ats at once, and to each what the table says, as soon as it has begun."""
    priority = {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "value": 1}
    cluster.apply({**priority, "metadata": {"name": PRIORITY}})
    _slot(cluster, "add")
    ats = [each.at(name, cluster.node) for name, each in ALL.items()]
    cluster.apply({"apiVersion": "v1", "kind": "List", "items": ats})
    cluster.make_a_pass()
    for name, situation in ALL.items():
        if situation.deed:
            cluster.eventually(partial(_arrived, cluster, name))
            situation.deed(cluster, name)
    yield cluster
    cluster.kubectl("delete", "priorityclass", PRIORITY)
    _slot(cluster, "remove")


def _slot(cluster: Cluster, change: str) -> None:
    """Something of which the node has one, so that two Pods that need it can't both be there."""
    path = f"/status/capacity/{SLOT.replace('/', '~1')}"
    patch = json.dumps([{"op": change, "path": path, "value": "1"}])
    target = ["node", cluster.node, "--subresource=status", "--type=json"]
    cluster.kubectl("patch", *target, f"--patch={patch}")


def _arrived(cluster: Cluster, name: str) -> bool:
    return bool(cluster.disk.written(name)) or cluster.status(name).get("phase") == "Suspended"


@pytest.mark.parametrize("name", ALL)
def test_situation(played: Cluster, name: str) -> None:
    expected = ALL[name]

    def reached() -> Manifest | None:
        at = played.get("at", name)
        status: Manifest = at.get("status", {})
        told = status.get("scheduledTime"), status.get("phase"), status.get("reason", "")
        asked_for = at["spec"]["schedule"], expected.phase, expected.reason
        return status if told == asked_for else None

    status = played.eventually(reached)

    assert status.get("exitCode") == expected.exit_code
    assert expected.message in status.get("message", "")
    assert set(expected.events) <= set(played.events(name))
    ran = played.disk.written(name).count("began")
    assert ran >= expected.ran if expected.goes_on else ran == expected.ran
    assert [each["reason"] for each in status.get("attempts", [])] == list(expected.attempts)
    finished = {each["type"]: each["status"] for each in status["conditions"]}.get("Finished")
    assert finished == ("True" if expected.phase in {"Succeeded", "Failed", "Missed"} else None)
    if finished:
        played.eventually(lambda: not played.holds(name))
    if expected.cleared:
        played.eventually(lambda: not played.pod(name))


def test_afterwards_none_has_run_again(played: Cluster, figures: list[str]) -> None:
    played.make_a_pass()
    told = {name: each.ran for name, each in ALL.items() if not each.goes_on}

    ran = {name: played.disk.written(name).count("began") for name in told}

    too_often = [name for name in told if ran[name] > told[name]]
    begun = sum(ran.values())
    figures.append(
        f"{len(told)} situations: {begun} containers begun, in {len(too_often)} more than told"
    )
    assert not too_often
