"""The Pod that an At asks for: its name is its run, its content is the At's spec."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any

from cnat.core import api
from cnat.core.at import At
from cnat.core.fields import Malformed, Manifest, typed
from cnat.core.observed_pod import Pod
from cnat.core.schedule import rfc3339

_MAX_LENGTH = 63
# Of 8, two instants of one At with the same name were found in a second.
_HASH_LENGTH = 20
_SHELL_IMAGE = "busybox"


def name(at: At, instant: datetime, attempt: int = 1) -> str:
    """The one name that the Pod of this attempt can have, at most 63 characters.

    A run is (At uid, instant), an attempt a number from 1 in it: whoever starts it, and however
    often, asks for the same name, and the API server lets only one Pod have it.
    """
    digest = hashlib.sha256(f"{at.uid}/{rfc3339(instant)}/{attempt}".encode()).hexdigest()
    prefix = at.name[: _MAX_LENGTH - _HASH_LENGTH - 1].rstrip("-.")
    return f"{prefix}-{digest[:_HASH_LENGTH]}"


def build(at: At, instant: datetime, attempt: int = 1) -> dict[str, Any]:
    """The manifest to create for an attempt at the run of `at` at `instant`.

    `blockOwnerDeletion` stays false, since true would need permission on the At's finalizers
    under the OwnerReferencesPermissionEnforcement admission plugin.

    Raises:
        cnat.core.fields.Malformed: a spec that no CRD validation stopped: `podMetadata` of another
            shape or with keys of ours, `command` beside `containers`, `restartPolicy: Always`
            (such a Pod never ends).
    """
    extra = typed(at.spec, "podMetadata", dict, "spec") or {}
    labels = _metadata(extra, "labels")
    annotations = _metadata(extra, "annotations")
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name(at, instant, attempt),
            "namespace": at.namespace,
            "labels": {
                **labels,
                api.MANAGED_BY: api.MANAGER,
                api.AT_UID: at.uid,
                api.AT_NAME: at.name[:_MAX_LENGTH].rstrip("-."),
            },
            "annotations": {
                **annotations,
                api.SCHEDULED_TIME: rfc3339(instant),
                api.ATTEMPT: str(attempt),
            },
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


def is_of(at: At, instant: datetime, attempt: int, pod: Pod) -> bool:
    """Whether that is the Pod of this attempt: controlled by the At, and named for it."""
    return is_controlled(at, pod) and pod.name == name(at, instant, attempt)


def is_controlled(at: At, pod: Pod) -> bool:
    """Whether the At is the Pod's controller.

    In another namespace anybody may claim the At for an owner. The labels are not looked at:
    admission may change them.
    """
    return (pod.namespace, pod.at_uid) == (at.namespace, at.uid)


def changed_by_admission(sent: Manifest, admitted: Manifest) -> str | None:
    """The field of `metadata` that admission has changed although cnat relies on it, or None."""
    before, after = sent["metadata"], admitted.get("metadata") or {}
    for key in ("labels", "annotations"):
        for name, value in before[key].items():
            if _is_ours(name) and (after.get(key) or {}).get(name) != value:
                return f"metadata.{key}[{name}]"
    if api.FINALIZER not in (after.get("finalizers") or []):
        return "metadata.finalizers"
    (owner,) = before["ownerReferences"]
    uids = [
        each.get("uid") for each in after.get("ownerReferences") or [] if each.get("controller")
    ]
    return None if uids == [owner["uid"]] else "metadata.ownerReferences"


def _is_ours(key: str) -> bool:
    return key == api.MANAGED_BY or key.partition("/")[0] == api.GROUP


def _metadata(extra: Manifest, key: str) -> Manifest:
    entries = typed(extra, key, dict, "spec.podMetadata") or {}
    for entry in entries:
        if _is_ours(str(entry)):
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
