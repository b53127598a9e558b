"""Ats that fall due through a minute, and how long after its instant each has run."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import starmap
from statistics import median
from typing import Any

from cnat.core import api
from cnat.core.schedule import rfc3339
from tests.e2e.cluster import NAMESPACE, Cluster

Manifest = dict[str, Any]

# Over a minute in all, so that passes come at all distances from an instant; and no multiple of the
# seconds that they do things in.
_COUNT, _SPACING = 12, timedelta(seconds=4.7)


@dataclass(frozen=True)
class Lateness:
    """Seconds after the instant, of each run.

    Attributes:
        started: to the first line that its container prints.
        recorded: to the outcome's being in the At's status.
    """

    started: list[float]
    recorded: list[float]

    def told(self, of: str) -> list[str]:
        """Lines for a table of figures."""
        return [
            f"instant to container start, {of}: {spread(self.started)} s",
            f"instant to outcome on record, {of}: {spread(self.recorded)} s",
        ]


def committed(cluster: Cluster, name: str, *, ahead: int) -> dict[str, datetime]:
    """Apply the Ats and return their instants.

    Args:
        name: what their names begin with.
        ahead: seconds from now to the first instant.
    """
    first = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=ahead)
    dues = {f"{name}-{number}": first + number * _SPACING for number in range(_COUNT)}
    cluster.apply({"apiVersion": "v1", "kind": "List", "items": list(starmap(_at, dues.items()))})
    return dues


def measured(cluster: Cluster, dues: dict[str, datetime]) -> Lateness:
    """Wait until all outcomes are on record. Each command must have printed its line once."""
    recorded = _recorded(set(dues))
    printed = {at: cluster.disk.printed(cluster.status(at)["podName"]) for at in dues}
    assert {at: [line.text for line in printed[at]] for at in dues} == {at: [at] for at in dues}
    return Lateness(
        [(printed[at][0].time - due).total_seconds() for at, due in dues.items()],
        [(recorded[at] - due).total_seconds() for at, due in dues.items()],
    )


def spread(values: list[float]) -> str:
    """Least, most, and what lies in the middle."""
    ends = f"{min(values):.2f} to {max(values):.2f}"
    return f"{ends}, median {median(values):.2f} (n={len(values)})"


def _at(name: str, due: datetime) -> Manifest:
    spec = {"schedule": rfc3339(due), "command": f"echo {name}"}
    metadata = {"name": name}
    return {"apiVersion": api.API_VERSION, "kind": api.KIND, "metadata": metadata, "spec": spec}


def _recorded(ats: set[str]) -> dict[str, datetime]:
    """When each At's outcome is seen in its status, as a watch tells it."""
    columns = "custom-columns=NAME:.metadata.name,END:.status.completionTime"
    command = ["kubectl", "get", "at", "--watch", "--no-headers", f"-n={NAMESPACE}", "-o", columns]
    seen: dict[str, datetime] = {}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as watch:
        assert watch.stdout is not None
        for line in watch.stdout:
            name, end = line.split()
            if name in ats and end != "<none>":
                seen.setdefault(name, datetime.now(UTC))
            if seen.keys() == ats:
                break
        watch.kill()
    return seen
