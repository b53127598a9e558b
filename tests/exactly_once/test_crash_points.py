"""Every fault at every request: the run happens once, and the end is as without the fault."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from tests.exactly_once import passes
from tests.exactly_once.passes import Cluster, Limits
from tests.exactly_once.proxy import Fault, Strike
from tests.exactly_once.scenario import Scenario
from tests.support.controlplane.server import ControlPlane
from tests.support.sandbox import Manifest

_KILLS = (Fault.KILL_BEFORE, Fault.KILL_AFTER)
_READS = ("get", "list")
# Such a fault takes as long as the client is ready to wait.
_WAITS = frozenset({Fault.HANG, Fault.LATE})


@dataclass(frozen=True)
class Clean:
    """What a pass without faults asks for and comes to."""

    kinds: list[str]
    runs: dict[str, int]
    state: Manifest


@pytest.fixture(scope="module")
def clean(control_plane: ControlPlane, cluster: Cluster) -> Clean:
    with passes.namespace(control_plane) as sandbox:
        scenario = Scenario.prepared(sandbox)
        done = passes.one(cluster, sandbox.namespace)
        assert passes.until_converged(cluster, sandbox.namespace) == 0
        assert scenario.touched() == []
        runs = scenario.runs(cluster.pod_watch.created(sandbox.namespace))
        return Clean(done.kinds, runs, scenario.state())


def test_the_scenario_makes_every_kind_of_write(clean: Clean) -> None:
    assert set(clean.kinds) >= {
        "create pods",
        "create pods dry run",
        "patch pods",
        "delete pods",
        "patch ats/status",
        "create events",
    }


def test_the_scenario_reads_in_every_way(clean: Clean) -> None:
    reads = {"list pods", "list pods continued", "list ats", "list ats continued", "get pods"}
    assert set(clean.kinds) >= reads


def test_without_a_fault_every_attempt_has_one_pod(clean: Clean) -> None:
    assert set(clean.runs.values()) == {1}


def test_without_a_fault_one_run_has_another_attempt(clean: Clean) -> None:
    assert [name for name in clean.runs if name.endswith("again")] == [
        "retried 2023-05-21T02:00:00Z again"
    ]


def test_a_fault_at_one_request_of_each_kind_changes_nothing_in_the_end(
    control_plane: ControlPlane,
    cluster: Cluster,
    clean: Clean,
    capsys: pytest.CaptureFixture[str],
) -> None:
    first = {kind: clean.kinds.index(kind) + 1 for kind in dict.fromkeys(clean.kinds)}
    strikes = [Strike(Fault.KILL_BEFORE, k) for k in first.values()]
    strikes += [
        Strike(Fault.KILL_AFTER, first[kind]) for kind in first if not kind.startswith(_READS)
    ]
    # And each other fault at some kind of request, so that all are seen at some.
    others = [fault for fault in Fault if fault not in _KILLS]
    for number, fault in enumerate(others):
        kinds = [kind for kind in first if _applies(fault, kind)]
        strikes.append(Strike(fault, first[kinds[number % len(kinds)]]))
    _try(control_plane, cluster, clean, strikes, capsys)


@pytest.mark.exhaustive
def test_no_fault_at_any_request_changes_anything_in_the_end(
    control_plane: ControlPlane,
    cluster: Cluster,
    clean: Clean,
    capsys: pytest.CaptureFixture[str],
) -> None:
    strikes = [
        Strike(fault, k)
        for k, kind in enumerate(clean.kinds, 1)
        for fault in Fault
        if _applies(fault, kind)
    ]
    _try(control_plane, cluster, clean, strikes, capsys)


def _applies(fault: Fault, kind: str) -> bool:
    if fault is Fault.EXPIRED:
        return kind.endswith("continued")
    if fault is Fault.CUT:
        return kind.startswith("list")
    return True


def _try(
    control_plane: ControlPlane,
    cluster: Cluster,
    clean: Clean,
    strikes: list[Strike],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Try each in a namespace of its own, some at once; tell how many, and in what they ended."""
    with ThreadPoolExecutor((os.cpu_count() or 1) + 1) as pool:
        trials = [pool.submit(_after, control_plane, cluster, clean, each) for each in strikes]
    faults: dict[Fault, Counter[int]] = {}
    for strike, trial in zip(strikes, trials, strict=True):
        if trial.exception() is None:
            faults.setdefault(strike.fault, Counter())[trial.result()] += 1
    with capsys.disabled():
        print("\n" + "\n".join(_told(clean, faults)), flush=True)
    failures = [
        f"{strike.fault.name} at request {strike.k} ({clean.kinds[strike.k - 1]}): "
        f"{trial.exception()}"
        for strike, trial in zip(strikes, trials, strict=True)
        if trial.exception()
    ]
    assert not failures, f"{len(failures)} failed:\n" + "\n".join(failures[:20])


def _told(clean: Clean, faults: dict[Fault, Counter[int]]) -> Iterator[str]:
    total = sum(counts.total() for counts in faults.values())
    yield f"{total} (request, fault) pairs held, of a pass of {len(clean.kinds)} requests."
    yield "Passes until the first that wrote nothing, the faulty one not counted:"
    for fault, counts in faults.items():
        spread = ", ".join(f"{n} x {times}" for times, n in sorted(counts.items()))
        yield f"  {fault.value}: {spread}"


def _after(control_plane: ControlPlane, cluster: Cluster, clean: Clean, strike: Strike) -> int:
    """Run with the fault, then without until converged; answer how many passes that took."""
    with passes.namespace(control_plane) as sandbox:
        scenario = Scenario.prepared(sandbox)
        limits = Limits(patience=0.5) if strike.fault in _WAITS else Limits()
        done = passes.one(cluster, sandbox.namespace, strike, limits=limits)
        assert list(done.struck) == [strike.fault], done.ended.output
        assert done.ended.killed == (strike.fault in _KILLS), done.ended
        took = passes.until_converged(cluster, sandbox.namespace)
        assert scenario.runs(cluster.pod_watch.created(sandbox.namespace)) == clean.runs
        assert scenario.state() == clean.state
        assert scenario.touched() == []
        cluster.pod_watch.forget(sandbox.namespace)
        return took
