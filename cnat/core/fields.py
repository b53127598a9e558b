"""The fields of manifests that anybody may have written: read, and checked as they are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

Manifest = Mapping[str, Any]
T = TypeVar("T")

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)", re.ASCII)


class Malformed(ValueError):
    """A field that holds something else than the API says. Attributes: `field`, `reason`."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


def typed(parent: Manifest, key: str, kind: type[T], path: str) -> T | None:
    """The value under `key`, or None where it is absent or null.

    Raises:
        Malformed: there is a value and it isn't a `kind` (a bool is no int here).
    """
    value = parent.get(key)
    if value is None:
        return None
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        found, wanted = (_JSON_NAMES.get(k, k.__name__) for k in (type(value), kind))
        raise Malformed(f"{path}.{key}".lstrip("."), f"must be of type {wanted}, not {found}")
    return value


_JSON_NAMES = {
    dict: "object",
    list: "array",
    str: "string",
    int: "integer",
    bool: "boolean",
    float: "number",
}


def moment(value: object) -> datetime | None:
    """A Kubernetes timestamp (metav1.Time, metav1.MicroTime) in UTC; None for anything else."""
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        return None
    try:
        return datetime.fromisoformat(value).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def named(manifest: Manifest) -> str:
    """`Kind namespace/name` of any object, for messages."""
    metadata = manifest.get("metadata")
    metadata = metadata if isinstance(metadata, Mapping) else {}
    name = f"{metadata.get('namespace', '')}/{metadata.get('name', '')}".strip("/")
    return f"{manifest.get('kind', 'object')} {name or '(unnamed)'}"
