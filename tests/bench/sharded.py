"""What one of several passes side by side costs, beside a single one."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager

from tests.bench import population
from tests.bench.runs import Run, Stage
from tests.bench.table import Row, beside

_GATE = "--feature-gates=ShardedListAndWatch=true"
_ALL, _SHARE = "0/1", "0/4"
_MB = 1e6


def sharded(
    fresh: Callable[..., AbstractContextManager[Stage]],
    ats: int,
    repetitions: int,
    say: Callable[[str], None],
) -> list[Row]:
    """A pass with nothing to do for one of four shares, and for all: without and with the gate.

    Args:
        fresh: starts a control plane that holds nothing yet, and ends it; takes further flags of
            kube-apiserver.
    """
    rows = []
    for selects, flags in (("the pass", ()), ("the API server", (_GATE,))):
        with fresh(*flags) as stage:
            say(f"{ats} converged Ats, of which {selects} selects a share: loading")
            population.namespace(stage.admin, "rest")
            population.converged(stage.admin, "rest", range(ats))
            say(f"{ats} converged Ats, of which {selects} selects a share: {repetitions} turns")
            _share_of(stage, _ALL, ats)
            _share_of(stage, _SHARE, ats // 4)
            wholes, shares = _turns(stage, repetitions)
            what = f"a quarter of {ats:,} Ats at rest, selected by {selects}, beside all of them"
            spans = [run.span for run in wholes], [run.span for run in shares]
            cpus = [run.cpu for run in wholes], [run.cpu for run in shares]
            servers = [run.server_cpu for run in wholes], [run.server_cpu for run in shares]
            whole, share = _received(stage, _ALL), _received(stage, _SHARE)
            rows += [
                beside(what, "s", None, *spans),
                beside("… its CPU", "s", None, *cpus),
                beside("… the API server's CPU", "s", None, *servers),
                Row("… its bytes", "MB", share, None, whole, share / whole),
            ]
    return rows


def _share_of(stage: Stage, shard: str, about: int) -> None:
    """See that a pass for it finds nothing to do for about as many Ats.

    Raises:
        RuntimeError: it finds something, or others.
    """
    run = stage.at_rest(f"--shard={shard}")
    summary = json.loads(run.output)
    if summary["rows"] or summary["failures"] or abs(summary["ats"] - about) > about / 2:
        raise RuntimeError(f"not about {about} converged Ats: {run.output[:500]}")


def _turns(stage: Stage, repetitions: int) -> tuple[list[Run], list[Run]]:
    """Passes for all and for one share, on an idle control plane; each goes first in its turn."""
    runs: dict[str, list[Run]] = {_ALL: [], _SHARE: []}
    for number in range(repetitions):
        for shard in (_ALL, _SHARE) if number % 2 else (_SHARE, _ALL):
            stage.settle()
            runs[shard].append(stage.at_rest(f"--shard={shard}"))
    return runs[_ALL], runs[_SHARE]


def _received(stage: Stage, shard: str) -> float:
    """The megabytes of a pass."""
    with stage.counted() as (kubeconfig, relay):
        stage.at_rest(f"--shard={shard}", kubeconfig=kubeconfig)
    return relay.received / _MB
