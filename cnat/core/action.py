"""What can be done for an At: the planner's answers, each of them one request."""

from __future__ import annotations

from dataclasses import dataclass

from cnat.core.at import At
from cnat.core.fields import Manifest
from cnat.core.observed_pod import Pod
from cnat.core.record import Status


@dataclass(frozen=True)
class CreatePod:
    """Start the run of the At's instant, or another attempt at it."""

    at: At
    manifest: Manifest


@dataclass(frozen=True)
class UpdateStatus:
    """Write `status`, the whole of it, unless somebody wrote the At since it was read."""

    at: At
    status: Status


@dataclass(frozen=True)
class ReleasePod:
    """Take our finalizer off: the outcome is recorded.

    Attributes:
        listed: there is more to do about it.
        unchanged: its name must not become free yet, as it would if it has been deleted since.
    """

    at: At
    pod: Pod
    listed: bool
    unchanged: bool = False


@dataclass(frozen=True)
class DeletePod:
    """Delete a Pod: its time to live has passed; or (`unchanged`) its run may not start any more
    and it has no node, which must still be so."""

    at: At
    pod: Pod
    unchanged: bool = False


@dataclass(frozen=True)
class Preflight:
    """Send the Pod as a dry run, to hear at once what would refuse it at its instant."""

    at: At
    manifest: Manifest


@dataclass(frozen=True)
class FindPod:
    """Ask for a Pod by name: the status says it runs, but it wasn't in the list."""

    at: At
    name: str


Action = CreatePod | UpdateStatus | ReleasePod | DeletePod | Preflight | FindPod
