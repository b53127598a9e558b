"""Ats in every situation that the API knows, brought there by real passes on a real cluster."""

from __future__ import annotations

from typing import Any

from cnat import api, pod
from tests.test_contract import FAILED, SUCCEEDED, waiting
from tests.worlds import RealWorld, at

Manifest = dict[str, Any]

FUTURE = "2999-01-01T00:00:00Z"

_APPLIED = {
    "armed": at("armed", schedule=FUTURE),
    "suspended": at("suspended", suspend=True),
    "refused": at("refused", schedule=FUTURE, serviceAccountName="nobody"),
    "no such time": at("no-such-time", schedule="2027-03-28T02:30:00", timeZone="Europe/Berlin"),
    "name taken": at("name-taken"),
    "running": at("running"),
    "not starting": at("not-starting"),
    "succeeded": at("succeeded"),
    "failed": at("failed"),
    "missed": at("missed", startingDeadlineSeconds=0),
    "lost": at("lost"),
    "edited": at("edited", schedule=FUTURE),
    "deleted": at("deleted", schedule=FUTURE),
}


def arise(world: RealWorld) -> dict[str, Manifest]:
    """An At for each situation, as the cluster then has it."""
    for manifest in _APPLIED.values():
        world.apply(manifest)
    _take_name(world, "name-taken")
    world.reconcile()
    world.set_pod_status(_pod(world, "succeeded"), SUCCEEDED)
    world.set_pod_status(_pod(world, "failed"), FAILED)
    stuck = {"containerStatuses": [waiting("ImagePullBackOff", "no such image")]}
    world.set_pod_status(_pod(world, "not-starting"), {"phase": "Pending", **stuck})
    world.edit_pod(_pod(world, "lost"), {"finalizers": None})
    world.delete_pod(_pod(world, "lost"))
    world.reconcile()
    # What no pass has seen yet:
    world.apply(at("new"))
    world.apply(at("edited"))
    world.apply({**at("deleted", schedule=FUTURE), "metadata": _kept("deleted")})
    world.delete_at("deleted")
    names = {"new": "new", **{key: value["metadata"]["name"] for key, value in _APPLIED.items()}}
    return {situation: world.at(name) for situation, name in names.items()}


def leave(world: RealWorld) -> None:
    """Let go of what stays although it is deleted."""
    world.apply(at("deleted", schedule=FUTURE))


def _pod(world: RealWorld, name: str) -> str:
    return str(world.at(name)["status"]["podName"])


def _take_name(world: RealWorld, name: str) -> None:
    found = api.At(world.at(name))
    container = {"name": "other", "image": "other"}
    world.create_pod(
        {"metadata": {"name": pod.name(found, found.instant)}, "spec": {"containers": [container]}}
    )


def _kept(name: str) -> Manifest:
    """Metadata of an object that stays although it is deleted."""
    return {"name": name, "finalizers": ["example.com/keep"]}
