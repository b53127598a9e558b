"""Ats that come back from a backup, as docs/backup.md tells it; played on both clusters.

A restore creates objects anew, with other uids, without owners, and with their status only where it
is asked to. Finalizers, labels and annotations stay.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cnat.cluster.deadline import Deadline
from cnat.cluster.protocol import Rejected
from cnat.core.observed_pod import Pod
from cnat.engine.reconcile import reconcile
from cnat.engine.settings import Settings
from tests.contract.test_contract import FAILED, SUCCEEDED, started
from tests.contract.test_retries import ENDED
from tests.exactly_once.counted import poll
from tests.support.sandbox import EmbeddedSandbox, Manifest, Sandbox, at


def backed_up(
    sandbox: Sandbox, pod_status: Mapping[str, Any], now: datetime | None = None, **spec: Any
) -> Manifest:
    """The At with its status, once its Pod has got on so far; then all is gone."""
    name = started(sandbox, at(**spec))
    sandbox.set_pod_status(name, pod_status)
    sandbox.reconcile(now)
    backup = sandbox.at("cnrex")
    clear(sandbox, name)
    return backup


def clear(sandbox: Sandbox, name: str) -> None:
    """Delete the At, and its Pod, which the garbage collector would, too."""
    sandbox.delete_at("cnrex")
    with suppress(Rejected):
        sandbox.edit_pod(name, {"finalizers": None})
        sandbox.delete_pod(name)
    poll(lambda: sandbox.pods() == [])


def restore(sandbox: Sandbox, backup: Manifest, *, with_status: bool) -> None:
    sandbox.apply({**at(), "spec": backup["spec"]})
    if with_status:
        sandbox.set_at_status("cnrex", backup["status"])


@pytest.mark.parametrize("ends", [SUCCEEDED, FAILED], ids=["succeeded", "failed"])
def test_restored_with_its_status_an_at_that_has_run_does_not_run_again(
    sandbox: Sandbox, ends: Manifest
) -> None:
    backup = backed_up(sandbox, ends)
    restore(sandbox, backup, with_status=True)
    sandbox.reconcile()
    assert sandbox.pods() == []
    assert sandbox.at("cnrex")["status"]["phase"] == ends["phase"]


def test_restored_without_its_status_it_runs_again(sandbox: Sandbox) -> None:
    backup = backed_up(sandbox, SUCCEEDED)
    restore(sandbox, backup, with_status=False)
    sandbox.reconcile()
    assert len(sandbox.pods()) == 1


def test_unless_it_is_too_late_by_default(embedded_sandbox: EmbeddedSandbox) -> None:
    backup = backed_up(embedded_sandbox, SUCCEEDED)
    restore(embedded_sandbox, backup, with_status=False)
    settings = Settings(default_starting_deadline=timedelta(hours=1))
    reconcile(embedded_sandbox.store(), Deadline(30.0), settings)
    assert embedded_sandbox.at("cnrex")["status"]["phase"] == "Missed"
    assert embedded_sandbox.pods() == []


def test_a_run_that_was_under_way_is_lost_and_not_run_again(sandbox: Sandbox) -> None:
    backup = backed_up(sandbox, {"phase": "Running"})
    restore(sandbox, backup, with_status=True)
    sandbox.reconcile()
    assert sandbox.pods() == []
    status = sandbox.at("cnrex")["status"]
    assert (status["phase"], status["reason"]) == ("Failed", "PodLost")


def test_a_run_that_waited_for_another_attempt_goes_on(sandbox: Sandbox) -> None:
    backup = backed_up(sandbox, FAILED, ENDED, retryPolicy="Failed")
    restore(sandbox, backup, with_status=True)
    sandbox.reconcile()
    (pod,) = sandbox.pods()
    assert Pod.of(pod).attempt == 2


def test_a_pod_that_is_restored_too_is_let_go_of(sandbox: Sandbox) -> None:
    """It has no owner any more. Its command runs again: leave such Pods out of backups."""
    name = started(sandbox)
    (pod,) = sandbox.pods()
    kept = ("name", "labels", "annotations", "finalizers")
    metadata = {key: pod["metadata"][key] for key in kept}
    clear(sandbox, name)
    container = {"name": "shell", "image": "centos:7"}
    sandbox.create_pod(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": metadata,
            "spec": {"containers": [container]},
        }
    )
    sandbox.reconcile(datetime.now(UTC) + timedelta(hours=1))
    assert [each for each in sandbox.pods() if Pod.of(each).has_finalizer] == []
