"""Where in a text a field stands."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnat.manifests.encode import encode
from cnat.manifests.position import position

TEXT = """\
# Ours

kind: At
metadata: {name: ä, labels: {a.b/c: x}}
spec:
  "schedule": now
  containers:
  - name: one
    command:
    - date

  - image: two
"""


@pytest.mark.parametrize(
    ("field", "place"),
    [
        ("", (2, 0)),
        ("kind", (2, 0)),
        ("metadata.labels[a.b/c]", (3, 29)),
        ("spec.schedule", (5, 2)),
        ("spec.containers[0].command[0]", (9, 6)),
        ("spec.containers[1]", (11, 4)),
        ("spec.containers[1].image", (11, 4)),
    ],
)
def test_a_field_stands_where_its_key_does(field: str, place: tuple[int, int]) -> None:
    assert position(TEXT, field) == place


@pytest.mark.parametrize(
    ("field", "place"),
    [
        ("status", (2, 0)),
        ("metadata.namespace", (3, 0)),
        ("spec.containers[0].image", (7, 4)),
        ("spec.containers[7]", (6, 2)),
        ("spec.schedule.day", (5, 2)),
    ],
)
def test_what_is_not_there_stands_where_it_would_have_to(
    field: str, place: tuple[int, int]
) -> None:
    assert position(TEXT, field) == place


def test_a_key_of_another_branch_is_not_mistaken() -> None:
    assert position("a:\n  x: 1\nb:\n  y: 1\n  c: 2\nc: 3", "b.x") == (2, 0)


def test_what_an_alias_brings_stands_where_the_alias_does() -> None:
    assert position("a: &a\n  x: 1\nb: *a\n", "b.x") == (2, 0)


@pytest.mark.parametrize("indent", ["", "  "])
def test_items_of_a_list_are_told_apart(indent: str) -> None:
    text = "kind: List\nitems:\n" + textwrap.indent("- a: 1\n  b:\n    c: 2\n" * 3, indent)
    assert position(text, "items[1].b.c") == (7, len(indent) + 4)
    assert position(text, "items[2].absent") == (8, len(indent) + 2)


def test_json_has_positions_too() -> None:
    text = json.dumps({"kind": "List", "items": [{"a": {"b": n}} for n in range(3)]}, indent="\t")
    assert text.splitlines()[position(text, "items[2].a.b")[0]].strip() == '"b": 2'


def test_one_line_of_json_has_columns() -> None:
    text = '{"items": [{"a": 1}, {"a": 2, "b": 3}]}'
    line, column = position(text, "items[1].b")
    assert (line, text[column:]) == (0, '"b": 3}]}')


KEYS = st.sampled_from(["a", "b", "items", "name", "x-y", "a.b/c"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=30,
)


def fields(value: object, path: str = "") -> Iterator[tuple[str, str]]:
    """The path of each key in a value, and the key."""
    if isinstance(value, dict):
        for key, inner in value.items():
            part = f"[{key}]" if "/" in key else f".{key}" if path else key
            yield f"{path}{part}", key
            yield from fields(inner, f"{path}{part}")
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from fields(inner, f"{path}[{number}]")


@pytest.mark.parametrize("write", [encode, json.dumps, lambda value: json.dumps(value, indent=2)])
@given(st.dictionaries(KEYS, VALUES, min_size=1))
def test_every_key_is_found_where_it_stands(
    write: Callable[[object], str], value: dict[str, object]
) -> None:
    text = write(value)
    for field, key in fields(value):
        line, column = position(text, field)
        there = text.splitlines()[line][column:]
        assert there.lstrip("\"'").startswith(key)
