"""Several passes over the same Ats at once, some of them killed."""

from __future__ import annotations

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.exactly_once import passes
from tests.exactly_once.passes import Cluster, Limits, Pass
from tests.exactly_once.proxy import Fault, Strike
from tests.exactly_once.scenario import Scenario
from tests.support.controlplane.server import ControlPlane
from tests.support.sandbox import Manifest

# Enough that their lists and writes mix, few enough that each gets on.
AT_ONCE = 3
# For how long, at most, the first of them waits for the last to be there.
PATIENCE = 60.0

Plan = list[tuple[float, Limits, tuple[Strike, ...]]]


@pytest.fixture(scope="module")
def alone(control_plane: ControlPlane, cluster: Cluster) -> tuple[dict[str, int], Manifest]:
    """The runs and the state that one pass after the other comes to."""
    with passes.namespace(control_plane) as sandbox:
        scenario = Scenario.prepared(sandbox)
        passes.until_converged(cluster, sandbox.namespace)
        return scenario.runs(cluster.pod_watch.created(sandbox.namespace)), scenario.state()


def together(number: int, concurrency: int) -> Plan:
    return [(0.0, Limits(concurrency=concurrency), ())] * number


def staggered(seed: int) -> Plan:
    """Passes that go on within a tenth of a second; most are struck somewhere on their way."""
    choice = random.Random(seed)
    faults = [Fault.KILL_BEFORE, Fault.KILL_AFTER, Fault.DROP_AFTER, Fault.CONFLICT]
    return [
        (
            choice.uniform(0.0, 0.1),
            Limits(concurrency=choice.choice([1, 4, 16])),
            tuple(
                Strike(choice.choice(faults), choice.randint(1, 50))
                for _ in range(choice.randint(0, 2))
            ),
        )
        for _ in range(AT_ONCE)
    ]


PLANS = [
    pytest.param(together(2, 1), id="two"),
    pytest.param(together(AT_ONCE, 16), id="many-at-high-concurrency"),
    *(pytest.param(staggered(seed), id=f"staggered-{seed}") for seed in range(4)),
]


@pytest.mark.parametrize("plan", PLANS)
def test_passes_that_overlap_come_to_what_one_after_the_other_comes_to(
    control_plane: ControlPlane,
    cluster: Cluster,
    alone: tuple[dict[str, int], Manifest],
    plan: Plan,
) -> None:
    overlap(control_plane, cluster, alone, plan)


@pytest.mark.exhaustive
def test_two_hundred_random_overlaps_come_to_what_one_after_the_other_comes_to(
    control_plane: ControlPlane,
    cluster: Cluster,
    alone: tuple[dict[str, int], Manifest],
    capsys: pytest.CaptureFixture[str],
) -> None:
    killed = refused = 0
    for seed in range(200):
        done = overlap(control_plane, cluster, alone, staggered(seed))
        killed += sum(each.ended.killed for each in done)
        refused += sum(entry.code == 409 for each in done for entry in each.answered)
    with capsys.disabled():
        print(f"\n200 overlaps of {AT_ONCE} passes held: {killed} kills, {refused} conflicts.")


def overlap(
    control_plane: ControlPlane,
    cluster: Cluster,
    alone: tuple[dict[str, int], Manifest],
    plan: Plan,
) -> list[Pass]:
    """Run these passes at once, then others until converged."""
    with passes.namespace(control_plane) as sandbox:
        scenario = Scenario.prepared(sandbox)
        under_way = threading.Barrier(len(plan), timeout=PATIENCE)

        def one(delay: float, limits: Limits, strikes: tuple[Strike, ...]) -> Pass:
            def go_on() -> None:
                under_way.wait()
                time.sleep(delay)  # How they overlap is what is tried; no outcome depends on it.

            return passes.one(cluster, sandbox.namespace, *strikes, limits=limits, at_first=go_on)

        with ThreadPoolExecutor(len(plan)) as pool:
            started = [pool.submit(one, *each) for each in plan]
            done = [each.result() for each in started]
        assert not under_way.broken, "one of them was over before another had begun"
        passes.until_converged(cluster, sandbox.namespace)
        runs, state = alone
        assert scenario.runs(cluster.pod_watch.created(sandbox.namespace)) == runs
        assert scenario.state() == state
        assert scenario.touched() == []
        cluster.pod_watch.forget(sandbox.namespace)
        return done
