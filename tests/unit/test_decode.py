"""YAML as kubectl reads it. What scalars mean here is what kubectl 1.32 made of the same text."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnat.manifests import decode
from cnat.manifests.decode import DecodeError
from cnat.manifests.encode import encode

TEXT = st.text(st.characters(exclude_categories=["Cs"])) | st.sampled_from(
    ["y", "08", "1e3", "~", "", "<<", "=", "10:30", "a\n b\n", "\n a", "a\r\n", "---\n"]
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.from_regex(r"[-+]?[0-9_.:eExobXOB]*", fullmatch=True)
    | TEXT
)
OBJECTS = st.dictionaries(
    TEXT,
    st.recursive(SCALARS, lambda any_: st.lists(any_) | st.dictionaries(TEXT, any_), max_leaves=9),
)
LAUGHS = "\n".join(
    ["a0: &a0 [lol]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2023-05-21T02:00:00Z", "2023-05-21T02:00:00Z"),
        ("2023-05-21", "2023-05-21"),
        ("10:30", "10:30"),
        ("on", True),
        ("y", True),
        ("No", False),
        ("~", None),
        ("0644", 420),
        ("0o17", 15),
        ("0x1F", 31),
        ("0b11", 3),
        ("1_000", 1000),
        ("08", 8.0),
        ("+.5", 0.5),
        ("1e3", 1000.0),
        ("1e999", "1e999"),
        ("=", "="),
        ("'0644'", "0644"),
        ("!!str 5", "5"),
    ],
)
def test_a_scalar_means_what_it_means_to_kubectl(text: str, value: object) -> None:
    found = decode.decode(f"field: {text}")["field"]
    assert (type(found), found) == (type(value), value)


def test_a_key_is_always_text() -> None:
    keys = list(decode.decode("{1: , 1.5: , 1e3: , on: }"))
    assert keys == ["1", "1.5", "1000", "true"]


def test_an_alias_stands_for_its_anchor() -> None:
    assert decode.decode("a: &a [1]\nb: *a") == {"a": [1], "b": [1]}


def test_merged_keys_give_way_to_written_ones_and_to_earlier_merged_ones() -> None:
    found = decode.decode("a: &a {p: 1, q: 1}\nb: {<<: [*a, {q: 2, r: 2}], p: 3}")
    assert found["b"] == {"p": 3, "q": 1, "r": 2}


def test_json_may_spell_a_character_as_a_surrogate_pair() -> None:
    assert decode.decode('{"a": "\\ud83d\\ude00"}') == {"a": "😀"}


@pytest.mark.parametrize("text", ["", "# nothing", "---", "null"])
def test_an_empty_document_is_none(text: str) -> None:
    assert decode.decode(text) is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: 1\na: 2", 'line 11: the key "a" occurs twice'),
        ('{"a": 1,\n"a": 2}', 'line 11: the key "a" occurs twice'),
        ("1: a\n'1': b", 'line 11: the key "1" occurs twice'),
        ("a:\n- b\n- [", "line 13: did not find expected node content"),
        ("? [a]\n: b", "line 10: a key must be text"),
        ("~: a", "line 10: a key must be text"),
        ("a: !!python/name:os.system x", "has no meaning in a manifest"),
        ("a: !secret {}", "line 10: the tag !secret has no meaning in a manifest"),
        ("a: *b", "line 10: there is no anchor &b before *b"),
        ("a: {<<: b}", "line 10: << takes a map or a list of maps"),
        ("a: 1\n--- b", "line 11: a second document begins without ---"),
        ('{"a": "\\ud83d"}', "line 10: "),
        ("a: \0", "is not YAML: unacceptable character"),
    ],
)
def test_a_refusal_says_where_and_why(text: str, reason: str) -> None:
    with pytest.raises(DecodeError) as refusal:
        decode.decode(text, first_line=10)
    assert reason in str(refusal.value)


@pytest.mark.parametrize(
    ("bomb", "reason"),
    [
        (LAUGHS, "aliases stand for more than 100000 values"),
        ("a: &a [*a]", "would contain itself"),
        ("a: &a {<<: *a}", "would contain itself"),
        ("[" * 100_000, "nested deeper than 100 levels"),
        ('{"a":' * 500 + "1" + "}" * 500, "nested deeper than 100 levels"),
        ("- " * 100_000, "nested deeper than 100 levels"),
        (
            "a0: &a0 [1]\n" + "\n".join(f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 120)),
            "nested deeper than 100 levels",
        ),
    ],
    ids=["laughs", "self", "self-merge", "lists", "json", "block", "aliases"],
)
def test_a_document_bomb_is_refused(bomb: str, reason: str) -> None:
    with pytest.raises(DecodeError, match=reason):
        decode.decode(bomb)


@given(TEXT | st.text("[]{}&*a:-<! \n'\"#?|%"))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(DecodeError):
        decode.decode(text)


@given(OBJECTS)
def test_what_was_written_is_read_back(manifest: dict[str, object]) -> None:
    assert decode.decode(encode(manifest)) == manifest
