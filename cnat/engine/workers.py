"""Ats driven to where nothing is left to do, several at once."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from enum import IntEnum

from cnat.cluster import boot_clock
from cnat.cluster.deadline import Deadline
from cnat.cluster.protocol import Cluster, ClusterError, OutOfTime, Rejected
from cnat.core import plan
from cnat.core.fields import Malformed, Manifest
from cnat.core.objects import At, Pod
from cnat.core.plan import Seen
from cnat.engine import actions
from cnat.engine.actions import Conflict, QuotaConflict
from cnat.engine.results import Change, Failure, Results
from cnat.engine.work_queue import Order, WorkQueue

# When Pods were listed longer ago than this, Pod and At are read again before a Pod is created. So
# if another pass has started the run since, its Pod still has the name and this create fails; if
# before, its Pod or its record was there to be seen. See plan.MIN_POD_AGE_SECONDS for the sum.
RECENT_SECONDS = 20.0
# How often, in one pass, an At is read again because somebody else wrote it.
_CONFLICTS = 3

_LONG_AGO = -math.inf

_log = logging.getLogger(__name__)


class Rank(IntEnum):
    """What comes first: to start runs. What only informs comes last."""

    START = 0
    RECORD = 1
    CLEAN_UP = 2
    CHECK = 3
    TELL = 4


_RANKS: dict[type[plan.Action], Rank] = {
    plan.CreatePod: Rank.START,
    plan.FindPod: Rank.RECORD,
    plan.UpdateStatus: Rank.RECORD,
    plan.ReleasePod: Rank.CLEAN_UP,
    plan.DeletePod: Rank.CLEAN_UP,
    plan.Preflight: Rank.CHECK,
}


@dataclass(frozen=True)
class Task:
    """The next turn of one At.

    Attributes:
        read_at: `boot_clock.now()` before its Pods were read; the At was read after them.
        conflicts: how often it was read again because somebody else wrote it.
        counted: how it stands is in the results already; now it waits for its instant.
    """

    seen: Seen
    read_at: float
    conflicts: int = 0
    counted: bool = False

    @property
    def is_recent(self) -> bool:
        """Whether a Pod may be created on the strength of what was seen."""
        return boot_clock.now() - self.read_at <= RECENT_SECONDS


@dataclass(frozen=True)
class Orphan:
    """The release of a Pod whose At is gone."""

    pod: Pod


@dataclass(frozen=True)
class Telling:
    """An Event to create: the best effort part of a status write."""

    event: Manifest


class Workers:
    """Drive each At that is added to where the planner finds nothing more to do.

    Args:
        cluster: what is written to; its clock counts.
        deadline: what isn't begun when it passes is left to the next pass.
        concurrency: writes under way at once.
        linger: seconds to stay when all is done, to start at their instant the Ats that fall
            due in that time.
        report: called, from any thread but one at a time, for each Change and Failure.
    """

    def __init__(
        self,
        cluster: Cluster,
        deadline: Deadline,
        *,
        concurrency: int,
        linger: float,
        report: Callable[[Change | Failure], None],
    ) -> None:
        self.results = Results()
        self._cluster = cluster
        self._deadline = deadline
        self._concurrency = concurrency
        self._linger = linger
        self._report = report
        self._queue: WorkQueue[Task | Orphan | Telling] = WorkQueue(cluster.now, deadline, linger)
        self._one_at_a_time = threading.Lock()

    def add(self, task: Task) -> None:
        """Queue the next turn of an At, if there is anything to do for it."""
        action = self._plan(task)
        if action is not None:
            self._queue.put(_order(action, task.seen), task)

    def add_orphan(self, pod: Pod) -> None:
        """Queue the release of a Pod whose At is gone, if our finalizer keeps it."""
        if pod.has_finalizer:
            self._queue.put(Order(Rank.CLEAN_UP), Orphan(pod))

    def fail_list(self, error: ClusterError) -> None:
        """Take note that not all Ats could be listed."""
        self._fail(Failure("", "", "list", _reason(error), str(error)))

    def run(self) -> None:
        """Work until nothing is left to do, or to wait for."""
        workers = min(self._concurrency, len(self._queue))
        if not workers:
            return
        with ThreadPoolExecutor(workers) as pool:
            for worker in [pool.submit(self._work) for _ in range(workers)]:
                worker.result()

    def _work(self) -> None:
        while (task := self._queue.take()) is not None:
            try:
                self._do(task)
            finally:
                self._queue.done()

    def _do(self, task: Task | Orphan | Telling) -> None:
        match task:
            case Telling():
                self._tell(task.event)
            case _ if self._deadline.passed:
                self._defer()
            case Orphan():
                self._release(task.pod)
            case Task():
                self._take_turn(task)

    def _take_turn(self, task: Task) -> None:
        """Plan one At with the clock of this moment, act, and queue what follows."""
        began = boot_clock.now()
        at, step = task.seen.at, "read again"
        try:
            action = self._plan(task)
            if isinstance(action, plan.CreatePod) and not task.is_recent:
                task = self._read_again(task)
                action = self._plan(task)
                if isinstance(action, plan.CreatePod) and not task.is_recent:
                    self._queue.put(_order(action, task.seen), task)
                    return
            if action is None:
                return
            step = actions.NAMES[type(action)]
            done = actions.perform(self._cluster, action, task.seen)
        except Conflict as conflict:
            self._resolve(task, conflict)
        except OutOfTime:
            self._defer()
        except ClusterError as error:
            self._fail(Failure(at.namespace, at.name, step, _reason(error), str(error)))
        except Exception as error:  # noqa: BLE001  A bug that one At wakes stops no other.
            self._fail_unforeseen(at, step, error)
        else:
            self._follow(task, action, done, began)

    def _plan(self, task: Task) -> plan.Action | None:
        """What is to be done now; None also for what can't be, which is told, or has its time."""
        seen = task.seen
        try:
            action = plan.next_action(self._cluster.now(), seen)
            if action is not None:
                return action
            self._note(task)
            run, instant = seen.at.status.run, plan.armed_for(seen.at)
            if run and seen.at.status.cannot_start:
                self._fail(
                    Failure(
                        seen.at.namespace,
                        seen.at.name,
                        "start",
                        run.reason,
                        run.message,
                        on_record=True,
                        instant=run.instant,
                    )
                )
            elif self._linger and instant:
                # What was read before the instant is read again at it.
                self._queue.put_at(instant, replace(task, read_at=_LONG_AGO, counted=True))
        except Malformed as error:
            message = f"{error}; correct or remove it by hand"
            self._fail(Failure(seen.at.namespace, seen.at.name, "plan", "Malformed", message))
        except Exception as error:  # noqa: BLE001  A bug that one At wakes stops no other.
            self._fail_unforeseen(seen.at, "plan", error)
        return None

    def _note(self, task: Task) -> None:
        """Take note of how an At stands for which nothing is left to do."""
        if not task.counted:
            at = task.seen.at
            with self._one_at_a_time:
                self.results.stands(at.namespace, at.name, at.status.phase, plan.armed_for(at))

    def _read_again(self, task: Task) -> Task:
        """The same At, read now. With another schedule, or another attempt to make, it may ask for
        a Pod that hasn't been looked for: what somebody has written meanwhile is not recent."""
        read_at = boot_clock.now()
        fresh = actions.read_again(self._cluster, task.seen, RECENT_SECONDS)
        unwritten = fresh.at.resource_version == task.seen.at.resource_version
        return replace(task, seen=fresh, read_at=read_at if unwritten else _LONG_AGO)

    def _follow(self, task: Task, action: plan.Action, done: actions.Done, began: float) -> None:
        """Tell what was done, and queue the At's next turn."""
        at = task.seen.at
        if done.event is not None:
            self._queue.put(Order(Rank.TELL), Telling(done.event))
        if done.written is not None:
            self._changed(actions.NAMES[type(action)], at.namespace, at.name, done.written, began)
        after = replace(task, seen=done.seen)
        if isinstance(action, plan.CreatePod) and done.written:
            # Planned when its turn comes, since meanwhile another At may be due.
            self._queue.put(Order(Rank.RECORD), after)
        else:
            self.add(after)

    def _resolve(self, task: Task, conflict: Conflict) -> None:
        """Somebody else came in between: look at the At once more, a few times.

        With the same At the same would come of it, but for a quota that others used as well.
        """
        at = task.seen.at
        try:
            if task.conflicts < _CONFLICTS:
                fresh = replace(task.seen, at=actions.get_at(self._cluster, at))
                changed = fresh.at.resource_version != at.resource_version
                if changed or isinstance(conflict, QuotaConflict):
                    self.add(replace(task, seen=fresh, conflicts=task.conflicts + 1))
                    return
        except Conflict:
            pass  # It is gone, and nothing is to be done for it.
        except ClusterError as error:
            self._fail(Failure(at.namespace, at.name, "read again", _reason(error), str(error)))
            return
        with self._one_at_a_time:
            self.results.conflicts += 1

    def _release(self, pod: Pod) -> None:
        began = boot_clock.now()
        step = actions.NAMES[plan.ReleasePod]
        try:
            actions.release_pod(self._cluster, pod)
        except Conflict:
            with self._one_at_a_time:
                self.results.conflicts += 1
        except OutOfTime:
            self._defer()
        except ClusterError as error:
            self._fail(Failure(pod.namespace, pod.at_name, step, _reason(error), str(error)))
        else:
            self._changed(step, pod.namespace, pod.at_name, actions.released(pod), began)

    def _tell(self, event: Manifest) -> None:
        try:
            self._cluster.create_event(event)
        except ClusterError as error:
            # Events are for people who look; the status, already written, has it all.
            _log.debug("Event not created: %s", error)

    def _changed(
        self, step: str, namespace: str, name: str, written: actions.Written, began: float
    ) -> None:
        seconds = boot_clock.now() - began
        change = Change(
            step,
            namespace,
            name,
            written.target,
            written.detail,
            seconds,
            written.instant,
            written.run,
        )
        with self._one_at_a_time:
            self.results.changes.append(change)
            self._report(change)

    def _fail(self, failure: Failure) -> None:
        with self._one_at_a_time:
            self.results.failures.append(failure)
            self._report(failure)

    def _fail_unforeseen(self, at: At, step: str, error: Exception) -> None:
        _log.debug("At %s/%s failed here:", at.namespace, at.name, exc_info=error)
        reason = type(error).__name__
        message = f"{reason}: {error} (this is a bug; please report it with what -v shows)"
        self._fail(Failure(at.namespace, at.name, step, reason, message))

    def _defer(self) -> None:
        with self._one_at_a_time:
            self.results.deferred += 1


def _order(action: plan.Action, seen: Seen) -> Order:
    """When the turn of an At comes for which this is to be done.

    Ten thousand that can't start hold up neither the one that can nor its record: what was refused
    before is tried again after all that. That it is refused is recorded as soon as it is known,
    so that it ranks behind in the next pass, should the time not suffice for all in this one.
    """
    rank = _RANKS[type(action)]
    refused = seen.at.status.cannot_start
    match action:
        case plan.CreatePod():
            return Order(Rank.CHECK if refused else rank, refused, seen.at.instant.timestamp())
        case plan.UpdateStatus() if seen.refusal:
            return Order(Rank.START)
        case plan.Preflight():
            return Order(rank, refused)
    return Order(rank)


def _reason(error: ClusterError) -> str:
    return error.reason if isinstance(error, Rejected) else type(error).__name__
