"""What an API server makes of a manifest before it stores it; here for the embedded store."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from cnat.cluster.protocol import Rejected
from cnat.core.fields import Manifest, named
from cnat.core.schedule import rfc3339
from cnat.manifests import validation
from cnat.manifests.validation import Violation

_SERVER_SET = frozenset(
    {
        "uid",
        "creationTimestamp",
        "generation",
        "resourceVersion",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
    }
)


def validate_pod(manifest: Manifest) -> None:
    """Raises Rejected where the schema refuses it, and for containers that no Pod can have."""
    violations = validation.check_pod(manifest) or list(_container_violations(manifest["spec"]))
    if not violations:
        return
    text = f"{named(manifest)} is invalid: {'; '.join(map(str, violations))}"
    # Decoding comes first: an unknown field is a bad request, before anything is looked at.
    if any(each.reason.startswith("unknown field") for each in violations):
        raise Rejected(400, "BadRequest", text)
    raise Rejected(422, "Invalid", text)


def created(manifest: Manifest, now: datetime) -> dict[str, Any]:
    """The object as it is stored when somebody creates it; a status it can't bring along."""
    return _with_server_set(
        manifest,
        {
            "uid": str(uuid.uuid4()),
            "creationTimestamp": rfc3339(now.replace(microsecond=0)),
            "generation": 1,
        },
    )


def updated(manifest: Manifest, before: Manifest) -> dict[str, Any]:
    """The object as it is stored when somebody applies a manifest over the one `before`.

    All that users decide is as in the manifest, and what they don't is as before.
    """
    after = _with_server_set(manifest, before["metadata"])
    if after["spec"] != before["spec"]:
        after["metadata"]["generation"] += 1
    return after | ({"status": before["status"]} if "status" in before else {})


def _with_server_set(manifest: Manifest, metadata: Manifest) -> dict[str, Any]:
    # To be null or empty is to be lacking: the API server drops both (Go's `omitempty`).
    decided = {k: v for k, v in manifest["metadata"].items() if v and k not in _SERVER_SET}
    server_set = {k: v for k, v in metadata.items() if k in _SERVER_SET}
    after = {**manifest, "metadata": {"namespace": "default", **decided, **server_set}}
    after.pop("status", None)
    return after


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
