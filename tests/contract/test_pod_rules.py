"""What the rules for Pods say offline, and what a real API server says to the same Pod."""

from __future__ import annotations

from tests.support.controlplane.server import ControlPlane
from tests.support.pods import BAD, GOOD, Spec
from tests.support.sandbox import Manifest, RealSandbox

# Which minor release was the first to take what; test_older_kubernetes has how others answer.
SINCE = {"odd names of variables": 32}

# What 1.34 doesn't read: its feature gate ContainerRestartRules (KEP-5307) is off.
DROPPED_BY_1_34 = {"an unknown restart policy"}


def answer(sandbox: RealSandbox, spec: Spec) -> Manifest:
    """That of a dry run with strict validation."""
    pod = {"metadata": {"name": "p"}, "spec": {"restartPolicy": "Never", **spec}}
    path = f"{sandbox.core}/pods?dryRun=All&fieldValidation=Strict"
    return sandbox.request("POST", path, pod, accept={403, 422})


def test_what_is_refused_offline_is_refused_by_an_api_server(
    control_plane: ControlPlane, real_sandbox: RealSandbox
) -> None:
    taken = {
        name for name, bad in BAD.items() if answer(real_sandbox, bad.spec).get("kind") == "Pod"
    }
    assert taken == (DROPPED_BY_1_34 if control_plane.minor == 34 else set())


def test_what_is_taken_offline_is_taken_by_an_api_server(
    control_plane: ControlPlane, real_sandbox: RealSandbox
) -> None:
    refused = {
        name: found["message"]
        for name, spec in GOOD.items()
        if control_plane.minor >= SINCE.get(name, 0)
        and (found := answer(real_sandbox, spec)).get("kind") != "Pod"
    }
    assert refused == {}
