"""A Table to rows."""

from __future__ import annotations

from typing import Any

import pytest

from cnat.cluster import table
from cnat.core.settled import Row

COLUMNS = {
    "Name": "cnrex",
    "Schedule": "2023-05-21T02:00:00Z",
    "Due": "2023-05-21T02:00:00Z",
    "Phase": "Pending",
    "Reason": None,
    "Age": "5d",
    "Time Zone": None,
    "Generation": 1,
    "Observed": 1,
    "UID": "uid-of-cnrex",
    "Namespace": "default",
}


def document(columns: dict[str, Any]) -> dict[str, Any]:
    return {
        "kind": "Table",
        "columnDefinitions": [{"name": name} for name in columns],
        "rows": [{"cells": list(columns.values()), "object": None}],
    }


def test_a_row_is_read_by_the_names_of_its_columns() -> None:
    shuffled = dict(reversed(COLUMNS.items()))
    expected = Row(
        namespace="default",
        name="cnrex",
        uid="uid-of-cnrex",
        generation=1,
        observed_generation=1,
        phase="Pending",
        reason=None,
        schedule="2023-05-21T02:00:00Z",
        time_zone=None,
        due="2023-05-21T02:00:00Z",
    )
    assert table.rows(document(COLUMNS)) == [expected]
    assert table.rows(document(shuffled)) == [expected]


@pytest.mark.parametrize(
    ("column", "cell", "field"),
    [
        ("Generation", "1", "generation"),
        ("Observed", "1", "observed_generation"),
        ("Observed", True, "observed_generation"),
        ("Phase", 7, "phase"),
        ("Due", ["2023"], "due"),
    ],
)
def test_a_cell_of_another_type_reads_as_none(column: str, cell: object, field: str) -> None:
    (row,) = table.rows(document(COLUMNS | {column: cell}))
    assert getattr(row, field) is None


@pytest.mark.parametrize("column", ["Name", "Namespace", "UID"])
def test_a_row_that_does_not_tell_which_at_it_is_makes_no_index(column: str) -> None:
    with pytest.raises(table.NotATable, match="which At"):
        table.rows(document(COLUMNS | {column: None}))


@pytest.mark.parametrize("column", [name for name in COLUMNS if name != "Age"])
def test_without_one_of_the_columns_there_is_no_index(column: str) -> None:
    without = {name: cell for name, cell in COLUMNS.items() if name != column}
    with pytest.raises(table.NotATable, match=f"no column {column}"):
        table.rows(document(without))


def test_a_list_of_objects_is_no_table() -> None:
    with pytest.raises(table.NotATable, match="a list came as AtList"):
        table.rows({"kind": "AtList", "items": []})


def test_an_empty_table_has_no_rows() -> None:
    assert table.rows({"kind": "Table", "columnDefinitions": [], "rows": []}) == []


def test_the_names_are_those_of_whatever_objects() -> None:
    pods = document({"Name": "cnrex-0123", "Ready": "0/1", "Status": "Pending"})
    assert table.names(pods) == ["cnrex-0123"]


def test_a_list_of_objects_has_no_names() -> None:
    with pytest.raises(table.NotATable, match="a list came as PodList"):
        table.names({"kind": "PodList", "items": []})
