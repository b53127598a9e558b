"""One run of a process against the control plane, and all that it took."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from cnat.engine.reading import WHOLE_IN_MINUTE
from tests.bench.audit import Audit, Request
from tests.bench.client import Client
from tests.bench.relay import Relay
from tests.support.controlplane.server import ControlPlane

ROOT = Path(__file__).parents[2]
# As wide as cnat is by default.
WIDTH = 16
_LOADERS = 32
_NAMESPACE, _ACCOUNT = "cnat-system", "cnat-reconcile"
# CPU seconds a second below which the API server counts as idle. To tell its metrics takes it 0.04.
_IDLE = 0.2
_SECONDS_TO_SETTLE = 120.0


@dataclass(frozen=True)
class Run:
    """What one process took.

    Attributes:
        wall: seconds from start to exit.
        to_first: seconds from start to when the API server had the first request.
        span: seconds from then to exit.
        cpu: seconds, its own.
        server_cpu: seconds of the API server, meanwhile.
        memory: bytes at the peak.
        requests: all that it sent.
        output: of the process.
    """

    wall: float
    to_first: float
    span: float
    cpu: float
    server_cpu: float
    memory: int
    requests: list[Request] = field(repr=False)
    output: str = field(repr=False)

    @property
    def pods(self) -> list[Request]:
        """The creations of Pods."""
        return [each for each in self.requests if each.kind == "create pods" and each.code == 201]

    @property
    def to_first_pod(self) -> float:
        """Seconds from the first request until the first Pod existed."""
        return min(pod.answered for pod in self.pods) - self.requests[0].received

    @property
    def to_last_pod(self) -> float:
        """Seconds from the first request until the last Pod existed."""
        return max(pod.answered for pod in self.pods) - self.requests[0].received


class Stage:
    """A control plane, with cnat's service account to run processes as.

    Attributes:
        admin: whom nothing is forbidden and nothing holds up.
    """

    def __init__(self, control_plane: ControlPlane, directory: Path) -> None:
        self.control_plane = control_plane
        self.admin = Client(control_plane.kubeconfig, _LOADERS)
        self._directory = directory
        control_plane.kubectl("create", "namespace", _NAMESPACE)
        control_plane.kubectl("apply", "--kustomize", str(ROOT / "kustomize/rbac"))
        self.kubeconfig = self.kubeconfig_of(_NAMESPACE, _ACCOUNT)
        user = f"system:serviceaccount:{_NAMESPACE}:{_ACCOUNT}"
        self._audit = Audit(control_plane.audit_log, user)

    def kubeconfig_of(self, namespace: str, account: str, server: str | None = None) -> Path:
        """Credentials of a service account."""
        token = self.control_plane.kubectl(
            "create", "token", account, f"--namespace={namespace}", "--duration=24h"
        ).stdout.strip()
        path = Path(tempfile.mkstemp(suffix=".kubeconfig", dir=self._directory)[1])
        return self.control_plane.kubeconfig_for(token, server=server, path=path)

    def settle(self) -> None:
        """Wait until the API server has done what the run before left it to do.

        Else the next run pays for it: one and the same loop took 11 to 16 s without the wait, and
        11.4 to 12.4 s with it.

        Raises:
            RuntimeError: it doesn't come to rest.
        """
        give_up = time.monotonic() + _SECONDS_TO_SETTLE
        before = self._cpu()
        while time.monotonic() < give_up:
            time.sleep(1.0)
            now = self._cpu()
            if now - before < _IDLE:
                return
            before = now
        raise RuntimeError(f"the API server is still busy after {_SECONDS_TO_SETTLE:.0f} s")

    def _cpu(self) -> float:
        """CPU seconds that the API server has used so far."""
        metrics = self.control_plane.kubectl("get", "--raw", "/metrics").stdout
        (line,) = re.findall(r"^process_cpu_seconds_total (.+)$", metrics, re.MULTILINE)
        return float(line)

    def floor(
        self,
        namespace: str | None = None,
        width: int = 0,
        ats: str = "whole",
        kubeconfig: Path | None = None,
    ) -> Run:
        """The bare loop. `ats`: as for `tests.bench.floor`."""
        credentials = str(kubeconfig or self.kubeconfig)
        arguments = (credentials, namespace or "-", str(width), ats)
        return self.run(sys.executable, "-m", "tests.bench.floor", *arguments)

    def cnat(self, *flags: str, kubeconfig: Path | None = None) -> Run:
        """The command, as the CronJob runs it, with as much time as it may need."""
        flags = f"--kubeconfig={kubeconfig or self.kubeconfig}", "--timeout=1200", *flags
        return self.run(sys.executable, "reconcile.py", "--output=json", *flags)

    def at_rest(self, *flags: str, kubeconfig: Path | None = None) -> Run:
        """A pass, not in the minute of the hour in which it would read all Ats whole."""
        while datetime.now(UTC).minute == WHOLE_IN_MINUTE:
            time.sleep(1.0)
        return self.cnat(*flags, kubeconfig=kubeconfig)

    def run(self, *command: str) -> Run:
        """Run a command to its end.

        Raises:
            RuntimeError: it failed.
        """
        self._audit.new()
        meter = Path(__file__).with_name("meter.py")
        result = self._directory / "meter.json"
        output, log = self._directory / "stdout", self._directory / "stderr"
        before = self._cpu()
        # No pipes: whoever empties them takes CPU from what is measured.
        with output.open("w") as stdout, log.open("w") as stderr:
            subprocess.run(
                [sys.executable, "-I", "-S", str(meter), str(result), *command],
                cwd=ROOT,
                stdout=stdout,
                stderr=stderr,
                check=True,
            )
        server_cpu = self._cpu() - before
        took = json.loads(result.read_text())
        if took["code"]:
            said = log.read_text()[-2000:]
            raise RuntimeError(f"{' '.join(command)}: exit {took['code']}\n{said}")
        requests = self._audit.new()
        started, ended, first = took["started"], took["ended"], requests[0].received
        return Run(
            wall=ended - started,
            to_first=first - started,
            span=ended - first,
            cpu=took["cpu"],
            server_cpu=server_cpu,
            memory=took["memory"],
            requests=requests,
            output=output.read_text(),
        )

    @contextmanager
    def counted(self) -> Iterator[tuple[Path, Relay]]:
        """Credentials for the API server through a relay that counts the bytes."""
        relay = Relay(urlsplit(self.control_plane.server).port or 443)
        try:
            server = f"https://127.0.0.1:{relay.port}"
            yield self.kubeconfig_of(_NAMESPACE, _ACCOUNT, server), relay
        finally:
            relay.close()
