"""A cluster in a folder: `--local DIR`.

The manifests in the folder are what people apply: to put one there, to edit or to remove it is
`kubectl apply --prune`. What a server makes of them is below, in `.cnat`. This module plays the
API server and, for Pods whose At is gone, the garbage collector.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cnat.cluster.protocol import ClusterError, Rejected
from cnat.core import api
from cnat.core.at import At
from cnat.core.fields import Manifest, named
from cnat.core.observed_pod import Pod
from cnat.core.schedule import rfc3339
from cnat.core.settled import Row
from cnat.core.shard import EVERY_AT, Shard
from cnat.local import admission, desired
from cnat.local.folder import Folder
from cnat.manifests.problem import Problem
from cnat.manifests.selector import parse
from cnat.manifests.snapshot import Key, Selection, key

OBJECTS = ".cnat"
_GRACE_SECONDS = 30


class LocalCluster:
    """A `cnat.cluster.protocol.Cluster` of the Ats in a folder, and in those below it.

    What can't be read, or is refused by the schema, is not applied; and as long as there is such a
    thing nothing counts as deleted. Threads and processes may share a folder.

    Args:
        folder: an existing folder.
        now: the clock of this cluster, aware.
        namespace: list only its objects.
        selector: list only Ats with such labels, in kubectl's syntax.
        page_size: objects a page.
        dry_run: write nothing, not even what reading would add.

    Attributes:
        problems: what was unreadable, refused or there twice when the manifests were last read.

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
        self.problems: list[Problem] = []
        self._selection = Selection(namespace, parse(selector or ""))
        self._page_size = page_size
        self._manifests = Path(folder)
        self._applied: dict[Path, desired.Stamp] | None = None
        self._objects = Folder(self._manifests / OBJECTS, read_only=dry_run)
        if not self._manifests.is_dir():
            raise ClusterError(f"{folder} is no folder; create it and put manifests of Ats into it")
        with self._objects.locked():
            self._apply()

    def pods(self) -> Iterator[list[Manifest]]:
        """The Pods with our label, after a round of the garbage collector."""
        with self._objects.locked():
            self._apply()
            self._collect_garbage()
            pods = self._selection.pods(self._objects.all("Pod"), all_readable=True)
        yield from self._pages(pods)

    def ats(self, shard: Shard = EVERY_AT) -> Iterator[list[Manifest]]:  # noqa: ARG002
        with self._objects.locked():
            self._apply()
            ats = self._selection.ats(self._objects.all(api.KIND))
        yield from self._pages(ats)

    def index(self, shard: Shard = EVERY_AT) -> Iterator[list[Row]]:
        for page in self.ats(shard):
            yield [Row.of(at) for at in page]

    def pod_names(self) -> Iterator[list[str]]:
        for page in self.pods():
            yield [pod["metadata"]["name"] for pod in page]

    def at(self, namespace: str, name: str) -> Manifest:
        with self._objects.locked():
            self._apply()
            return self._get((api.KIND, namespace, name))

    def pod(self, namespace: str, name: str) -> Manifest:
        with self._objects.locked():
            return self._get(("Pod", namespace, name))

    def create_pod(self, manifest: Manifest, *, dry_run: bool = False) -> Manifest:
        admission.validate_pod(manifest)
        pod = {**admission.created(manifest, self.now()), "status": {"phase": "Pending"}}
        return self._create(pod, dry_run=dry_run)

    def update_status(self, at: At, status: Manifest) -> Manifest:
        with self._objects.locked():
            found = self._get((api.KIND, at.namespace, at.name))
            if At(found).uid != at.uid or At(found).resource_version != at.resource_version:
                raise _conflict(found, "the object has been modified; read it again")
            return self._put({**found, "status": dict(status)})

    def release_pod(self, pod: Pod, *, listed: bool = False, unchanged: bool = False) -> None:
        with self._objects.locked():
            found = self._get_same(pod, unchanged=unchanged)
            metadata = dict(found["metadata"])
            finalizers = metadata.pop("finalizers", None) or ()
            if others := [each for each in finalizers if each != api.FINALIZER]:
                metadata["finalizers"] = others
            metadata["labels"] = {**(metadata.get("labels") or {}), api.RECORDED: "true"}
            if listed:
                del metadata["labels"][api.RECORDED]
            self._put({**found, "metadata": metadata})

    def delete_pod(self, pod: Pod, *, unchanged: bool = False) -> None:
        with self._objects.locked():
            self._delete(self._get_same(pod, unchanged=unchanged))

    def create_event(self, event: Manifest) -> None:
        self._create(admission.created(event, self.now()))

    def _apply(self) -> None:
        """Take over what people have changed in their manifests since this was last done."""
        stamps = desired.stamps(self._manifests)
        if stamps == self._applied:
            return
        manifests, self.problems = desired.read(stamps)
        stored = {key(each): each for each in self._objects.all(api.KIND)}
        for each, manifest in manifests.items():
            before = stored.get(each)
            if before is None:
                self._put(admission.created(manifest, self.now()))
            elif (after := admission.updated(manifest, before)) != before:
                self._put(after)
        if not any(problem.severity == "error" for problem in self.problems):
            for each in stored.keys() - manifests.keys():
                self._delete(stored[each])
        self._applied = stamps

    def _collect_garbage(self) -> None:
        """Delete the Pods whose At is gone, and let go those that only a finalizer had kept."""
        owners = {"", *(At(each).uid for each in self._objects.all(api.KIND))}
        for pod in self._objects.all("Pod"):
            if Pod.of(pod).at_uid not in owners or "deletionTimestamp" in pod["metadata"]:
                self._delete(pod)

    def _pages(self, objects: list[Manifest]) -> Iterator[list[Manifest]]:
        for start in range(0, len(objects), self._page_size):
            yield objects[start : start + self._page_size]

    def _get(self, wanted: Key) -> Manifest:
        found = self._objects.get(wanted)
        if found is None:
            kind, namespace, name = wanted
            raise Rejected(404, "NotFound", f"{kind} {namespace}/{name} not found")
        return found

    def _get_same(self, pod: Pod, *, unchanged: bool) -> Manifest:
        found = self._get(("Pod", pod.namespace, pod.name))
        as_it_is = Pod.of(found)
        if as_it_is.uid != pod.uid:
            raise _conflict(found, f"its uid is {as_it_is.uid}, not {pod.uid}")
        if unchanged and as_it_is.resource_version != pod.resource_version:
            raise _conflict(found, "the object has been modified; read it again")
        return found

    def _create(self, manifest: Manifest, *, dry_run: bool = False) -> Manifest:
        with self._objects.locked():
            if self._objects.get(key(manifest)) is not None:
                raise Rejected(409, "AlreadyExists", f"{named(manifest)} already exists")
            return manifest if dry_run else self._objects.put(manifest)

    def _put(self, manifest: Manifest) -> Manifest:
        """Store a changed object; or let it go, if it was deleted and no finalizer keeps it."""
        metadata = manifest["metadata"]
        if "deletionTimestamp" in metadata and not metadata.get("finalizers"):
            self._objects.remove(manifest)
            return manifest
        return self._objects.put(manifest)

    def _delete(self, found: Manifest) -> None:
        metadata = found["metadata"]
        if not metadata.get("finalizers"):
            self._objects.remove(found)
        elif "deletionTimestamp" not in metadata:
            # As in the API server: a Pod that isn't on a node, or has ended, gets no time to end.
            pod = Pod.of(found)
            graceful = pod.node and pod.phase not in ("Succeeded", "Failed")
            seconds = _GRACE_SECONDS if graceful else 0
            ends = (self.now() + timedelta(seconds=seconds)).replace(microsecond=0)
            deleted = {"deletionTimestamp": rfc3339(ends), "deletionGracePeriodSeconds": seconds}
            self._objects.put({**found, "metadata": {**metadata, **deleted}})


def _conflict(manifest: Manifest, reason: str) -> Rejected:
    return Rejected(409, "Conflict", f"{named(manifest)} can't be changed: {reason}")
