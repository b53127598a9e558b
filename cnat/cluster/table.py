"""What a Table tells: the printer columns in place of the objects.

A Table has the columns and not the objects where a list asks for `as=Table` and
`includeObject=None` (meta.k8s.io/v1; KEP-2334).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from operator import itemgetter
from typing import Any

from cnat.core.fields import Manifest
from cnat.core.settled import Row

ACCEPT = "application/json;as=Table;v=v1;g=meta.k8s.io"

# The columns of Ats, in the order of the fields of a Row, and what they hold; see schemas/at.yaml.
_COLUMNS: dict[str, type] = {
    "Namespace": str,
    "Name": str,
    "UID": str,
    "Generation": int,
    "Observed": int,
    "Phase": str,
    "Reason": str,
    "Schedule": str,
    "Time Zone": str,
    "Due": str,
}


class NotATable(ValueError):
    """The answer is no Table, or lacks columns; the text says which."""


def rows(document: Manifest) -> list[Row]:
    """The rows of a Table of Ats. A cell that holds something else than it should is as good as
    none: its At is then looked at.

    Raises:
        NotATable: not all columns are there (the CRD is older), or an At can't be told from its
            row; or it isn't a Table at all (something between us and the API server).
    """
    return [_row(cells) for cells in _cells(document, _COLUMNS)]


def names(document: Manifest) -> list[str]:
    """The names that a Table of whatever objects tells.

    Raises:
        NotATable: it tells none, or isn't a Table at all.
    """
    return [str(name) for name in _cells(document, ("Name",))]


def _cells(document: Manifest, columns: Iterable[str]) -> Iterator[Any]:
    """What each row has in those columns: for one column the cell, for more a tuple of cells."""
    if document.get("kind") != "Table":
        raise NotATable(f"a list came as {document.get('kind')}, not as a Table")
    entries = document.get("rows") or []
    if not entries:
        return
    definitions = document.get("columnDefinitions") or []
    places = {each.get("name"): place for place, each in enumerate(definitions)}
    if missing := [column for column in columns if column not in places]:
        raise NotATable(f"there is no column {', '.join(missing)}")
    ours = itemgetter(*(places[column] for column in columns))
    for each in entries:
        yield ours(each["cells"])


def _row(cells: tuple[Any, ...]) -> Row:
    kinds = _COLUMNS.values()
    row = Row._make(
        [cell if type(cell) is kind else None for cell, kind in zip(cells, kinds, strict=True)]
    )
    if not (row.namespace and row.name and row.uid):
        raise NotATable(f"a row does not tell which At it is: {cells}")
    return row
