"""A cluster of one node, in the namespaces that :mod:`tests.support.node.machine` makes."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.controlplane import server as control_plane
from tests.support.node import power, registry
from tests.support.node.errors import NodeError
from tests.support.node.images import Images

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.controlplane.server import ControlPlane
    from tests.support.node.parts import Parts

HERE = Path(__file__).parent

# As in root/usr/local/sbin/init. On loopback too: Pods reach it all the same.
NODE_IP = "10.89.0.1"
# The service `kubernetes`: the first address of the range in commands.py. With it on loopback, and
# the API server on its port, there is no need for a kube-proxy.
SERVICE_IP, SERVICE_PORT = "10.96.0.1", 443

# Seconds. On an idle machine it takes 10.
_PATIENCE = 180.0


@contextlib.contextmanager
def running(parts: Parts, disk: Path) -> Iterator[ControlPlane]:
    """Start a cluster on the images in ``disk``; its node is Ready when the block begins."""
    for command in (
        "ip link set lo up",
        f"ip address add {SERVICE_IP}/32 dev lo",
        f"ip address add {NODE_IP}/32 dev lo",
        "sysctl --quiet --write net.ipv4.ip_forward=1",
    ):
        subprocess.run(command.split(), check=True)
    with (
        registry.serving(Images(disk / "images"), 5000),
        control_plane.running(
            parts.assets,
            api_port=SERVICE_PORT,
            apiserver_args=[
                "--bind-address=0.0.0.0",
                "--kubelet-preferred-address-types=InternalIP",
            ],
            controller_manager_args=["--controllers=*"],
        ) as cluster,
    ):
        cluster.processes.start(
            parts.kubelet.with_name("kube-scheduler"),
            [f"--kubeconfig={cluster.kubeconfig}", "--leader-elect=false", "--secure-port=0"],
        )
        boot = [str(HERE / "boot.sh"), str(parts.runtime), str(disk), str(parts.kubelet)]
        shutil.copytree(HERE / "root", disk / "root")
        shutil.copy(cluster.kubeconfig, disk / "root/etc/kubernetes/kubeconfig")
        power.switch_on(boot, disk)
        _wait_until_ready(cluster, disk)
        yield cluster


def _wait_until_ready(cluster: ControlPlane, disk: Path) -> None:
    ready = ["wait", "--for=condition=Ready", "node/node1"]
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        if cluster.kubectl(*ready, "--timeout=5s", check=False).returncode == 0:
            return
        time.sleep(0.3)
    logs = [disk / "boot.log", disk / "log/containerd.log", disk / "log/kubelet.log"]
    ends = [f"{log}:\n{log.read_text()[-2000:]}" for log in logs if log.exists()]
    told = f"The node was not ready within {_PATIENCE:.0f} s."
    raise NodeError("\n".join([told, *ends]))
