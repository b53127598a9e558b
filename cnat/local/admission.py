"""What an API server makes of a manifest before it stores it; here for the embedded store."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from cnat.cluster.protocol import Rejected
from cnat.core.fields import Manifest, named
from cnat.core.schedule import rfc3339
from cnat.manifests import validation
from cnat.manifests.pod_rules import pod_violations

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
    """Raises Rejected where the schema refuses it, or a rule for Pods beyond that."""
    violations = validation.check_pod(manifest) or pod_violations(manifest["spec"])
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
