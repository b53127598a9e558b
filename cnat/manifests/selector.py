"""Label selectors, as `kubectl -l` takes them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

Labels = Mapping[str, str]
Selector = Callable[[Labels], bool]

_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?"
_KEY = rf"(?P<key>(?:[a-z0-9](?:[a-z0-9.-]{{0,251}}[a-z0-9])?/)?{_NAME})"
_VALUE = re.compile(rf"(?:{_NAME})?")
_EQUALITY = re.compile(rf"{_KEY}\s*(?P<operator>==|=|!=)\s*(?P<values>[^\s=!]*)")
_SET = re.compile(rf"{_KEY}\s+(?P<operator>in|notin)\s*\((?P<values>[^()]*)\)")
_EXISTENCE = re.compile(rf"(?P<operator>!?)\s*{_KEY}")
# A comma, but not one between parentheses.
_COMMA = re.compile(r",(?![^(]*\))")


def parse(text: str) -> Selector:
    """The test that a selector puts to an object's labels; "" accepts all of them.

    Knows `a`, `!a`, `a=b`, `a==b`, `a!=b`, `a in (b, c)` and `a notin (b, c)`, joined by commas
    that mean "and". As in Kubernetes, `!=` and `notin` also accept objects without the label.

    Raises:
        ValueError: not a selector; the text names the part that isn't.
    """
    if not text.strip():
        return lambda _: True
    requirements = [_requirement(part.strip()) for part in _COMMA.split(text)]
    return lambda labels: all(requirement(labels) for requirement in requirements)


def _requirement(part: str) -> Selector:
    shape = _EQUALITY.fullmatch(part) or _SET.fullmatch(part) or _EXISTENCE.fullmatch(part)
    if shape is None:
        raise ValueError(f"{part!r} is no label selector; write a=b, a!=b, a in (b, c), a or !a")
    key, operator = shape["key"], shape["operator"]
    if operator == "":
        return lambda labels: key in labels
    if operator == "!":
        return lambda labels: key not in labels
    values = {value.strip() for value in shape["values"].split(",")}
    for value in values:
        if not _VALUE.fullmatch(value):
            raise ValueError(f"{value!r} in {part!r} can't be a label's value")
    if operator in ("!=", "notin"):
        return lambda labels: labels.get(key) not in values
    return lambda labels: labels.get(key) in values
