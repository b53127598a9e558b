"""The Pod that an At asks for: its name is its run, its content is the At's spec."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any

from cnat.core import api
from cnat.core.fields import Malformed, Manifest, typed
from cnat.core.objects import At
from cnat.core.schedule import rfc3339

_MAX_LENGTH = 63
_SHELL_IMAGE = "busybox"


def name(at: At, instant: datetime) -> str:
    """The one name that this run's Pod can have, at most 63 characters.

    A run is (At uid, instant): whoever starts it, and however often, asks for the same name,
    and the API server lets only one Pod have it.
    """
    digest = hashlib.sha256(f"{at.uid}/{rfc3339(instant)}".encode()).hexdigest()[:8]
    return f"{at.name[: _MAX_LENGTH - 9].rstrip('-.')}-{digest}"


def build(at: At, instant: datetime) -> dict[str, Any]:
    """The manifest to create for the run of `at` at `instant`.

    `blockOwnerDeletion` stays false, since true would need permission on the At's finalizers
    under the OwnerReferencesPermissionEnforcement admission plugin.

    Raises:
        cnat.core.fields.Malformed: a spec that no CRD validation stopped: `podMetadata` of another
            shape or with keys of ours, `command` beside `containers`, `restartPolicy: Always` (such a
            Pod never ends).
    """
    extra = typed(at.spec, "podMetadata", dict, "spec") or {}
    labels = _metadata(extra, "labels")
    annotations = _metadata(extra, "annotations")
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name(at, instant),
            "namespace": at.namespace,
            "labels": {
                **labels,
                api.MANAGED_BY: api.MANAGER,
                api.AT_UID: at.uid,
                api.AT_NAME: at.name[:_MAX_LENGTH].rstrip("-."),
            },
            "annotations": {**annotations, api.SCHEDULED_TIME: rfc3339(instant)},
            "finalizers": [api.FINALIZER],
            "ownerReferences": [
                {
                    "apiVersion": api.API_VERSION,
                    "kind": api.KIND,
                    "name": at.name,
                    "uid": at.uid,
                    "controller": True,
                    "blockOwnerDeletion": False,
                }
            ],
        },
        "spec": _spec(at.spec),
    }


def _metadata(extra: Manifest, key: str) -> Manifest:
    entries = typed(extra, key, dict, "spec.podMetadata") or {}
    for entry in entries:
        if entry == api.MANAGED_BY or str(entry).partition("/")[0] == api.GROUP:
            raise Malformed(f"spec.podMetadata.{key}", f"{entry!r} is set by cnat; remove it")
    return entries


def _spec(spec: Manifest) -> dict[str, Any]:
    own = {key: value for key, value in spec.items() if key not in api.OWN_FIELDS}
    own.setdefault("restartPolicy", "Never")
    if own["restartPolicy"] == "Always":
        raise Malformed("spec.restartPolicy", "must be Never or OnFailure: an At runs once")
    command = typed(spec, "command", str, "spec")
    if command is not None:
        if own.get("containers"):
            raise Malformed("spec", "give either command or containers, not both")
        own["containers"] = [
            {"name": "command", "image": _SHELL_IMAGE, "command": ["/bin/sh", "-c", command]}
        ]
    return own
