"""Where instants lie around now, on a scale that has room for an hour and for years."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cnat.cli.report.model import Row

# The far end of each column, away from now; the last has none.
_ENDS = (
    ("1h", timedelta(hours=1)),
    ("6h", timedelta(hours=6)),
    ("1d", timedelta(days=1)),
    ("3d", timedelta(days=3)),
    ("1w", timedelta(weeks=1)),
    ("1mo", timedelta(days=30)),
    ("3mo", timedelta(days=91)),
    ("1y", timedelta(days=365)),
)
_LENGTHS = [length for _, length in _ENDS]
_LEAST = 3


@dataclass(frozen=True, slots=True)
class Column:
    """The Ats that are due in a part of the time.

    Attributes:
        label: how far from now its far end is; for the last, as more than where it begins.
        past: whether it lies before now.
    """

    label: str
    past: bool
    rows: Sequence[Row]

    @property
    def told(self) -> str:
        side = "ago" if self.past else "from now"
        if self.label.startswith(">"):
            return f"more than {self.label[1:]} {side}"
        return f"up to {self.label} {side}"


def columns(rows: Iterable[Row], now: datetime) -> list[Column]:
    """From the past to what is to come, as far as there are Ats, and a little to either side."""
    sides: dict[bool, list[list[Row]]] = {
        past: [[] for _ in range(len(_ENDS) + 1)] for past in (True, False)
    }
    for row in rows:
        if row.due is not None:
            away = row.due - now
            sides[away < timedelta()][bisect_left(_LENGTHS, abs(away))].append(row)
    before, after = (_trimmed(sides[past], past) for past in (True, False))
    return [*reversed(before), *after]


def _trimmed(side: Sequence[Sequence[Row]], past: bool) -> list[Column]:
    labels = [*(label for label, _ in _ENDS), f">{_ENDS[-1][0]}"]
    used = [number for number, rows in enumerate(side, 1) if rows]
    size = max([_LEAST, *used])
    return [
        Column(label, past, rows) for label, rows in zip(labels[:size], side[:size], strict=True)
    ]
