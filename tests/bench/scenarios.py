"""What is measured, one function a question."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from statistics import median, quantiles

from cnat.core import api, pod
from cnat.core.at import At
from tests.bench import population
from tests.bench.audit import counts
from tests.bench.runs import ROOT, WIDTH, Run, Stage
from tests.bench.table import Row, beside

_MB = 1e6
# Ats in one control plane, after which the next turn gets another: with 150,000, their Pods and
# Events the API server was seen at 10.7 GB, and the turns of a whole benchmark are twice that.
_FULL = 20_000
# Seconds before the first instant at which a lingering pass begins.
_HEAD_START = 5.0

Say = Callable[[str], None]


@dataclass(frozen=True)
class Rest:
    """What a pass costs that finds nothing to do; there is one a minute."""

    ats: int
    cpu: float
    sent: int
    received: int
    requests: dict[str, int]


def converged(
    stage: Stage, sizes: Sequence[int], repetitions: int, say: Say
) -> tuple[list[Row], list[Rest]]:
    """A pass with nothing to do, over more and more Ats. Bars count from the first 10,000 on.

    Beside it two bare loops take turns, one lists all objects, one the index; and a pass over a
    namespace without Ats.
    """
    population.namespace(stage.admin, "rest")
    population.namespace(stage.admin, "empty")
    rows: list[Row] = []
    costs: list[Rest] = []
    starts: list[float] = []
    lean = 0.0
    for before, size in zip([0, *sizes], sizes, strict=False):
        say(f"{size} converged Ats: loading")
        population.converged(stage.admin, "rest", range(before, size))
        _assert_converged(stage.at_rest(), size)
        say(f"{size} converged Ats: {repetitions} passes, and the floors beside them")
        floors = stage.floor, partial(stage.floor, ats="index")
        each = *floors, stage.at_rest, partial(stage.at_rest, "--namespace=empty")
        turns = [_turn(stage, number, *each) for number in range(repetitions)]
        wholes, indexes, ours, empty = zip(*turns, strict=True)
        starts += [run.to_first for run in ours]
        costs.append(_rest(stage, size, ours))
        if size < 10_000:
            continue
        spans = [run.span for run in ours]
        what = f"a pass with nothing to do, {size:,} Ats, beside a list of the index"
        rows.append(beside(what, "s", 1.5, [run.span for run in indexes], spans))
        what = "… beside a list of all objects"
        rows.append(beside(what, "s", 1 / 3, [run.span for run in wholes], spans))
        received, whole = costs[-1].received / _MB, _received_whole(stage) / _MB
        rows.append(Row("… its bytes, beside that", "MB", received, 0.1, whole, received / whole))
        servers = [run.server_cpu for run in wholes], [run.server_cpu for run in ours]
        rows.append(beside("… the API server's CPU, beside that", "s", None, *servers))
        cpu = median(run.cpu - least.cpu for run, least in zip(ours, empty, strict=True))
        rows.append(Row("… its CPU above a pass with no Ats", "s", cpu, 0.15 * size / 10_000))
        memory = median(run.memory for run in ours) / _MB
        if not lean:
            lean = memory
            rows.append(Row("… its memory at the peak", "MB", memory, 100.0, below=True))
        else:
            what = f"… its memory at the peak, beside {sizes[sizes.index(size) - 1]:,} Ats"
            rows.append(Row(what, "MB", memory, 1.2, lean, memory / lean))
        asked, needed = len(ours[-1].requests), len(indexes[-1].requests)
        rows.append(Row("… its requests", "", asked, 1.0, needed, asked / needed))
    rows.append(Row("process start to first request", "s", median(starts), 0.4))
    return rows, costs


def under_way(stage: Stage, runs: Sequence[int], repetitions: int, say: Say) -> list[Row]:
    """A pass with nothing to do, as more and more runs are under way beside what is settled."""
    rows = []
    for before, count in zip([0, *runs], runs, strict=False):
        say(f"{count} runs under way: starting, then {repetitions} passes")
        name = f"under-way-{count}"
        population.namespace(stage.admin, name)
        population.due(stage.admin, name, count - before)
        stage.at_rest()
        turns = [_turn(stage, number, stage.at_rest) for number in range(repetitions)]
        passes = [run for (run,) in turns]
        what = f"a pass while {count:,} runs are under way"
        rows.append(Row(what, "s", median(run.span for run in passes)))
        rows.append(Row("… its CPU", "s", median(run.cpu for run in passes)))
        rows.append(Row("… its requests", "", len(passes[-1].requests)))
    return rows


def burst(
    fresh: Callable[[], AbstractContextManager[Stage]], count: int, repetitions: int, say: Say
) -> tuple[list[Row], dict[str, int]]:
    """Ats that are all due at once, until the last Pod exists.

    Args:
        fresh: starts a control plane that holds nothing yet, and ends it.
    """
    turns = []
    at_one = max(1, _FULL // (2 * count))
    for first in range(0, repetitions, at_one):
        with fresh() as stage:
            for number in range(first, min(first + at_one, repetitions)):
                say(f"{count} due at once: {number + 1} of {repetitions}")
                turns.append(_burst(stage, count, number))
    floors, ours = zip(*turns, strict=True)
    for each in [*floors, *ours]:
        if len(each.pods) != count:
            raise RuntimeError(f"{len(each.pods)} Pods instead of {count}")
    what = f"{count:,} due at once, until the last Pod exists"
    times = [run.to_last_pod for run in floors], [run.to_last_pod for run in ours]
    firsts = [run.to_first_pod for run in floors], [run.to_first_pod for run in ours]
    rows = [
        beside(what, "s", 1.25, *times),
        beside("… until the first Pod exists", "s", None, *firsts),
        Row("… the whole pass, with the book-keeping", "s", median(run.wall for run in ours)),
        Row("… its CPU", "s", median(run.cpu for run in ours)),
        Row("… its memory at the peak", "MB", median(run.memory for run in ours) / _MB),
    ]
    return rows, counts(ours[-1].requests)


def _burst(stage: Stage, count: int, number: int) -> tuple[Run, ...]:
    names = [f"burst-{number}-{who}" for who in ("floor", "cnat")]
    for name in names:
        population.namespace(stage.admin, name)
        population.due(stage.admin, name, count)
    floor = partial(stage.floor, names[0], WIDTH)
    cnat = partial(stage.cnat, f"--namespace={names[1]}")
    return _turn(stage, number, floor, cnat)


def punctual(stage: Stage, a_second: int, seconds: int, say: Say) -> list[Row]:
    """Instant to Pod created, of Ats that fall due while the process lingers."""
    say(f"{a_second} a second fall due for {seconds} s")
    population.namespace(stage.admin, "punctual")
    count = a_second * seconds
    # As long as it takes to load them here, and twice that where a machine is slower.
    first = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=15 + count / 50)
    instants = [first + timedelta(seconds=number / a_second) for number in range(count)]
    population.armed(stage.admin, "punctual", instants)
    ahead = (first - datetime.now(UTC)).total_seconds() - _HEAD_START
    if ahead < 0:
        raise RuntimeError("too slow a machine to load the Ats in time")
    time.sleep(ahead)
    # It leaves when nothing more falls due; the book-keeping may take longer.
    run = stage.cnat("--namespace=punctual", f"--linger={seconds + 100}")
    due = {
        pod.name(at, at.instant): at.instant.timestamp()
        for page in stage.admin.pages(f"/apis/{api.API_VERSION}/namespaces/punctual/ats?", 500)
        for at in map(At, page)
    }
    late = [each.answered - due.pop(each.name) for each in run.pods]
    if due or min(late) < 0:
        raise RuntimeError(f"{len(due)} not started; the first of the others {min(late)} s late")
    tail = quantiles(late, n=100)[98]
    return [
        Row(f"lateness at {a_second} a second, p99", "ms", tail * 1e3, 100.0, below=True),
        Row("… median", "ms", median(late) * 1e3),
        Row("… the latest", "ms", max(late) * 1e3),
    ]


def fair_share(stage: Stage, count: int, seconds: float, say: Say) -> list[Row]:
    """How long another client waits for its answers, with nothing and with a burst beside it."""
    say(f"another client's answers, without and with {count} due at once")
    admin = ("--clusterrole=admin", "--serviceaccount=neighbour:default", "--namespace=neighbour")
    population.namespace(stage.admin, "neighbour")
    stage.control_plane.kubectl("create", "rolebinding", "admin", *admin)
    for name in ("fair-floor", "fair-cnat"):
        population.namespace(stage.admin, name)
        population.due(stage.admin, name, count)
    with _neighbour(stage) as alone:
        time.sleep(seconds)
    with _neighbour(stage) as floor:
        stage.floor("fair-floor", WIDTH)
    with _neighbour(stage) as ours:
        stage.cnat("--namespace=fair-cnat")
    rows = []
    for what, position in (("median", 49), ("p99", 98)):
        quiet, least, most = (
            quantiles(took, n=100)[position] * 1e3 for took in (alone, floor, ours)
        )
        text = f"another client's wait during a burst, {what}"
        rows.append(Row(text, "ms", most, None, least, most / least))
        rows.append(Row("… with nothing beside it", "ms", quiet))
    return rows


def _turn(stage: Stage, number: int, *each: Callable[[], Run]) -> tuple[Run, ...]:
    """All of them, each on an idle control plane; who goes first changes from turn to turn."""
    first = number % len(each)
    runs = {}
    for run in each[first:] + each[:first]:
        stage.settle()
        runs[run] = run()
    return tuple(runs[run] for run in each)


def _assert_converged(run: Run, size: int) -> None:
    summary = json.loads(run.output)
    if summary["ats"] != size or summary["rows"] or summary["failures"]:
        raise RuntimeError(f"not {size} converged Ats: {run.output[:500]}")


def _rest(stage: Stage, size: int, runs: Sequence[Run]) -> Rest:
    with stage.counted() as (kubeconfig, relay):
        run = stage.at_rest(kubeconfig=kubeconfig)
    cpu = median(each.cpu for each in runs)
    return Rest(size, cpu, relay.sent, relay.received, counts(run.requests))


def _received_whole(stage: Stage) -> int:
    """The bytes of lists of all objects."""
    with stage.counted() as (kubeconfig, relay):
        stage.floor(kubeconfig=kubeconfig)
    return relay.received


@contextmanager
def _neighbour(stage: Stage) -> Iterator[list[float]]:
    """Seconds that each of its requests took; there when the block has ended."""
    took: list[float] = []
    kubeconfig = stage.kubeconfig_of("neighbour", "default")
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.neighbour", str(kubeconfig), "neighbour"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
    )
    try:
        yield took
    finally:
        process.terminate()
        output, _ = process.communicate(timeout=60)
    took += json.loads(output)
