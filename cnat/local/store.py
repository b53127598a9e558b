"""A folder of YAML files that stands in for a cluster: `--local DIR`.

The file is the object. Whoever puts a manifest there, edits or removes it plays kubectl; whoever
edits a Pod's status plays the kubelet. This module plays the API server and, for Pods whose At is
gone, the garbage collector.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cnat.cluster.protocol import ClusterError, Rejected
from cnat.core import api
from cnat.core.fields import Manifest, named
from cnat.core.objects import At, Pod
from cnat.core.schedule import rfc3339
from cnat.local import admission
from cnat.local.folder import Folder
from cnat.manifests import files
from cnat.manifests.files import Document
from cnat.manifests.problem import Problem
from cnat.manifests.selector import parse
from cnat.manifests.snapshot import Key, Selection, completed, key

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?")
_GRACE = timedelta(seconds=30)


class LocalCluster:
    """A `cnat.cluster.protocol.Cluster` of the `.yaml` and `.yml` files in a folder and below it.

    An At or Pod without uid is new: it gets what an API server would add, in its file (in the
    namespace `default` unless it names one). What can't be read, or is refused by the schema, is
    not there for a pass; nor does it count as deleted. Threads and processes may share a folder.

    Args:
        folder: an existing folder.
        now: the clock of this cluster, aware.
        namespace: list only its objects.
        selector: list only Ats with such labels, in kubectl's syntax.
        page_size: objects a page.
        dry_run: write nothing, not even what reading would add.

    Raises:
        ClusterError: no such folder, or it can't be read or written; so from all methods.
        ValueError: not a selector.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        *,
        namespace: str | None = None,
        selector: str | None = None,
        page_size: int = 500,
        dry_run: bool = False,
    ) -> None:
        self.now = now
        self._selection = Selection(namespace, parse(selector or ""))
        self._page_size = page_size
        self._folder = Folder(Path(folder), self._admit, read_only=dry_run)
        if not Path(folder).is_dir():
            raise ClusterError(f"{folder} is no folder; create it and put manifests of Ats into it")
        with self._folder.locked():
            self._folder.scan()

    @property
    def problems(self) -> list[Problem]:
        """What was unreadable, refused or there twice when the folder was last looked through."""
        return self._folder.problems

    def pods(self) -> Iterator[list[Manifest]]:
        """The Pods with our label, after a round of the garbage collector."""
        with self._folder.locked():
            self._folder.scan()
            self._collect_garbage()
            pods = self._selection.pods(self._folder.objects(), all_readable=not self.problems)
        yield from self._pages(pods)

    def ats(self) -> Iterator[list[Manifest]]:
        with self._folder.locked():
            self._folder.scan()
            ats = self._selection.ats(self._folder.objects())
        yield from self._pages(ats)

    def at(self, namespace: str, name: str) -> Manifest:
        with self._folder.locked():
            return self._find((api.KIND, namespace, name))

    def pod(self, namespace: str, name: str) -> Manifest:
        with self._folder.locked():
            return self._find(("Pod", namespace, name))

    def create_pod(self, manifest: Manifest, *, dry_run: bool = False) -> Manifest:
        admission.validate_pod(manifest)
        with self._folder.locked():
            return self._create(manifest, dry_run=dry_run)

    def update_status(self, at: At, status: Manifest) -> Manifest:
        with self._folder.locked():
            found = self._find((api.KIND, at.namespace, at.name))
            if At(found).uid != at.uid or At(found).resource_version != at.resource_version:
                raise _conflict(found, "the object has been modified; read it again")
            return self._store(found, status=dict(status))

    def release_pod(self, pod: Pod) -> None:
        with self._folder.locked():
            found = self._find_same(pod)
            finalizers = [
                each for each in found["metadata"].get("finalizers") or [] if each != api.FINALIZER
            ]
            self._store(found, metadata={**found["metadata"], "finalizers": finalizers})

    def delete_pod(self, pod: Pod, *, unchanged: bool = False) -> None:
        with self._folder.locked():
            found = self._find_same(pod)
            if unchanged and Pod.of(found).resource_version != pod.resource_version:
                raise _conflict(found, "the object has been modified; read it again")
            self._delete(found)

    def create_event(self, event: Manifest) -> None:
        path = self._path("events", event)
        with self._folder.locked():
            if path.exists():
                raise _already_exists(event)
            self._folder.write(path, [Document(str(path), self._admit(event))])

    def apply(self, manifest: Manifest) -> Manifest:
        """Create an At, or replace all of it that users decide, as `kubectl apply`.

        Raises:
            Rejected: the schema refuses it.
        """
        admission.validate_at(manifest)
        with self._folder.locked():
            found = self._folder.get(key(manifest))
            if found is None:
                return self._create(manifest)
            return self._store(found, **admission.reapplied(manifest, found))

    def delete_at(self, namespace: str, name: str) -> None:
        """Delete an At, as `kubectl delete`; while it has finalizers, only mark it."""
        with self._folder.locked():
            self._delete(self._find((api.KIND, namespace, name)))

    def set_pod_status(self, namespace: str, name: str, status: Manifest) -> Manifest:
        """Patch (RFC 7386) a Pod's status, as the kubelet."""
        return self._patch_pod(namespace, name, {"status": status})

    def edit_pod(self, namespace: str, name: str, metadata: Manifest) -> Manifest:
        """Patch (RFC 7386) a Pod's metadata, as `kubectl patch`."""
        return self._patch_pod(namespace, name, {"metadata": metadata})

    def events(self) -> list[Manifest]:
        """All Events, as `kubectl get events -A`."""
        paths = sorted(self._folder.path.glob("*/events/*.yaml"))
        entries = [entry for path in paths for entry in files.read(str(path))]
        return [entry.manifest for entry in entries if isinstance(entry, Document)]

    def _patch_pod(self, namespace: str, name: str, patch: Manifest) -> Manifest:
        with self._folder.locked():
            found = self._find(("Pod", namespace, name))
            return self._store(found, **_patched(found, patch))

    def _pages(self, objects: list[Manifest]) -> Iterator[list[Manifest]]:
        for start in range(0, len(objects), self._page_size):
            yield objects[start : start + self._page_size]

    def _path(self, resource: str, manifest: Manifest) -> Path:
        """Where a new object is stored; a name must not lead out of the folder."""
        metadata = manifest["metadata"]
        namespace, name = str(metadata.get("namespace")), str(metadata.get("name"))
        if not (_NAME.fullmatch(namespace) and _NAME.fullmatch(name)):
            raise Rejected(422, "Invalid", f"{named(manifest)} has no DNS name")
        return self._folder.path / namespace / resource / f"{name}.yaml"

    def _find(self, wanted: Key) -> Manifest:
        found = self._folder.get(wanted)
        if found is None:
            kind, namespace, name = wanted
            raise Rejected(404, "NotFound", f"{kind} {namespace}/{name} not found")
        return found

    def _find_same(self, pod: Pod) -> Manifest:
        found = self._find(("Pod", pod.namespace, pod.name))
        if Pod.of(found).uid != pod.uid:
            raise _conflict(found, f"its uid is {Pod.of(found).uid}, not {pod.uid}")
        return found

    def _create(self, manifest: Manifest, *, dry_run: bool = False) -> Manifest:
        created = self._admit(admission.reapplied(manifest, None))
        path = self._path("ats" if files.is_at(created) else "pods", created)
        if self._folder.taken(path, key(created)):
            raise _already_exists(created)
        if not dry_run:
            self._folder.add(path, created)
        return created

    def _admit(self, manifest: Manifest, before: Manifest | None = None) -> Manifest:
        if before and not manifest["metadata"].get("uid"):
            manifest = admission.reapplied(manifest, before)
        return admission.admitted(manifest, self.now())

    def _store(self, found: Manifest, **changed: Any) -> Manifest:
        """Store an object with other `metadata`, `spec` or `status`; or let it go at last."""
        after = completed({**found, **changed}, namespace="default")
        if after == found:
            return found
        after = admission.counted_up(after)
        if admission.gone(after):
            self._folder.remove(found)
        else:
            self._folder.update(after)
        return after

    def _delete(self, found: Manifest) -> None:
        pod, metadata = Pod.of(found), found["metadata"]
        if not metadata.get("finalizers"):
            self._folder.remove(found)
        elif "deletionTimestamp" not in metadata:
            # As in the API server: a Pod that isn't on a node, or has ended, gets no time to end.
            graceful = pod.node and pod.phase not in ("Succeeded", "Failed")
            ends = self.now() + (_GRACE if graceful else timedelta())
            deleted = {
                **metadata,
                "deletionTimestamp": rfc3339(ends.replace(microsecond=0)),
                "deletionGracePeriodSeconds": int(
                    (_GRACE if graceful else timedelta()).total_seconds()
                ),
            }
            self._store(found, metadata=deleted)

    def _collect_garbage(self) -> None:
        """Delete the Pods whose At is gone, and what waited only for a finalizer to go.

        Not while something can't be read: it may be the At in question.
        """
        if self.problems:
            return
        objects = self._folder.objects()
        owners = {"", *(At(each).uid for each in objects if files.is_at(each))}
        for each in objects:
            orphaned = files.is_pod(each) and Pod.of(each).at_uid not in owners
            if orphaned or admission.gone(each):
                self._delete(each)


def _patched(target: object, patch: object) -> Any:
    """A JSON merge patch (RFC 7386)."""
    if not isinstance(patch, Mapping):
        return patch
    result = dict(target) if isinstance(target, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = _patched(result.get(name), value)
    return result


def _already_exists(manifest: Manifest) -> Rejected:
    return Rejected(409, "AlreadyExists", f"{named(manifest)} already exists")


def _conflict(manifest: Manifest, reason: str) -> Rejected:
    return Rejected(409, "Conflict", f"{named(manifest)} can't be changed: {reason}")
