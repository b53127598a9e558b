"""A cluster that answers writes as the real one would, and keeps nothing: the client dry run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from cnat.cluster.protocol import NoIndex, Source
from cnat.core.at import At
from cnat.core.fields import Manifest
from cnat.core.observed_pod import Pod
from cnat.core.schedule import rfc3339
from cnat.core.settled import Row
from cnat.core.shard import EVERY_AT, Shard


class DryRun:
    """A `cnat.cluster.protocol.Cluster` that reads from `source` and writes nowhere.

    Every write succeeds, as far as can be told without asking a server.

    Args:
        source: where Ats and Pods are read: a live cluster, an embedded one, or manifests.
        now: the time to plan for; by default the source's.
    """

    def __init__(self, source: Source, now: Callable[[], datetime] | None = None) -> None:
        self._source = source
        self.now = now or source.now

    def pods(self) -> Iterator[list[Manifest]]:
        return self._source.pods()

    def ats(self, shard: Shard = EVERY_AT) -> Iterator[list[Manifest]]:
        return self._source.ats(shard)

    def index(self, shard: Shard = EVERY_AT) -> Iterator[list[Row]]:  # noqa: ARG002
        """None: a plan tells what comes next, too, which is for the Ats themselves to say."""
        raise NoIndex

    def pod_names(self) -> Iterator[list[str]]:
        raise NoIndex

    def at(self, namespace: str, name: str) -> Manifest:
        return self._source.at(namespace, name)

    def pod(self, namespace: str, name: str) -> Manifest:
        return self._source.pod(namespace, name)

    def create_pod(self, manifest: Manifest, *, dry_run: bool = False) -> Manifest:  # noqa: ARG002
        created = rfc3339(self.now().replace(microsecond=0))
        metadata = {**manifest["metadata"], "uid": "", "creationTimestamp": created}
        return {**manifest, "metadata": metadata, "status": {"phase": "Pending"}}

    def update_status(self, at: At, status: Manifest) -> Manifest:
        return {**at.raw, "status": status}

    def release_pod(self, pod: Pod, *, listed: bool = False, unchanged: bool = False) -> None:
        pass

    def delete_pod(self, pod: Pod, *, unchanged: bool = False) -> None:
        pass

    def create_event(self, event: Manifest) -> None:
        pass
