"""An At that asks for more than the cluster's Kubernetes knows: it is told long before the instant.

The CRD has the Pod fields of the pinned release, so an older cluster takes the At; its Pod it does
not take. `make releases` runs this on each release that is promised.
"""

from __future__ import annotations

from typing import Any

import pytest

from cnat.cluster.protocol import Rejected
from tests.support.controlplane.server import ControlPlane
from tests.support.sandbox import RealSandbox, at

FUTURE = "2200-01-02T03:04:05Z"

RULES = [{"action": "Restart", "exitCodes": {"operator": "In", "values": [42]}}]


def container(**fields: Any) -> dict[str, Any]:
    return {"containers": [{"name": "shell", "image": "busybox", **fields}]}


# What of a Pod a minor release was the first to know (`kustomize/crd` has all of it).
NEWER = [
    pytest.param(
        34,
        {**container(restartPolicy="Never", restartPolicyRules=RULES), "hostnameOverride": "shop"},
        ["spec.hostnameOverride", "spec.containers[0].restartPolicyRules"],
        id="1.34",
    ),
    pytest.param(
        37,
        {**container(), "evictionResponders": [{"name": "shop.example.com/drain", "priority": 10}]},
        ["spec.evictionResponders"],
        id="1.37",
    ),
]


def told(real_sandbox: RealSandbox, **spec: Any) -> tuple[str, str]:
    """Why an At with this spec is not ready before its instant, and in which words; else Armed."""
    real_sandbox.apply(at(schedule=FUTURE, **spec))
    real_sandbox.reconcile()
    status = real_sandbox.at("cnrex")["status"]
    (ready,) = (each for each in status["conditions"] if each["type"] == "Ready")
    return ready["reason"], ready["message"]


@pytest.mark.parametrize(("since", "spec", "fields"), NEWER)
def test_a_pod_field_that_the_cluster_does_not_know_yet_is_told_by_the_preflight(
    control_plane: ControlPlane,
    real_sandbox: RealSandbox,
    since: int,
    spec: dict[str, Any],
    fields: list[str],
) -> None:
    reason, message = told(real_sandbox, **spec)
    if control_plane.minor >= since:
        assert reason == "Armed", message
        return
    assert reason == "PreflightRejected"
    for field in fields:
        assert f'unknown field "{field}"' in message


def test_a_port_that_does_not_fit_never_gets_past_the_preflight(
    control_plane: ControlPlane, real_sandbox: RealSandbox
) -> None:
    spec = container(ports=[{"containerPort": 2**31}])
    if control_plane.minor >= 36:  # The first to hold an At to the formats of integers.
        with pytest.raises(Rejected, match="containerPort"):
            real_sandbox.apply(at(schedule=FUTURE, **spec))
        return
    reason, message = told(real_sandbox, **spec)
    assert reason == "PreflightRejected"
    assert "containerPort" in message


def test_an_odd_name_of_a_variable_never_gets_past_the_preflight_of_a_cluster_that_takes_none(
    control_plane: ControlPlane, real_sandbox: RealSandbox
) -> None:
    reason, message = told(real_sandbox, **container(env=[{"name": "1 a"}]))
    if control_plane.minor >= 32:  # RelaxedEnvironmentVariableValidation (KEP-4369).
        assert reason == "Armed", message
        return
    assert reason == "PreflightRejected"
    assert 'spec.containers[0].env[0].name: Invalid value: "1 a"' in message
