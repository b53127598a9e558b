"""Rules that the parts of a Pod have in common: shapes of names, choices, one of several fields.

Each answers Violations; of a field that is absent or null, none.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from cnat.core.fields import Manifest
from cnat.manifests.validation import Violation


@dataclass(frozen=True, slots=True)
class Shape:
    """What a text must look like, and how to say so."""

    pattern: re.Pattern[str]
    reason: str


_NAME = r"[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
_PREFIX = r"(?:[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?/)?"

# As in k8s.io/apimachinery, pkg/util/validation.
DNS_LABEL = Shape(
    re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?"),
    "must be lower-case letters, digits or '-', at most 63, beginning and ending with a letter or "
    "digit",
)
DNS_SUBDOMAIN = Shape(
    re.compile(r"(?=.{1,253}\Z)(?:[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.(?!\Z)|\Z))+"),
    "must be lower-case letters, digits, '-' or '.', at most 253, beginning and ending with a "
    "letter or digit",
)
LABEL_KEY = Shape(re.compile(_PREFIX + _NAME), "must be a key like team or example.com/team")
LABEL_VALUE = Shape(
    re.compile(f"(?:{_NAME})?"),
    "must be letters, digits, '-', '_' or '.', at most 63, beginning and ending with a letter or "
    "digit",
)
PORT_NAME = Shape(
    re.compile(r"(?!-)(?!.*--)(?=.*[a-z])[a-z0-9-]{1,15}(?<!-)"),
    "must be lower-case letters, digits or '-', at most 15, at least one of them a letter",
)
ENV_NAME = Shape(re.compile(r"[ -<>-~]+"), "must be printable ASCII without '='")
FILE_NAME = Shape(
    re.compile(r"(?!\.\.|\.\Z)[-._a-zA-Z0-9]{1,253}"),
    "must be letters, digits, '-', '_' or '.', at most 253",
)


def entries(parent: Manifest, key: str, path: str) -> Iterator[tuple[str, Manifest]]:
    """The path and the value of each entry of a list of maps."""
    for number, entry in enumerate(parent.get(key) or ()):
        yield f"{path}.{key}[{number}]", entry or {}


def part(parent: Manifest, key: str) -> Manifest:
    """A map within a map; empty where there is none."""
    return parent.get(key) or {}


def shaped(parent: Manifest, key: str, path: str, shape: Shape) -> Iterator[Violation]:
    """The text there must be of that shape; an empty one counts as absent."""
    value = parent.get(key)
    if value and not shape.pattern.fullmatch(value):
        yield Violation(f"{path}.{key}", shape.reason)


def required(parent: Manifest, path: str, *keys: str) -> Iterator[Violation]:
    """There must be something, and it must not be empty."""
    for key in keys:
        if parent.get(key) in (None, "", [], {}):
            yield Violation(f"{path}.{key}", "is required")


def chosen(parent: Manifest, key: str, path: str, choices: Collection[str]) -> Iterator[Violation]:
    """It must be one of a few words; an empty one counts as absent, as for Go."""
    if parent.get(key) and parent[key] not in choices:
        words = [f'"{word}"' for word in choices]
        listed = f"{', '.join(words[:-1])} or {words[-1]}"
        yield Violation(f"{path}.{key}", f"must be {listed}")


def within(parent: Manifest, key: str, path: str, least: int, most: int) -> Iterator[Violation]:
    """It must be a number from `least` to `most`."""
    if parent.get(key) is not None and not least <= parent[key] <= most:
        yield Violation(f"{path}.{key}", f"must be from {least} to {most}")


def exactly_one(parent: Manifest, keys: Collection[str], path: str) -> Iterator[Violation]:
    """One of the fields must be there, and only one."""
    found = [key for key in keys if parent.get(key) is not None]
    if not found:
        yield Violation(path, f"needs one of {', '.join(keys)}")
    for key in found[1:]:
        yield Violation(f"{path}.{key}", f"there is {found[0]} already; only one of them may be")


def unique(parent: Manifest, key: str, path: str, field: str) -> Iterator[Violation]:
    """No two entries of a list may have the same value in that field."""
    seen: set[object] = set()
    for place, entry in entries(parent, key, path):
        value = entry.get(field)
        if value and value in seen:
            yield Violation(f"{place}.{field}", f'there is another "{value}" before it')
        seen.add(value)


def relative(parent: Manifest, key: str, path: str) -> Iterator[Violation]:
    """It must be a path that leads further down."""
    value = parent.get(key) or ""
    if value.startswith("/"):
        yield Violation(f"{path}.{key}", "must be a relative path")
    yield from without_backsteps(parent, key, path)


def without_backsteps(parent: Manifest, key: str, path: str) -> Iterator[Violation]:
    """It must be a path without `..` in it."""
    if ".." in (parent.get(key) or "").split("/"):
        yield Violation(f"{path}.{key}", "must not contain '..'")
