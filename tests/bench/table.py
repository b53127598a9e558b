"""The result: a table for people, and the same as JSON for machines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Row:
    """One measurement against its bar.

    Attributes:
        floor: what a bare loop takes; None where the bar is absolute.
        ratio: of each run of cnat to the floor's run beside it, the median.
        turns: the floor's and our value of each turn, where there were several.
        bar: for the ratio where there is one, else for `ours`; None: told, not judged.
    """

    what: str
    unit: str
    ours: float
    bar: float | None = None
    floor: float | None = None
    ratio: float | None = None
    below: bool = False  # less than the bar, not at most
    turns: Sequence[tuple[float, float]] = ()

    @property
    def spread(self) -> str:
        """The ratios of single turns, from the lowest to the highest."""
        ratios = [ours / floor for floor, ours in self.turns]
        return f"{min(ratios):.2f} to {max(ratios):.2f}" if ratios else ""

    @property
    def met(self) -> bool | None:
        if self.bar is None:
            return None
        value = self.ours if self.ratio is None else self.ratio
        return value < self.bar if self.below else value <= self.bar


def beside(
    what: str, unit: str, bar: float | None, floors: Sequence[float], ours: Sequence[float]
) -> Row:
    """A row from runs that took turns, so that both had the same weather."""
    turns = tuple(zip(floors, ours, strict=True))
    ratio = median(mine / floor for floor, mine in turns)
    return Row(what, unit, median(ours), bar, median(floors), ratio, turns=turns)


def document(rows: Sequence[Row]) -> list[dict[str, object]]:
    """For machines."""
    return [
        {
            "what": row.what,
            "unit": row.unit,
            "floor": row.floor,
            "ours": row.ours,
            "ratio": row.ratio,
            "turns": row.turns,
            "bar": row.bar,
            "met": row.met,
        }
        for row in rows
    ]


def rendered(rows: Sequence[Row]) -> str:
    """For people; the same text is valid Markdown."""
    lines = [["what", "floor", "cnat", "ratio", "turn by turn", "bar", ""], *map(_cells, rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    rule = ["-" * width for width in widths]
    return "\n".join(
        "| " + " | ".join(map(_aligned, line, widths, range(len(line)))) + " |"
        for line in [lines[0], rule, *lines[1:]]
    )


def _aligned(cell: str, width: int, column: int) -> str:
    return cell.rjust(width) if 0 < column < 6 else cell.ljust(width)


def _cells(row: Row) -> list[str]:
    bar = ""
    if row.bar is not None:
        sign = "<" if row.below else "≤"
        bar = f"{sign} {row.bar:.3g} x" if row.ratio else f"{sign} {_number(row.bar, row.unit)}"
    verdict = {None: "", True: "met", False: "MISSED"}[row.met]
    floor = "" if row.floor is None else _number(row.floor, row.unit)
    ratio = "" if row.ratio is None else f"{row.ratio:.2f} x"
    return [row.what, floor, _number(row.ours, row.unit), ratio, row.spread, bar, verdict]


def _number(value: float, unit: str) -> str:
    digits = {"s": 2, "ms": 0, "MB": 0 if value >= 10 else 2}.get(unit, 0)
    return f"{value:.{digits}f} {unit}".rstrip()
