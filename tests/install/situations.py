"""Ats in every situation that the API knows, brought there by real passes on a real cluster."""

from __future__ import annotations

from typing import Any

from cnat.core import pod
from cnat.core.at import At
from tests.contract.test_contract import FAILED, SUCCEEDED, waiting
from tests.support.sandbox import RealSandbox, at

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
    "retrying": at("retrying", retryPolicy="Failed"),
    "missed": at("missed", startingDeadlineSeconds=0),
    "lost": at("lost"),
    "edited": at("edited", schedule=FUTURE),
    "deleted": at("deleted", schedule=FUTURE),
}


def arise(sandbox: RealSandbox) -> dict[str, Manifest]:
    """An At for each situation, as the cluster then has it."""
    for manifest in _APPLIED.values():
        sandbox.apply(manifest)
    take_name(sandbox, "name-taken")
    sandbox.reconcile()
    sandbox.set_pod_status(_pod(sandbox, "succeeded"), SUCCEEDED)
    sandbox.set_pod_status(_pod(sandbox, "failed"), FAILED)
    sandbox.set_pod_status(_pod(sandbox, "retrying"), FAILED)
    stuck = {"containerStatuses": [waiting("ImagePullBackOff", "no such image")]}
    sandbox.set_pod_status(_pod(sandbox, "not-starting"), {"phase": "Pending", **stuck})
    sandbox.edit_pod(_pod(sandbox, "lost"), {"finalizers": None})
    sandbox.delete_pod(_pod(sandbox, "lost"))
    sandbox.reconcile()
    # What no pass has seen yet:
    sandbox.apply(at("new"))
    sandbox.apply(at("edited"))
    sandbox.apply({**at("deleted", schedule=FUTURE), "metadata": _kept("deleted")})
    sandbox.delete_at("deleted")
    names = {"new": "new", **{key: value["metadata"]["name"] for key, value in _APPLIED.items()}}
    return {situation: sandbox.at(name) for situation, name in names.items()}


def leave(sandbox: RealSandbox) -> None:
    """Let go of what stays although it is deleted."""
    sandbox.apply(at("deleted", schedule=FUTURE))


def _pod(sandbox: RealSandbox, name: str) -> str:
    return str(sandbox.at(name)["status"]["podName"])


def take_name(sandbox: RealSandbox, name: str) -> None:
    found = At(sandbox.at(name))
    container = {"name": "other", "image": "other"}
    sandbox.create_pod(
        {"metadata": {"name": pod.name(found, found.instant)}, "spec": {"containers": [container]}}
    )


def _kept(name: str) -> Manifest:
    """Metadata of an object that stays although it is deleted."""
    return {"name": name, "finalizers": ["example.com/keep"]}
