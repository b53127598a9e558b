"""What becomes of an object that is there when a manifest is applied to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cnat.core.fields import Manifest

_SERVER_SET = ("uid", "generation", "resourceVersion", "creationTimestamp", "deletionTimestamp")


def applied(desired: Manifest, there: Manifest) -> Manifest:
    """An At as it is once `desired` has been applied to the one that is there."""
    known = {name: there["metadata"].get(name) for name in _SERVER_SET}
    edited = _without_nulls(desired.get("spec")) != _without_nulls(there.get("spec"))
    metadata = {
        **desired["metadata"],
        **{name: value for name, value in known.items() if value is not None},
        "generation": (known["generation"] or 1) + edited,
    }
    status = {"status": there["status"]} if "status" in there else {}
    return {**desired, "metadata": metadata, **status}


def _without_nulls(value: Any) -> Any:
    """A null among an object's fields means "not set", and the API server drops it."""
    if isinstance(value, Mapping):
        return {name: _without_nulls(each) for name, each in value.items() if each is not None}
    return [_without_nulls(each) for each in value] if isinstance(value, list) else value
