"""What a team sees of its GitOps tool: it commits, and the tool says how that goes."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar

import yaml

from tests.install.eventually import eventually
from tests.support.sandbox import RealSandbox

Manifest = dict[str, Any]

# Seconds until a tool that says nothing has failed: on an idle machine each verdict takes a few.
PATIENCE = 120.0


class Verdict(StrEnum):
    """How a tool finds a commit, with what its user is shown: both call it by other names."""

    NONE = "has not got there"
    WAITS = "waits"
    GREEN = "green"
    RED = "red"


@dataclass(frozen=True)
class Told:
    """A verdict on a commit.

    Attributes:
        committed: when, by the monotonic clock.
        seconds: from then to the verdict.
    """

    tool: str
    committed: float
    verdict: Verdict
    seconds: float


class Team(ABC):
    """A namespace that a tool keeps as its team's repository has it.

    Attributes:
        told: every verdict that any team was given, for the table at the end.
        prunes_crds: whether the tool removes a CRD that is no longer in the repository.
        message: what the tool said with its latest verdict.
    """

    told: ClassVar[list[Told]] = []
    tool: str
    prunes_crds: bool

    def __init__(self, sandbox: RealSandbox) -> None:
        self.sandbox = sandbox
        self.message = ""
        self._committed = time.monotonic()

    def commit(self, *manifests: Manifest) -> None:
        """Have the repository hold these and nothing else; in the team's namespace by default."""
        placed = [self._placed(manifest) for manifest in manifests]
        self.commit_files({"manifests.yaml": yaml.safe_dump_all(placed)})

    def commit_files(self, files: Mapping[str, str]) -> None:
        """Have the repository hold these files and nothing else."""
        self._committed = time.monotonic()
        self._store(files)

    def first_verdict(self) -> Verdict:
        """What the tool says of the latest commit as soon as it has come to it."""
        return self._verdict_other_than(Verdict.NONE)

    def verdict(self) -> Verdict:
        """What the tool says of the latest commit when it has nothing left to wait for."""
        return self._verdict_other_than(Verdict.NONE, Verdict.WAITS)

    def refresh(self) -> None:
        """Have the tool look once more, and wait until it has."""
        self.nudge()
        eventually(self.has_looked, within=PATIENCE)

    def _verdict_other_than(self, *passing: Verdict) -> Verdict:
        while True:
            found, self.message = self.look()
            seconds = time.monotonic() - self._committed
            if found not in passing:
                self.told.append(Told(self.tool, self._committed, found, seconds))
                return found
            assert seconds < PATIENCE, f"{self.tool}: {found} after {PATIENCE} s: {self.state()}"
            time.sleep(0.1)

    def _placed(self, manifest: Manifest) -> Manifest:
        metadata = {"namespace": self.sandbox.namespace, **manifest["metadata"]}
        return {**manifest, "metadata": metadata}

    @abstractmethod
    def _store(self, files: Mapping[str, str]) -> None:
        """Make a commit, and have the tool hear of it."""

    @abstractmethod
    def look(self) -> tuple[Verdict, str]:
        """What the tool says now, of the latest commit, and its message."""

    @abstractmethod
    def nudge(self) -> None:
        """Have the tool look once more, as at its next interval."""

    @abstractmethod
    def has_looked(self) -> bool:
        """Whether it has, to the end, since it was last nudged."""

    @abstractmethod
    def state(self) -> Manifest:
        """The status of the tool's own object."""
