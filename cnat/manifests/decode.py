"""Text to value: YAML as kubectl reads it, which is neither YAML 1.1 nor 1.2 nor PyYAML's.

The rules are those of sigs.k8s.io/yaml, with its copy of go-yaml v2: `schedule:
2023-05-21T02:00:00Z` stays text as does `10:30`, `on` is a boolean, `0644` is octal, keys are text.
"""

from __future__ import annotations

import json
import math
import re
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import yaml

# An object that fits into etcd (1.5 MiB) is far below both.
MAX_DEPTH = 100
MAX_ALIASED = 100_000

_WORDS: dict[str, bool | None] = {
    spelling: value
    for words, value in (
        ("y yes true on", True),
        ("n no false off", False),
        ("null", None),
    )
    for word in words.split()
    for spelling in (word, word.capitalize(), word.upper())
} | {"": None, "~": None}
_OCTAL = re.compile(r"[-+]?0[0-7]+")
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*|0[xX][0-9a-fA-F]+|0[oO][0-7]+|0[bB][01]+)")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_JSON = re.compile(r"\s*[{\[]")
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_LONGEST_NUMBER = 80

_TOO_DEEP = f"is nested deeper than {MAX_DEPTH} levels"
_NO_KEY = object()
_MERGE = object()

PARSER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class DecodeError(ValueError):
    """Text that is no document: `reason` says why; `line` and `column` (from 1, or 0) where."""

    def __init__(self, reason: str, line: int = 0, column: int = 0) -> None:
        super().__init__(f"line {line}: {reason}" if line else reason)
        self.reason = reason
        self.line = line
        self.column = column


class UnknownTag(DecodeError):
    """A tag of another program's; to that, the document may well have a meaning."""


def decode(text: str, first_line: int = 1) -> Any:
    """The value of one YAML or JSON document; None for an empty one.

    Args:
        text: with at most one document.
        first_line: the number of its first line in the file, for messages.

    Returns:
        dicts with text keys, lists, str, int, float, bool and None, at most MAX_DEPTH deep. Where
        an alias stands, it is the very value of its anchor, so treat it as immutable.

    Raises:
        DecodeError: bad syntax, a key that occurs twice, a tag, aliases that contain themselves
            or stand for more than MAX_ALIASED values (a "billion laughs"), too deep nesting.
    """
    try:
        value = _json(text)
    except (ValueError, RecursionError):
        value = _yaml(text, first_line)
    if _deeper_than(MAX_DEPTH, value):
        raise DecodeError(_TOO_DEEP)
    return value


def _json(text: str) -> Any:
    """Strict JSON, the fast way. It also takes what YAML can't: `\\ud83d\\ude00` in a string."""
    if not _JSON.match(text):
        raise ValueError("not JSON")
    value = json.loads(text, object_pairs_hook=_unique, parse_float=_finite, parse_constant=_refuse)
    if _SURROGATE.search(text):
        json.dumps(value, ensure_ascii=False).encode()  # Half a pair is no text.
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key occurs twice")  # The YAML parser will say which, and where.
    return found


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _deeper_than(limit: int, value: Any) -> bool:
    level = [value]
    for _ in range(limit):
        level = [
            child
            for each in level
            if isinstance(each, (dict, list))
            for child in (each.values() if isinstance(each, dict) else each)
        ]
    return bool(level)


def _yaml(text: str, first_line: int) -> Any:
    builder = _Builder(first_line)
    try:
        for event in yaml.parse(text, Loader=PARSER):
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        # libyaml has a limit of its own, higher than ours, that it meets before any event comes.
        too_deep = "nesting depth" in str(error.problem)
        reason = _TOO_DEEP if too_deep else f"{error.problem}"
        if error.problem_mark and text[error.problem_mark.index :][:1] == "\t":
            reason = "a tab; indent with spaces"
        raise _error(first_line, error.problem_mark, reason) from None
    except yaml.YAMLError as error:
        raise DecodeError(f"is not YAML: {str(error).partition(chr(10))[0]}") from None
    return builder.document


def _error(first_line: int, mark: Any, reason: str) -> DecodeError:
    if mark is None:
        return DecodeError(reason, first_line)
    return DecodeError(reason, first_line + mark.line, mark.column + 1)


@dataclass(slots=True)
class _Open:
    """A map or list whose end hasn't come yet."""

    value: dict[str, Any] | list[Any]
    anchor: str | None
    count_before: int
    key: object = _NO_KEY
    merged: list[Any] = field(default_factory=list)


class _Builder:
    """Builds the value from parser events: no recursion, and aliases are counted, not copied."""

    def __init__(self, first_line: int) -> None:
        self.document: Any = None
        self._first_line = first_line
        self._documents = 0
        self._open: list[_Open] = []
        # The value and the number of values in it; None while its end hasn't come yet.
        self._anchors: dict[str, tuple[Any, int] | None] = {}
        self._count = 0
        self._aliased = 0

    def take(self, event: yaml.Event) -> None:
        match event:
            case yaml.ScalarEvent():
                self._count += 1
                value = self._scalar(event)
                if event.anchor:
                    self._anchors[event.anchor] = value, 1
                self._add(event, value)
            case yaml.AliasEvent():
                self._add(event, self._alias(event))
            case yaml.CollectionStartEvent():
                self._begin(event)
            case yaml.CollectionEndEvent():
                self._end(event)
            case yaml.DocumentStartEvent():
                self._documents += 1
                if self._documents > 1:
                    raise self._error(event, "a second document begins without ---")

    def _error(self, event: yaml.Event, reason: str) -> DecodeError:
        return _error(self._first_line, event.start_mark, reason)

    def _unknown_tag(self, event: yaml.ScalarEvent | yaml.CollectionStartEvent) -> UnknownTag:
        error = self._error(event, f"the tag {event.tag} has no meaning in a manifest")
        return UnknownTag(error.reason, error.line, error.column)

    def _scalar(self, event: yaml.ScalarEvent) -> Any:
        if event.tag is None and event.implicit[0]:
            return plain(event.value)
        if event.tag not in (None, "!", "tag:yaml.org,2002:str"):
            raise self._unknown_tag(event)
        return event.value

    def _alias(self, event: yaml.AliasEvent) -> Any:
        if event.anchor not in self._anchors:
            raise self._error(event, f"there is no anchor &{event.anchor} before *{event.anchor}")
        anchored = self._anchors[event.anchor]
        if anchored is None:
            raise self._error(event, f"*{event.anchor} would contain itself")
        value, count = anchored
        self._count += count
        self._aliased += count
        if self._aliased > MAX_ALIASED:
            raise self._error(event, f"aliases stand for more than {MAX_ALIASED} values")
        return value

    def _begin(self, event: yaml.CollectionStartEvent) -> None:
        if event.tag not in (None, "!", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"):
            raise self._unknown_tag(event)
        if len(self._open) == MAX_DEPTH:
            raise self._error(event, _TOO_DEEP)
        value: Any = {} if isinstance(event, yaml.MappingStartEvent) else []
        self._add(event, value)
        if event.anchor:
            self._anchors[event.anchor] = None
        self._open.append(_Open(value, event.anchor, self._count))
        self._count += 1

    def _end(self, event: yaml.CollectionEndEvent) -> None:
        ended = self._open.pop()
        for merged in ended.merged:
            for each in merged if isinstance(merged, list) else [merged]:
                if not isinstance(each, dict):
                    raise self._error(event, "<< takes a map or a list of maps")
                for key, value in each.items():
                    ended.value.setdefault(key, value)  # type: ignore[union-attr]
        if ended.anchor:
            self._anchors[ended.anchor] = ended.value, self._count - ended.count_before

    def _add(self, event: yaml.Event, value: Any) -> None:
        if not self._open:
            self.document = value
            return
        parent = self._open[-1]
        if isinstance(parent.value, list):
            parent.value.append(value)
        elif parent.key is _NO_KEY:
            parent.key = self._key(event, value, parent.value)
        elif parent.key is _MERGE:
            parent.key = _NO_KEY
            parent.merged.append(value)
        else:
            parent.value[str(parent.key)] = value
            parent.key = _NO_KEY

    def _key(self, event: yaml.Event, value: Any, siblings: dict[str, Any]) -> object:
        if isinstance(event, yaml.ScalarEvent) and event.implicit[0] and event.value == "<<":
            return _MERGE
        if value is None or isinstance(value, (dict, list)):
            raise self._error(event, "a key must be text")
        key = value if isinstance(value, str) else json.dumps(value).removesuffix(".0")
        if key in siblings:
            raise self._error(event, f'the key "{key}" occurs twice; remove one of them')
        return key


def plain(text: str) -> Any:
    """What an unquoted, untagged scalar means: go-yaml v2's `resolve`."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "+-.0123456789" or len(text) > _LONGEST_NUMBER:
        return text
    digits = text.replace("_", "")
    if _OCTAL.fullmatch(digits):
        return int(digits, 8)
    if _INTEGER.fullmatch(digits):
        return int(digits, 0)
    with suppress(ValueError):
        if _FLOAT.fullmatch(digits):
            return _finite(digits)
    return text


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError(f"{digits} is out of range")
    return number
