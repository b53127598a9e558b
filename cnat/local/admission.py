"""What an API server makes of a manifest before it stores it; here for the embedded store."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from cnat.cluster.protocol import Rejected
from cnat.core.fields import Manifest, named
from cnat.core.schedule import rfc3339
from cnat.manifests import files, validation
from cnat.manifests.snapshot import completed
from cnat.manifests.validation import Violation

_SERVER_SET = ("uid", "generation", "resourceVersion", "creationTimestamp", "deletionTimestamp")


def validate_at(manifest: Manifest) -> None:
    """Raises Rejected where the schema refuses it."""
    _refuse(manifest, validation.check_at(manifest))


def validate_pod(manifest: Manifest) -> None:
    """Raises Rejected where the schema refuses it, and for containers that no Pod can have."""
    _refuse(
        manifest, validation.check_pod(manifest) or list(_container_violations(manifest["spec"]))
    )


def reapplied(manifest: Manifest, before: Manifest | None) -> dict[str, Any]:
    """The manifest, with what users don't decide as it was before (absent when None)."""
    known = before or {"metadata": {}}
    server_set = {name: known["metadata"].get(name) for name in _SERVER_SET}
    again = {**manifest, "metadata": {**manifest["metadata"], **server_set}}
    again.pop("status", None)
    return again | ({"status": known["status"]} if "status" in known else {})


def admitted(manifest: Manifest, now: datetime) -> dict[str, Any]:
    """The object as it is stored after somebody has created or edited it.

    What has no uid is new. It gets what users don't decide; a status it can't bring along.

    A resourceVersion says nothing to clients, so it has room for a digest of the spec. By that an
    edited spec shows, which has to be a new generation.
    """
    stored = completed(
        manifest,
        namespace="default",
        uid=str(uuid.uuid4()),
        creationTimestamp=rfc3339(now.replace(microsecond=0)),
        generation=1,
        resourceVersion="0",
    )
    if not manifest["metadata"].get("uid"):
        stored.pop("status", None)
    if files.is_pod(stored):
        stored.setdefault("status", {"phase": "Pending"})
    _, digest = _version(stored)
    return stored if digest == _digest(stored) else counted_up(stored)


def counted_up(manifest: Manifest) -> dict[str, Any]:
    """With the next resourceVersion, and the next generation if another spec had the last one."""
    count, known = _version(manifest)
    digest = _digest(manifest)
    metadata = {
        **manifest["metadata"],
        "generation": manifest["metadata"]["generation"] + (known not in ("", digest)),
        "resourceVersion": f"{count + 1}-{digest}",
    }
    return {**manifest, "metadata": metadata}


def gone(manifest: Manifest) -> bool:
    """Whether it was deleted and no finalizer keeps it any more."""
    metadata = manifest["metadata"]
    return "deletionTimestamp" in metadata and not metadata.get("finalizers")


def _version(manifest: Manifest) -> tuple[int, str]:
    """The two parts of a resourceVersion; 0 and "" for parts that didn't come from here."""
    count, _, digest = manifest["metadata"]["resourceVersion"].partition("-")
    return int(count) if count.isdecimal() else 0, digest


def _digest(manifest: Manifest) -> str:
    spec = json.dumps(manifest.get("spec"), sort_keys=True)
    return hashlib.sha256(spec.encode()).hexdigest()[:12]


def _container_violations(spec: Manifest) -> Iterator[Violation]:
    """Two rules of Kubernetes' ValidatePodSpec that users of a PodSpec do run into."""
    names: set[str] = set()
    for key in ("containers", "initContainers"):
        for number, container in enumerate(spec.get(key) or []):
            field, name = f"spec.{key}[{number}]", container["name"]
            if not container.get("image"):
                yield Violation(f"{field}.image", "is required")
            if name in names:
                yield Violation(f"{field}.name", f'there is another container "{name}"')
            names.add(name)


def _refuse(manifest: Manifest, violations: Sequence[Violation]) -> None:
    if not violations:
        return
    text = f"{named(manifest)} is invalid: {'; '.join(map(str, violations))}"
    # Decoding comes first: an unknown field is a bad request, before anything is looked at.
    if any(each.reason.startswith("unknown field") for each in violations):
        raise Rejected(400, "BadRequest", text)
    raise Rejected(422, "Invalid", text)
