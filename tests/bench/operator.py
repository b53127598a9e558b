"""What cnat costs beside what a user would write instead: an operator that stays and watches."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from statistics import median

from tests.bench import population
from tests.bench.audit import Audit, Request
from tests.bench.runs import ROOT, Stage
from tests.bench.table import Row, beside

_MB = 1e6
_MODULE = "--module=tests.bench.kopf_operator"
_COMMAND = "-m", "kopf", "run", "--standalone", "--quiet", _MODULE
_MINUTE = 60.0
_SECONDS_TO_ACT = 600.0
# An operator is at rest when it has used less than so many CPU seconds in so many seconds.
_IDLE, _LOOKS_EVERY = 0.1, 5.0
_TICKS = os.sysconf("SC_CLK_TCK")

Say = Callable[[str], None]


class Operator:
    """A Kopf operator for the Ats of one namespace: `tests.bench.kopf_operator`."""

    def __init__(self, stage: Stage, namespace: str) -> None:
        self._namespace = namespace
        admin = ("--clusterrole=cluster-admin", "--serviceaccount=default:operator")
        stage.control_plane.kubectl("create", "serviceaccount", "operator", "--namespace=default")
        stage.control_plane.kubectl("create", "clusterrolebinding", "operator", *admin)
        self._kubeconfig = stage.kubeconfig_of("default", "operator")
        user = "system:serviceaccount:default:operator"
        self._audit = Audit(stage.control_plane.audit_log, user)
        self._pid = 0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Started, and ended with the block."""
        process = subprocess.Popen(
            [sys.executable, *_COMMAND, f"--namespace={self._namespace}"],
            cwd=ROOT,
            env={**os.environ, "KUBECONFIG": str(self._kubeconfig)},
            stderr=subprocess.DEVNULL,  # an error for each At that isn't due yet
        )
        self._pid = process.pid
        try:
            yield
        finally:
            process.terminate()
            process.wait(timeout=60)

    @property
    def cpu(self) -> float:
        """Seconds that it has used so far (proc_pid_stat(5): utime and stime)."""
        fields = Path(f"/proc/{self._pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    @property
    def memory(self) -> int:
        """Bytes that it holds now (proc_pid_status(5): VmRSS)."""
        for line in Path(f"/proc/{self._pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise RuntimeError("the operator has ended")

    def come_to_rest(self) -> None:
        """Wait until it has done all that it found when it was started.

        Raises:
            RuntimeError: it goes on and on.
        """
        give_up = time.monotonic() + _SECONDS_TO_ACT
        before = self.cpu
        while time.monotonic() < give_up:
            time.sleep(_LOOKS_EVERY)
            now = self.cpu
            if now - before < _IDLE:
                return
            before = now
        raise RuntimeError("the operator doesn't come to rest")

    def start_pods(self, count: int) -> float:
        """Seconds from its first request until the last of so many Pods exists.

        Raises:
            RuntimeError: it doesn't start as many.
        """
        self._audit.new()
        requests: list[Request] = []
        give_up = time.monotonic() + _SECONDS_TO_ACT
        with self.running():
            while time.monotonic() < give_up:
                requests += self._audit.new()
                answered = [
                    each.answered
                    for each in requests
                    if each.kind == "create pods" and each.code == 201
                ]
                if len(answered) >= count:
                    return max(answered) - min(each.received for each in requests)
        raise RuntimeError(f"the operator has started {len(answered)} of {count} Pods")


def beside_operator(
    fresh: Callable[[], AbstractContextManager[Stage]],
    ats: int,
    due: int,
    repetitions: int,
    say: Say,
) -> list[Row]:
    """Many Ats that are due at once; then a minute in which there is nothing to do.

    Args:
        fresh: starts a control plane that holds nothing yet, and ends it.
    """
    theirs, ours = [], []
    for number in range(repetitions):
        say(f"{due} due at once, for an operator and for cnat: {number + 1} of {repetitions}")
        with fresh() as stage:
            for name in ("operator", "cnat"):
                population.namespace(stage.admin, name)
                population.due(stage.admin, name, due)
            stage.settle()
            theirs.append(Operator(stage, "operator").start_pods(due))
            stage.settle()
            ours.append(stage.cnat("--namespace=cnat").to_last_pod)
    rows = [beside(f"{due:,} due at once, beside an operator (Kopf)", "s", None, theirs, ours)]
    say(f"{ats} converged Ats: loading, then a minute of the operator")
    with fresh() as stage:
        population.namespace(stage.admin, "rest")
        population.converged(stage.admin, "rest", range(ats))
        passes = [stage.at_rest() for _ in range(repetitions)]
        operator = Operator(stage, "rest")
        with operator.running():
            operator.come_to_rest()
            began = operator.cpu
            time.sleep(_MINUTE)
            cpu, memory = operator.cpu - began, operator.memory / _MB
    what = f"CPU of a minute at rest, {ats:,} Ats, beside that"
    our_cpu = median(each.cpu for each in passes)
    our_memory = median(each.memory for each in passes) / _MB
    return [
        *rows,
        Row(what, "s", our_cpu, None, cpu, our_cpu / cpu),
        Row("… memory, all the minute and of the pass in it", "MB", our_memory, None, memory),
    ]
