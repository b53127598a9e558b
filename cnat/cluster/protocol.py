"""What a cluster must offer to a pass, and how it may fail."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Protocol

from cnat.core.at import At
from cnat.core.fields import Manifest
from cnat.core.observed_pod import Pod
from cnat.core.settled import Row
from cnat.core.shard import EVERY_AT, Shard

_NOT_CALLED = "failed calling webhook"


class ClusterError(Exception):
    """A request that did not do what was asked. The text is for the user."""


class Unreachable(ClusterError):
    """No answer: connection refused or broken, TLS failure, time-out."""


class Unanswered(ClusterError):
    """A create was not answered in the time that admission may take, to none of its tries."""


class OutOfTime(ClusterError):
    """The pass's deadline left no time to send it (again)."""


class NotInstalled(ClusterError):
    """The cluster has no CRD for Ats. They went with it, so that there is none."""


class Rejected(ClusterError):
    """An answer that says no.

    Attributes:
        code: the HTTP status code.
        reason: the `reason` of the answer's metav1.Status (`AlreadyExists`, `Forbidden`, ...).
        message: its message.
        continuation: the token that a 410 answer to a list page gives to go on with.
        retry_after: seconds that the server asks to be left alone for, where it does.
        causes: the reasons among the answer's `details.causes`.
    """

    def __init__(
        self,
        code: int,
        reason: str,
        message: str,
        continuation: str = "",
        retry_after: float | None = None,
        causes: frozenset[str] = frozenset(),
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.continuation = continuation
        self.retry_after = retry_after
        self.causes = causes

    @property
    def by_webhook(self) -> bool:
        """Whether an admission webhook said it, with whatever code, or couldn't be called.

        The words are the API server's: k8s.io/apiserver, `admission/plugin/webhook/errors` and
        `util/webhook.ErrCallingWebhook`.
        """
        return self.message.startswith("admission webhook ") or _NOT_CALLED in self.message

    @property
    def transient(self) -> bool:
        """Whether the answer is about the server's state and not about the request."""
        return not self.by_webhook and (self.code in {408, 429} or self.code >= 500)


class NoIndex(Exception):
    """This cluster shows no index of its objects: they are to be listed whole."""


class Source(Protocol):
    """Where Ats and Pods are read."""

    def now(self) -> datetime:
        """The time by the clock that counts for these objects, aware, in UTC."""

    def pods(self) -> Iterator[list[Manifest]]:
        """The Pods with our label that aren't labelled as recorded, page by page.

        All requests raise ClusterError. A page is the caller's to keep. One who doesn't has one
        page in memory at a time.
        """

    def ats(self, shard: Shard = EVERY_AT) -> Iterator[list[Manifest]]:
        """The Ats, page by page. Raises NotInstalled where there can be none.

        Args:
            shard: only those of this share are asked for. Others may come all the same.
        """

    def at(self, namespace: str, name: str) -> Manifest:
        """One At, as it is now."""

    def pod(self, namespace: str, name: str) -> Manifest:
        """One Pod, as it is now, whoever owns it."""


class Cluster(Source, Protocol):
    """A Source that can be written to. Each write answers the object as it is afterwards."""

    def index(self, shard: Shard = EVERY_AT) -> Iterator[list[Row]]:
        """The Ats as rows, page by page.

        Args:
            shard: as for `ats`.

        Raises:
            NoIndex: at any page; what was answered before is of no use then.
        """

    def pod_names(self) -> Iterator[list[str]]:
        """The names of the Pods that `pods` answers, page by page. Raises NoIndex, as `index`."""

    def create_pod(self, manifest: Manifest, *, dry_run: bool = False) -> Manifest:
        """Create a Pod under strict field validation; as a dry run, only hear what would happen."""

    def update_status(self, at: At, status: Manifest) -> Manifest:
        """Replace the status, unless the At was written since it was read (409 Conflict)."""

    def release_pod(self, pod: Pod, *, listed: bool = False, unchanged: bool = False) -> None:
        """Remove our finalizer, and only that, from just this Pod (by uid).

        Args:
            listed: `pods` is to answer it further on. Else it is labelled as recorded.
            unchanged: only if nobody wrote it since (409 Conflict).
        """

    def delete_pod(self, pod: Pod, *, unchanged: bool = False) -> None:
        """Delete just this Pod (by uid); `unchanged`: and only if nobody wrote it since."""

    def create_event(self, event: Manifest) -> None:
        """Create an Event."""
