"""Actions applied: in which order, how many at once, and until when."""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from cnat import perform, plan
from cnat.api import At, Malformed, Manifest, Pod
from cnat.cluster import Cluster, ClusterError, OutOfTime, Rejected
from cnat.deadline import Deadline
from cnat.perform import Done, Overtaken
from cnat.plan import Seen

# An At that was read longer ago than this is read again before its Pod is created. Within this
# time another pass would have to start the run, see it end, record it and have its Pod deleted
# for the create to succeed a second time.
FRESH_SECONDS = 20.0

# Seconds that a start which falls due at the end of the linger window may still take.
_LAST_START_SECONDS = 10.0
# Seconds between two looks at the deadline, which a signal may have ended, while lingering.
_LOOK_SECONDS = 0.2

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Change:
    """One write that took effect (or, in a dry run, would). `seconds` is what it took."""

    action: str
    namespace: str
    at: str
    target: str
    detail: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Failure:
    """One object that could not be brought to where it should be, and why."""

    namespace: str
    at: str
    action: str
    reason: str
    message: str


@dataclass(slots=True)
class Results:
    """What a pass has done so far."""

    ats: int = 0
    changes: list[Change] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    left: int = 0  # Ats that somebody else wrote meanwhile: theirs or the next pass's to finish.
    deferred: int = 0  # Ats that the deadline left for the next pass.


@dataclass(frozen=True, slots=True)
class _Tell:
    """An Event to create; the best effort part of a status write."""

    event: Manifest


_Task = plan.Action | _Tell

# What each task is called, and its rank: starting runs comes before all book-keeping, and what
# only informs comes last.
_RANKS: dict[type[_Task], tuple[int, str]] = {
    plan.CreatePod: (0, "create pod"),
    plan.FindPod: (1, "find pod"),
    plan.UpdateStatus: (1, "set status"),
    plan.ReleasePod: (2, "release pod"),
    plan.DeletePod: (2, "delete pod"),
    plan.Preflight: (3, "preflight"),
    _Tell: (4, "create event"),
}


@dataclass(frozen=True, slots=True, order=True)
class _Entry:
    """A task in the queue, ordered by its key: rank, refused before, due time, arrival."""

    key: tuple[int, bool, float, int]
    task: _Task = field(compare=False)
    seen: Seen | None = field(compare=False)
    read_at: float = field(compare=False)  # time.monotonic() when the At was read


class Applier:
    """Drives each At that is put in to where the planner finds nothing more to do.

    Args:
        cluster: what is written to; its clock counts.
        deadline: what isn't begun when it passes is left to the next pass.
        concurrency: writes under way at once.
        report: called, from any thread but one at a time, for each Change and Failure.
        linger: seconds to stay when all is done, to start at their instant the Ats that fall
            due in that time.
    """

    def __init__(
        self,
        cluster: Cluster,
        deadline: Deadline,
        *,
        concurrency: int,
        report: Callable[[Change | Failure], None],
        linger: float = 0.0,
    ) -> None:
        self.results = Results()
        self._cluster = cluster
        self._deadline = deadline
        self._concurrency = concurrency
        self._report = report
        self._linger = linger
        self._lingering = False
        self._queue: list[_Entry] = []
        self._waiting: list[tuple[float, int, Seen]] = []  # due times as POSIX seconds
        self._number = itertools.count()
        self._busy = 0
        self._turn = threading.Condition()

    def put(self, at: At, pods: tuple[Pod, ...], read_at: float) -> None:
        """Queue what is to be done first for an At, if anything.

        Args:
            pods: those with our label and this At's uid.
            read_at: `time.monotonic()` when the At was read.
        """
        self._plan(Seen(at, pods), read_at)

    def release(self, pod: Pod) -> None:
        """Queue the release of a Pod whose At is gone, if we hold it."""
        if pod.held:
            self._push(plan.ReleasePod(pod), None, 0.0)

    def run(self) -> None:
        """Work until nothing is left to do, or to wait for. Our own bugs propagate."""
        workers = min(self._concurrency, len(self._queue) + len(self._waiting))
        if not workers:
            return
        with ThreadPoolExecutor(workers) as pool:
            for done in [pool.submit(self._work) for _ in range(workers)]:
                done.result()

    def _plan(self, seen: Seen, read_at: float) -> None:
        try:
            action = plan.next_action(self._cluster.now(), seen)
            if action is not None:
                self._push(action, seen, read_at)
            elif plan.cannot_start(seen.at):
                status = seen.at.status
                reason, message = str(status["reason"]), str(status.get("message", ""))
                self._fail(seen.at, "start", reason, message)
            elif self._linger:
                self._wait_for(seen)
        except Malformed as error:
            self._fail(seen.at, "plan", "Malformed", f"{error}; correct or remove it by hand")

    def _push(self, task: _Task, seen: Seen | None, read_at: float) -> None:
        due, refused = 0.0, False
        if isinstance(task, plan.CreatePod):
            due = task.instant.timestamp()
            # Ten thousand that can't start must not hold up the one that can.
            refused = plan.cannot_start(task.at)
        rank, _ = _RANKS[type(task)]
        with self._turn:
            key = (rank, refused, due, next(self._number))
            heapq.heappush(self._queue, _Entry(key, task, seen, read_at))
            self._turn.notify()

    def _wait_for(self, seen: Seen) -> None:
        """Keep an armed At in mind that may fall due before the linger window closes."""
        due = plan.armed_for(seen.at)
        horizon = self._cluster.now().timestamp() + self._linger
        if not self._lingering:
            horizon += self._deadline.remaining
        if due is not None and due.timestamp() <= horizon:
            with self._turn:
                heapq.heappush(self._waiting, (due.timestamp(), next(self._number), seen))

    def _work(self) -> None:
        while (entry := self._next()) is not None:
            try:
                self._do(entry)
            finally:
                with self._turn:
                    self._busy -= 1
                    self._turn.notify_all()

    def _next(self) -> _Entry | None:
        """The next entry to do, waiting for one if there may be more; None when all is done."""
        with self._turn:
            while True:
                now = self._cluster.now().timestamp()
                while self._waiting and self._waiting[0][0] <= now:
                    # Read long ago, as far as its start is concerned: it is read again.
                    self._plan(heapq.heappop(self._waiting)[2], -FRESH_SECONDS)
                if self._queue:
                    self._busy += 1
                    return heapq.heappop(self._queue)
                if not self._busy:
                    self._close(now)
                    if not self._waiting:
                        self._turn.notify_all()
                        return None
                pause = self._waiting[0][0] - now if self._waiting else None
                self._turn.wait(None if pause is None else min(pause, _LOOK_SECONDS))

    def _close(self, now: float) -> None:
        """The pass is over: keep waiting only for what falls due in the linger window."""
        if self._deadline.passed:
            self._waiting.clear()
        elif not self._lingering:
            self._lingering = True
            self._deadline.extend(self._linger + _LAST_START_SECONDS)
            self._waiting = [entry for entry in self._waiting if entry[0] <= now + self._linger]
            heapq.heapify(self._waiting)

    def _do(self, entry: _Entry) -> None:
        task, seen, began = entry.task, entry.seen, time.monotonic()
        if isinstance(task, _Tell):
            self._tell(task)
            return
        if self._deadline.passed:
            self._defer()
            return
        try:
            if isinstance(task, plan.CreatePod) and began - entry.read_at > FRESH_SECONDS:
                self._read_again(task, seen)
                return
            done = self._perform(task, seen)
        except Overtaken:
            self._leave()
        except OutOfTime:
            self._defer()
        except ClusterError as error:
            reason = error.reason if isinstance(error, Rejected) else type(error).__name__
            self._fail(_object(task), _RANKS[type(task)][1], reason, str(error))
        else:
            self._done(task, done, began)
            if done.seen is not None:
                self._plan(done.seen, entry.read_at)

    def _perform(self, task: plan.Action, seen: Seen | None) -> Done:
        if isinstance(task, plan.ReleasePod):
            return perform.release_pod(self._cluster, task, seen)
        if seen is None:
            raise AssertionError(f"{task} without its At")
        match task:
            case plan.CreatePod():
                return perform.create_pod(self._cluster, task, seen)
            case plan.FindPod():
                return perform.find_pod(self._cluster, task, seen)
            case plan.UpdateStatus():
                return perform.update_status(self._cluster, task, seen)
            case plan.DeletePod():
                return perform.delete_pod(self._cluster, task, seen)
            case plan.Preflight():
                return perform.preflight(self._cluster, task, seen)

    def _read_again(self, task: plan.CreatePod, seen: Seen | None) -> None:
        read_at = time.monotonic()
        try:
            fresh = At(self._cluster.at(task.at.namespace, task.at.name))
        except Rejected as error:
            if error.code == 404:
                raise Overtaken from error
            raise
        if seen is None or fresh.uid != task.at.uid:
            raise Overtaken
        self._plan(replace(seen, at=fresh), read_at)

    def _tell(self, task: _Tell) -> None:
        try:
            self._cluster.create_event(task.event)
        except ClusterError as error:
            # Events are for people who look; the status, already written, has it all.
            _log.debug("Event not created: %s", error)

    def _done(self, task: plan.Action, done: Done, began: float) -> None:
        if done.event is not None:
            self._push(_Tell(done.event), None, 0.0)
        if not done.target:
            return
        at, verb = _object(task), _RANKS[type(task)][1]
        seconds = time.monotonic() - began
        change = Change(verb, at.namespace, at.name, done.target, done.detail, seconds)
        with self._turn:
            self.results.changes.append(change)
            self._report(change)

    def _fail(self, at: At, action: str, reason: str, message: str) -> None:
        failure = Failure(at.namespace, at.name, action, reason, message)
        with self._turn:
            self.results.failures.append(failure)
            self._report(failure)

    def _leave(self) -> None:
        with self._turn:
            self.results.left += 1

    def _defer(self) -> None:
        with self._turn:
            self.results.deferred += 1


def _object(task: plan.Action) -> At:
    """The At that a task is about, as far as it is known."""
    if isinstance(task, plan.ReleasePod | plan.DeletePod):
        return At({"metadata": {"namespace": task.pod.namespace, "name": task.pod.at_name}})
    return task.at
