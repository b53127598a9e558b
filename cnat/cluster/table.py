"""The index of Ats, read from a Table: the CRD's printer columns in place of the objects.

A Table has the columns and not the objects where a list asks for `as=Table` and
`includeObject=None` (meta.k8s.io/v1; KEP-2334).
"""

from __future__ import annotations

from typing import Any

from cnat.core.fields import Manifest
from cnat.core.settled import Row

ACCEPT = "application/json;as=Table;v=v1;g=meta.k8s.io"

# The columns by the fields of a Row; see schemas/at.yaml.
_COLUMNS = {
    "namespace": "Namespace",
    "name": "Name",
    "uid": "UID",
    "generation": "Generation",
    "observed_generation": "Observed",
    "phase": "Phase",
    "reason": "Reason",
    "schedule": "Schedule",
    "time_zone": "Time Zone",
    "due": "Due",
}
_NUMBERS = frozenset({"generation", "observed_generation"})
_IDENTITY = frozenset({"namespace", "name", "uid"})


class NotATable(ValueError):
    """The answer is no Table, or lacks columns; the text says which."""


def rows(document: Manifest) -> list[Row]:
    """The rows of a Table of Ats. A cell that holds something else than it should is as good as
    none: its At is then looked at.

    Raises:
        NotATable: not all columns are there (the CRD is older), or an At can't be told from its
            row; or it isn't a Table at all (something between us and the API server).
    """
    if document.get("kind") != "Table":
        raise NotATable(f"a list came as {document.get('kind')}, not as a Table")
    definitions = document.get("columnDefinitions") or []
    places = {each.get("name"): place for place, each in enumerate(definitions)}
    missing = [column for column in _COLUMNS.values() if column not in places]
    if missing and document.get("rows"):
        raise NotATable(f"the CRD has no column {', '.join(missing)}")
    at = {field: places.get(column, -1) for field, column in _COLUMNS.items()}
    return [_row(each.get("cells") or [], at) for each in document.get("rows") or []]


def _row(cells: list[Any], at: dict[str, int]) -> Row:
    fields = {field: _cell(field, cells[place]) for field, place in at.items()}
    if not all(fields[field] for field in _IDENTITY):
        raise NotATable(f"a row does not tell which At it is: {cells}")
    return Row(**fields)


def _cell(field: str, value: Any) -> Any:
    return value if type(value) is (int if field in _NUMBERS else str) else None
