"""The control plane behaves as a cluster does where cnat depends on it, and leaves nothing."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from tests.install.eventually import eventually
from tests.support.controlplane import module
from tests.support.controlplane.errors import ControlPlaneError
from tests.support.controlplane.server import running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.controlplane.server import ControlPlane

REPOSITORY = Path(__file__).parents[3]
SOON = "--timeout=30s"


@pytest.fixture
def namespace(control_plane: ControlPlane) -> Iterator[str]:
    name = f"test-{uuid4().hex[:8]}"
    control_plane.kubectl("create", "namespace", name)
    # Not `kubectl wait --for=create`, which is newer than 1.30.
    account = ("get", "serviceaccount", "default", f"-n={name}", "--ignore-not-found")
    eventually(lambda: control_plane.kubectl(*account).stdout)
    yield name
    control_plane.kubectl("delete", "namespace", name, "--wait=false")


def audited(control_plane: ControlPlane, part: str) -> dict[str, Any]:
    """Return the audit event whose line has ``part``; it comes a moment after the answer."""
    for _ in range(100):
        for line in control_plane.audit_log.read_text().splitlines():
            if part in line:
                event: dict[str, Any] = json.loads(line)
                return event
        time.sleep(0.1)
    raise AssertionError(f"no {part} in {control_plane.audit_log}")


def processes_of(directory: Path) -> list[str]:
    """Return the command lines of the living processes that name ``directory``."""
    if sys.platform != "linux":
        command = ["ps", "-A", "-ww", "-o", "args="]
        lines = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
        return [line for line in lines.splitlines() if str(directory) in line]
    living = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has just ended
            living.append(process.joinpath("cmdline").read_text(errors="replace"))
    return [line.replace("\0", " ") for line in living if str(directory) in line]


@pytest.mark.skipif(
    "KUBEBUILDER_ASSETS" in os.environ,
    reason="nobody says of which release given executables are",
)
def test_its_version_is_the_chosen_release(control_plane: ControlPlane) -> None:
    version = json.loads(control_plane.kubectl("version", "-o=json").stdout)

    for side in ("serverVersion", "clientVersion"):
        assert version[side]["gitVersion"] == module.chosen(os.environ)


def test_the_job_controller_creates_a_pod(control_plane: ControlPlane, namespace: str) -> None:
    control_plane.kubectl("create", "job", "once", "--image=busybox", f"-n={namespace}")

    control_plane.kubectl(
        "wait", "--for=jsonpath={.status.active}=1", "job/once", f"-n={namespace}", SOON
    )
    pods = control_plane.kubectl("get", "pods", "-l=job-name=once", "-o=name", f"-n={namespace}")
    assert pods.stdout.startswith("pod/once-")


def test_pod_security_refuses_what_the_namespace_forbids(
    control_plane: ControlPlane, namespace: str
) -> None:
    control_plane.kubectl(
        "label", "namespace", namespace, "pod-security.kubernetes.io/enforce=restricted"
    )

    refused = control_plane.kubectl(
        "run", "root", "--image=busybox", f"-n={namespace}", check=False
    )

    assert refused.returncode == 1
    assert 'violates PodSecurity "restricted:latest"' in refused.stderr


def test_the_garbage_collector_follows_owner_references(
    control_plane: ControlPlane, namespace: str
) -> None:
    control_plane.kubectl("create", "configmap", "owner", f"-n={namespace}")
    uid = control_plane.kubectl(
        "get", "configmap", "owner", "-o=jsonpath={.metadata.uid}", f"-n={namespace}"
    ).stdout
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": uid}
    dependent = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "dependent", "namespace": namespace, "ownerReferences": [owner]},
    }
    control_plane.kubectl("create", "-f=-", input=json.dumps(dependent))

    control_plane.kubectl("delete", "configmap", "owner", f"-n={namespace}")

    control_plane.kubectl("wait", "--for=delete", "configmap/dependent", f"-n={namespace}", SOON)


def test_a_requested_token_is_an_identity_that_rbac_limits(
    control_plane: ControlPlane, namespace: str, tmp_path: Path
) -> None:
    token = control_plane.kubectl("create", "token", "default", f"-n={namespace}").stdout
    kubeconfig = control_plane.kubeconfig_for(
        token.strip(), namespace=namespace, path=tmp_path / "kubeconfig"
    )

    who = control_plane.kubectl("auth", "whoami", kubeconfig=kubeconfig)
    refused = control_plane.kubectl("get", "pods", kubeconfig=kubeconfig, check=False)

    user = f"system:serviceaccount:{namespace}:default"
    assert user in who.stdout
    assert f'User "{user}" cannot list resource "pods"' in refused.stderr


def test_the_audit_log_names_who_created_a_pod(control_plane: ControlPlane, namespace: str) -> None:
    control_plane.kubectl("run", "audited", "--image=busybox", f"-n={namespace}")

    event = audited(control_plane, f'"namespace":"{namespace}","name":"audited"')

    assert event["verb"] == "create"
    assert event["user"]["username"] == "admin"
    assert event["responseStatus"]["code"] == 201


def test_it_leaves_neither_process_nor_file(
    control_plane: ControlPlane, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    with running(control_plane.assets) as other:
        assert len(processes_of(tmp_path)) == len(other.processes.pids) == 3

    assert processes_of(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_a_failed_start_names_the_log_and_shows_its_end(
    control_plane: ControlPlane, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    with (
        pytest.raises(ControlPlaneError, match="unknown flag: --no-such") as failure,
        running(control_plane.assets, apiserver_args=["--no-such"]),
    ):
        pass

    log = re.search(
        r"kube-apiserver ended by itself with code 1\. The log (\S+)", str(failure.value)
    )
    assert log
    assert "unknown flag: --no-such" in Path(log[1]).read_text()
    assert processes_of(tmp_path) == []


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_by_hand_it_runs_until_it_is_told_to_end(
    control_plane: ControlPlane, tmp_path: Path, end: signal.Signals
) -> None:
    if end == signal.SIGKILL and sys.platform != "linux":
        pytest.skip("only Linux ends the children of a killed process (PR_SET_PDEATHSIG)")
    environ = {
        **os.environ,
        "KUBEBUILDER_ASSETS": str(control_plane.assets),
        "TMPDIR": str(tmp_path),
    }
    environ.pop("KUBERNETES", None)  # One of the two says which control plane to take.
    with subprocess.Popen(
        [sys.executable, "-m", "tests.support.controlplane"],
        cwd=REPOSITORY,
        env=environ,
        stdout=subprocess.PIPE,
        text=True,
    ) as command:
        assert command.stdout is not None
        exported = command.stdout.readline().strip()
        command.send_signal(end)
        try:
            command.wait(timeout=30)
        finally:
            command.kill()

    assert exported.startswith(f"export KUBECONFIG={tmp_path}")
    for _ in range(100):  # the kernel's kill after a SIGKILL is not waited for by anyone
        if not processes_of(tmp_path):
            break
        time.sleep(0.05)
    assert processes_of(tmp_path) == []
    if end != signal.SIGKILL:
        assert command.returncode == 0
        assert list(tmp_path.iterdir()) == []
