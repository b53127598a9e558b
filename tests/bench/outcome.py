"""How soon an outcome is on record, once a container has ended."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from statistics import median

from tests.bench import population
from tests.bench.runs import Run, Stage
from tests.bench.table import Row

_RECORD = "patch ats/status"
# Seconds after a lingering pass has begun; all that it finds to do at first is done by then.
_HEAD_START = 5.0


def recorded(stage: Stage, ends: int, say: Callable[[str], None]) -> list[Row]:
    """From a container's end to the status, of Pods that end one by one, a second apart.

    A lingering pass sees each of them end. Without one, the next pass does: the second rows say
    how long that takes it, after the wait for the next minute.
    """
    say(f"{ends} Pods end, with a lingering pass beside them and without")
    lingering, plain = (_started(stage, f"ends-{how}", ends) for how in ("lingering", "plain"))
    with ThreadPoolExecutor(1) as beside:
        run = beside.submit(
            stage.cnat, "--namespace=ends-lingering", f"--linger={_HEAD_START + ends + 60:.0f}"
        )
        time.sleep(_HEAD_START)
        ended = {}
        for at, pod in lingering.items():
            population.finish(stage.admin, "ends-lingering", pod)
            ended[at] = time.time()
            time.sleep(1.0)
        late = [when - ended[at] for at, when in _written(run.result()).items()]
    for pod in plain.values():
        population.finish(stage.admin, "ends-plain", pod)
    began = time.time()
    took = [when - began for when in _written(stage.cnat("--namespace=ends-plain")).values()]
    if len(late) != ends or len(took) != ends:
        raise RuntimeError(f"{len(late)} and {len(took)} outcomes of {ends}")
    return [
        Row("from a container's end to the status, while lingering", "s", median(late)),
        Row("… the latest", "s", max(late)),
        Row("… without, from the start of the next pass", "s", median(took)),
    ]


def _started(stage: Stage, namespace: str, count: int) -> dict[str, str]:
    """The names of Ats under way, and of their Pods."""
    population.namespace(stage.admin, namespace)
    population.due(stage.admin, namespace, count)
    stage.cnat(f"--namespace={namespace}")
    pods = stage.admin("GET", f"/api/v1/namespaces/{namespace}/pods")["items"]
    return {pod["metadata"]["ownerReferences"][0]["name"]: pod["metadata"]["name"] for pod in pods}


def _written(run: Run) -> dict[str, float]:
    """When the last status of each At was written, as POSIX time."""
    return {each.name: each.answered for each in run.requests if each.kind == _RECORD}
