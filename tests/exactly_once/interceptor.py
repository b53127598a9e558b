"""A cluster with somebody in between, who may do anything before and after each request."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from cnat.cluster.protocol import Cluster
from cnat.core.at import At
from cnat.core.fields import Manifest
from cnat.core.observed_pod import Pod
from cnat.core.settled import Row
from cnat.core.shard import EVERY_AT, Shard

T = TypeVar("T")

# The number of the request, from 1, and what it is, in the words of cnat.cluster.protocol.Cluster.
Hook = Callable[[int, str], None]


_ENDLESS = 500


class Killed(BaseException):
    """The process ends here, as if by SIGKILL: nothing of cnat may catch it."""


def nobody(number: int, request: str) -> None:
    """Do nothing."""


@dataclass
class Creations:
    """How often a Pod was created for each run: (uid of the At, name of the Pod)."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    seen: Callable[[Pod], None] = lambda _: None  # told of each

    def add(self, pod: Pod) -> None:
        self.counts[str(pod.at_uid), pod.name] += 1
        self.seen(pod)

    @property
    def repeated(self) -> list[tuple[str, str]]:
        return [run for run, times in self.counts.items() if times > 1]


class Intercepted:
    """A `cnat.cluster.protocol.Cluster` that calls hooks around each request and list page."""

    def __init__(
        self,
        cluster: Cluster,
        creations: Creations,
        before: Hook = nobody,
        after: Hook = nobody,
    ) -> None:
        self.requests: list[str] = []
        self._cluster = cluster
        self._creations = creations
        self._before = before
        self._after = after

    def now(self) -> datetime:
        return self._cluster.now()

    def pods(self) -> Iterator[list[Manifest]]:
        return self._pages("pods", self._cluster.pods())

    def ats(self, shard: Shard = EVERY_AT) -> Iterator[list[Manifest]]:
        return self._pages("ats", self._cluster.ats(shard))

    def index(self, shard: Shard = EVERY_AT) -> Iterator[list[Row]]:
        return self._pages("index", self._cluster.index(shard))

    def pod_names(self) -> Iterator[list[str]]:
        return self._pages("pod_names", self._cluster.pod_names())

    def at(self, namespace: str, name: str) -> Manifest:
        return self._request("at", lambda: self._cluster.at(namespace, name))

    def pod(self, namespace: str, name: str) -> Manifest:
        return self._request("pod", lambda: self._cluster.pod(namespace, name))

    def create_pod(self, manifest: Manifest, *, dry_run: bool = False) -> Manifest:
        def create() -> Manifest:
            created = self._cluster.create_pod(manifest, dry_run=dry_run)
            if not dry_run:
                self._creations.add(Pod.of(created))
            return created

        return self._request("preflight" if dry_run else "create_pod", create)

    def update_status(self, at: At, status: Manifest) -> Manifest:
        return self._request("update_status", lambda: self._cluster.update_status(at, status))

    def release_pod(self, pod: Pod, *, listed: bool = False, unchanged: bool = False) -> None:
        self._request(
            "release_pod",
            lambda: self._cluster.release_pod(pod, listed=listed, unchanged=unchanged),
        )

    def delete_pod(self, pod: Pod, *, unchanged: bool = False) -> None:
        self._request("delete_pod", lambda: self._cluster.delete_pod(pod, unchanged=unchanged))

    def create_event(self, event: Manifest) -> None:
        self._request("create_event", lambda: self._cluster.create_event(event))

    def _pages(self, request: str, pages: Iterator[list[T]]) -> Iterator[list[T]]:
        end: list[T] = []
        while page := self._request(request, lambda: next(pages, end)):
            yield page

    def _request(self, name: str, send: Callable[[], T]) -> T:
        self.requests.append(name)
        number = len(self.requests)
        assert number < _ENDLESS, "the pass doesn't come to an end"
        self._before(number, name)
        answer = send()
        self._after(number, name)
        return answer
