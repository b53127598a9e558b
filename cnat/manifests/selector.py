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
_ORDER = re.compile(rf"{_KEY}\s*(?P<operator>[<>])\s*(?P<values>[0-9]+)")
_EXISTENCE = re.compile(rf"(?P<operator>!?)\s*{_KEY}")
_DIGITS = re.compile(r"[0-9]{1,63}")
# A comma, but not one between parentheses.
_COMMA = re.compile(r",(?![^(]*\))")


def parse(text: str) -> Selector:
    """The test that a selector puts to an object's labels; "" accepts all of them.

    Knows `a`, `!a`, `a=b`, `a==b`, `a!=b`, `a in (b, c)`, `a notin (b, c)`, `a>1` and `a<1`, joined
    by commas that mean "and". As in Kubernetes (k8s.io/apimachinery, pkg/labels), `!=` and `notin`
    also accept objects without the label; `>` and `<` only those where it is a whole number.

    Raises:
        ValueError: not a selector; the text names the part that isn't.
    """
    if not text.strip():
        return lambda _: True
    requirements = [_requirement(part.strip()) for part in _COMMA.split(text)]
    return lambda labels: all(requirement(labels) for requirement in requirements)


def _requirement(part: str) -> Selector:
    shapes = (each.fullmatch(part) for each in (_EQUALITY, _SET, _ORDER, _EXISTENCE))
    shape = next(filter(None, shapes), None)
    if shape is None:
        raise ValueError(
            f"{part!r} is no label selector; write a=b, a!=b, a in (b, c), a, !a, a>1 or a<1"
        )
    key, operator = shape["key"], shape["operator"]
    if operator == "":
        return lambda labels: key in labels
    if operator == "!":
        return lambda labels: key not in labels
    if operator in ("<", ">"):
        return _order(part, key, operator, _number(shape["values"]))
    values = {value.strip() for value in shape["values"].split(",")}
    for value in values:
        if not _VALUE.fullmatch(value):
            raise ValueError(f"{value!r} in {part!r} can't be a label's value")
    if operator in ("!=", "notin"):
        return lambda labels: labels.get(key) not in values
    return lambda labels: labels.get(key) in values


def _order(part: str, key: str, operator: str, limit: int | None) -> Selector:
    if limit is None:
        raise ValueError(f"the number in {part!r} is too large for a label selector")

    def accepts(labels: Labels) -> bool:
        number = _number(labels.get(key, ""))
        if number is None:
            return False
        return number > limit if operator == ">" else number < limit

    return accepts


def _number(text: str) -> int | None:
    """The int64 that a label's value is, if it is one; those can't begin with a sign."""
    number = int(text) if _DIGITS.fullmatch(text) else None
    return number if number is not None and number < 2**63 else None
