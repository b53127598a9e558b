"""Planning without a cluster: the Ats and Pods of some documents, offered as a cluster would."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from cnat.cluster.protocol import Rejected, Source
from cnat.core import api
from cnat.core.fields import Manifest
from cnat.core.observed_pod import Pod
from cnat.core.shard import EVERY_AT, Shard
from cnat.manifests.applied import applied
from cnat.manifests.documents import Document, is_at, is_manifest, is_pod, violations
from cnat.manifests.problem import Counts, Place, Problem
from cnat.manifests.selector import Selector, parse

Key = tuple[str, str, str]


def key(manifest: Manifest) -> Key:
    """What an At or Pod is found by: kind, namespace (`default` if it names none), name."""
    metadata = manifest["metadata"]
    return manifest["kind"], metadata.get("namespace") or "default", metadata["name"]


def completed(manifest: Manifest, **defaults: object) -> dict[str, Any]:
    """A manifest with `defaults` for the metadata that it lacks.

    To be null or empty is to be lacking: the API server drops both (Go's `omitempty`).
    """
    present = {name: value for name, value in manifest["metadata"].items() if value}
    lacking = {name: value for name, value in defaults.items() if name not in present}
    return {**manifest, "metadata": {**present, **lacking}}


@dataclass(frozen=True, slots=True)
class Selection:
    """Which of all objects a pass sees: those of one namespace (None: all), Ats by their labels."""

    namespace: str | None
    labels: Selector

    def ats(self, objects: Iterable[Manifest]) -> list[Manifest]:
        return [
            at
            for at in objects
            if is_at(at) and self._has(at) and self.labels(at["metadata"].get("labels") or {})
        ]

    def pods(self, objects: Sequence[Manifest], *, all_readable: bool) -> list[Manifest]:
        """The Pods with our label.

        Args:
            all_readable: no document is unreadable or refused. Else Pods whose At isn't there are
                left out: to a pass they would be orphans, and their At may be what can't be read.
        """
        ats = {at["metadata"]["uid"] for at in objects if is_at(at)}
        return [
            pod
            for pod in objects
            if is_pod(pod)
            and self._has(pod)
            and (labels := pod["metadata"].get("labels") or {}).get(api.MANAGED_BY) == api.MANAGER
            and api.RECORDED not in labels
            and (all_readable or Pod.of(pod).at_uid in ats)
        ]

    def _has(self, manifest: Manifest) -> bool:
        return self.namespace in (None, manifest["metadata"]["namespace"])


class Snapshot:
    """A `cnat.cluster.protocol.Source` of documents.

    An At has what a server would have added (namespace, generation, ...), with
    `namespace/name` for a uid. Objects that are neither At nor Pod are ignored.

    Args:
        documents: as `cnat.manifests.files.read_all` gives them.
        now: the time to plan for, aware.
        counts: those of the files that the documents came from.
        check: what else to find wrong or doubtful about an At, as `cnat.manifests.gate.check`. It
            isn't asked of one with a uid: that comes from a cluster, whose status says so.
        against: what holds some of the Ats already, and their Pods; None: nothing does.
        namespace: see only its objects, and put those there that name none (else in `default`).
        selector: label selector for the Ats, in kubectl's syntax.

    Attributes:
        problems: what is wrong with the documents, refused Ats among them, and what is doubtful.
        counts: how many were read.

    Raises:
        ValueError: not a selector.
        ClusterError: `against` can't be read.
    """

    def __init__(
        self,
        documents: Iterable[Document | Problem],
        now: Callable[[], datetime],
        *,
        counts: Counts | None = None,
        check: Callable[[Document, datetime], list[Problem]] | None = None,
        against: Source | None = None,
        namespace: str | None = None,
        selector: str | None = None,
    ) -> None:
        self.now = now
        self.problems: list[Problem] = []
        self.counts = counts or Counts()
        self._selection = Selection(namespace, parse(selector or ""))
        self._documents: dict[Key, Document] = {}
        self._pods: list[Manifest] = []
        self._desired: list[Key] = []
        for entry in documents:
            if isinstance(entry, Problem):
                self.counts.invalid += 1
                self.problems.append(entry)
            elif refused := violations(entry):
                self.counts.invalid += 1
                self.problems += refused
            else:
                self._count(entry.manifest)
                if is_at(entry.manifest) or is_pod(entry.manifest):
                    self._add(entry, namespace or "default")
        if against:
            self._lay_over(against)
        if check:
            self._refuse(check)

    def _count(self, manifest: Manifest) -> None:
        if is_at(manifest):
            self.counts.ats += 1
        elif is_manifest(manifest):
            self.counts.others += 1
        else:
            self.counts.foreign += 1

    def _add(self, document: Document, namespace: str) -> None:
        known = completed(document.manifest, namespace=namespace)
        uid = "/".join(key(known)[1:])
        document = replace(
            document, manifest=completed(known, uid=uid, generation=1, resourceVersion="1")
        )
        first = self._documents.setdefault(key(known), document)
        if first is document and is_at(known) and not known["metadata"].get("uid"):
            self._desired.append(key(known))
        if first is not document:
            reason = (
                f"is also at {first.place}, and that one is planned; a cluster can have only one. "
                "What a change would do to what is there: -f CHANGED --against cluster (or a dump)"
            )
            self.problems.append(document.problem("metadata.name", reason, "warning"))

    def _lay_over(self, held: Source) -> None:
        """Apply the Ats, as `kubectl apply` would, to those that are there; keep these' Pods."""
        pods = [pod for page in held.pods() for pod in page]
        for page in held.ats():
            for there in page:
                wanted = (api.KIND, *key({**there, "kind": api.KIND})[1:])
                if document := self._documents.get(wanted):
                    laid_over = applied(document.manifest, there)
                    self._documents[wanted] = replace(document, manifest=laid_over)
        uids = {at["metadata"]["uid"] for at in self._objects() if is_at(at)}
        self._pods = [{**pod, "kind": "Pod"} for pod in pods if Pod.of(pod).at_uid in uids]

    def _refuse(self, check: Callable[[Document, datetime], list[Problem]]) -> None:
        now = self.now()
        for wanted in self._desired:
            document = self._documents[wanted]
            found = check(document, now)
            self.problems += found
            if any(problem.severity == "error" for problem in found):
                self.counts.ats -= 1
                self.counts.invalid += 1
                del self._documents[wanted]

    def place(self, namespace: str, name: str) -> Place | None:
        """Where an At stands; None if it isn't among the manifests."""
        document = self._documents.get((api.KIND, namespace, name))
        return document.place if document else None

    def pods(self) -> Iterator[list[Manifest]]:
        yield [
            *self._selection.pods(self._objects(), all_readable=not self.counts.invalid),
            *self._pods,
        ]

    def ats(self, shard: Shard = EVERY_AT) -> Iterator[list[Manifest]]:  # noqa: ARG002
        yield self._selection.ats(self._objects())

    def at(self, namespace: str, name: str) -> Manifest:
        return self._get((api.KIND, namespace, name))

    def pod(self, namespace: str, name: str) -> Manifest:
        wanted = ("Pod", namespace, name)
        return next((pod for pod in self._pods if key(pod) == wanted), None) or self._get(wanted)

    def _objects(self) -> list[Manifest]:
        return [document.manifest for document in self._documents.values()]

    def _get(self, wanted: Key) -> Manifest:
        if wanted not in self._documents:
            kind, namespace, name = wanted
            raise Rejected(404, "NotFound", f"no {kind} {namespace}/{name} in the manifests")
        return self._documents[wanted].manifest
