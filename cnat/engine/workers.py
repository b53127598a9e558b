"""Actions applied, each with what follows from it, several at once."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from cnat.cluster import boot_clock
from cnat.cluster.deadline import Deadline
from cnat.cluster.protocol import Cluster, ClusterError, OutOfTime, Rejected
from cnat.core import plan
from cnat.core.fields import Malformed, Manifest
from cnat.core.objects import At, Pod
from cnat.core.plan import Seen
from cnat.engine import actions
from cnat.engine.actions import Done, Overtaken
from cnat.engine.results import Change, Failure, Results
from cnat.engine.work_queue import Agenda, Order

# When Pods were listed longer ago than this, Pod and At are read again before a Pod is created.
# With the 20 s that a create may then take (cnat.cluster.transport) it stays below
# plan.HELD_SECONDS. So if another pass has started the run since, its Pod has the name still and this create fails; if
# before, its Pod or its record was there to be seen.
FRESH_SECONDS = 30.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Look:
    """Read an At again, whose instant has come since it was read."""

    at: At


@dataclass(frozen=True)
class _Follow:
    """Plan what follows the start of a run; later, since meanwhile another may be due."""

    at: At


@dataclass(frozen=True)
class _Tell:
    """An Event to create; the best effort part of a status write."""

    event: Manifest


_Task = plan.Action | _Look | _Follow | _Tell

# What each task is called, and its rank: starting runs comes before all book-keeping, and what
# only informs comes last.
_RANKS: dict[type[_Task], tuple[int, str]] = {
    plan.CreatePod: (0, "create pod"),
    _Look: (0, "read again"),
    _Follow: (1, "plan"),
    plan.FindPod: (1, "find pod"),
    plan.UpdateStatus: (1, "set status"),
    plan.ReleasePod: (2, "release pod"),
    plan.DeletePod: (2, "delete pod"),
    plan.Preflight: (3, "preflight"),
    _Tell: (4, "create event"),
}


# A task, what it was planned from, and `ticks.now()` before the Pods of that were read; the At was
# read after them. It waits pickled: as a dataclass it would take a fifth longer, and what is in it
# much longer if it had slots.
_Work = tuple[_Task, Seen | None, float]


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
        self._agenda: Agenda[_Work] = Agenda(cluster.now, deadline, linger)
        self._telling = threading.Lock()

    def put(self, at: At, pods: tuple[Pod, ...], read_at: float) -> None:
        """Queue what is to be done first for an At, if anything.

        Args:
            pods: those with our label and this At's uid.
            read_at: `ticks.now()` before the Pods were listed.
        """
        self._plan(Seen(at, pods), read_at)

    def release(self, pod: Pod) -> None:
        """Queue the release of a Pod whose At is gone, if we hold it."""
        if pod.held:
            self._push(plan.ReleasePod(pod), None, 0.0)

    def break_off(self, error: ClusterError) -> None:
        """Take note that not all Ats could be listed."""
        nowhere = At({"metadata": {"namespace": "", "name": ""}})
        self._fail(nowhere, "list", _reason(error), str(error))

    def run(self) -> None:
        """Work until nothing is left to do, or to wait for. Our own bugs propagate."""
        workers = min(self._concurrency, len(self._agenda))
        if not workers:
            return
        with ThreadPoolExecutor(workers) as pool:
            for done in [pool.submit(self._work) for _ in range(workers)]:
                done.result()

    def _plan(self, seen: Seen, read_at: float) -> None:
        action = self._next(seen, read_at)
        if action is not None:
            self._push(action, seen, read_at)

    def _next(self, seen: Seen, read_at: float) -> plan.Action | None:
        """What is to be done now; None also for what can't be, which is told, or has its time."""
        try:
            action = plan.next_action(self._cluster.now(), seen)
            if action is not None:
                return action
            if plan.cannot_start(seen.at):
                status = seen.at.status
                reason, message = str(status["reason"]), str(status.get("message", ""))
                self._fail(seen.at, "start", reason, message)
            elif self._linger and (instant := plan.armed_for(seen.at)):
                self._agenda.put_for(instant, (_Look(seen.at), seen, read_at))
        except Malformed as error:
            self._fail(seen.at, "plan", "Malformed", f"{error}; correct or remove it by hand")
        return None

    def _push(self, task: _Task, seen: Seen | None, read_at: float) -> None:
        rank, due, refused = _RANKS[type(task)][0], 0.0, False
        if isinstance(task, plan.CreatePod | plan.Preflight):
            refused = plan.cannot_start(task.at)
        if isinstance(task, plan.CreatePod):
            due = task.at.instant.timestamp()
            if refused:
                # Ten thousand that can't start hold up neither the one that can nor its record.
                rank = _RANKS[plan.Preflight][0]
        elif isinstance(task, plan.UpdateStatus) and seen is not None and seen.refusal:
            # So that they don't in the next pass, should the time not suffice for all in this one.
            rank = _RANKS[plan.CreatePod][0]
        self._agenda.put(Order(rank, refused, due), (task, seen, read_at))

    def _work(self) -> None:
        while (work := self._agenda.take()) is not None:
            try:
                self._do(work)
            finally:
                self._agenda.done()

    def _do(self, work: _Work) -> None:
        task, seen, read_at = work
        began = boot_clock.now()
        if isinstance(task, _Tell):
            self._tell(task)
            return
        if self._deadline.passed:
            self._defer()
            return
        try:
            if isinstance(task, _Look) or (
                isinstance(task, plan.CreatePod) and began - read_at > FRESH_SECONDS
            ):
                seen, read_at = self._read_again(_known(seen), read_at)
                planned = self._next(seen, read_at)
                if not isinstance(planned, plan.CreatePod) or read_at < began:
                    if planned is not None:
                        self._push(planned, seen, read_at)
                    return
                task = planned  # At once, while it is fresh.
            elif isinstance(task, _Follow):
                planned = self._next(_known(seen), read_at)
                if planned is None:
                    return
                task = planned
            done = self._perform(task, seen)
        except Overtaken:
            self._leave()
        except OutOfTime:
            self._defer()
        except ClusterError as error:
            self._fail(_object(task), _RANKS[type(task)][1], _reason(error), str(error))
        else:
            self._done(task, done, began)
            if isinstance(task, plan.CreatePod) and done.target:
                self._push(_Follow(task.at), done.seen, read_at)
            elif done.seen is not None:
                self._plan(done.seen, read_at)

    def _perform(self, task: plan.Action, seen: Seen | None) -> Done:
        if isinstance(task, plan.ReleasePod):
            return actions.release_pod(self._cluster, task, seen)
        known = _known(seen)
        match task:
            case plan.CreatePod():
                return actions.create_pod(self._cluster, task, known)
            case plan.FindPod():
                return actions.find_pod(self._cluster, task, known)
            case plan.UpdateStatus():
                return actions.update_status(self._cluster, task, known)
            case plan.DeletePod():
                return actions.delete_pod(self._cluster, task, known)
            case plan.Preflight():
                return actions.preflight(self._cluster, task, known)

    def _read_again(self, seen: Seen, read_at: float) -> tuple[Seen, float]:
        now = boot_clock.now()
        fresh = actions.read_again(self._cluster, seen, FRESH_SECONDS)
        # With another schedule it is another run, and that one's Pod hasn't been looked for.
        same = fresh.at.generation == seen.at.generation
        return fresh, now if same else read_at

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
        seconds = boot_clock.now() - began
        change = Change(verb, at.namespace, at.name, done.target, done.detail, seconds)
        with self._telling:
            self.results.changes.append(change)
            self._report(change)

    def _fail(self, at: At, action: str, reason: str, message: str) -> None:
        failure = Failure(at.namespace, at.name, action, reason, message)
        with self._telling:
            self.results.failures.append(failure)
            self._report(failure)

    def _leave(self) -> None:
        with self._telling:
            self.results.left += 1

    def _defer(self) -> None:
        with self._telling:
            self.results.deferred += 1


def _reason(error: ClusterError) -> str:
    return error.reason if isinstance(error, Rejected) else type(error).__name__


def _known(seen: Seen | None) -> Seen:
    if seen is None:
        raise AssertionError("only the Pod of an orphan is handled without its At")
    return seen


def _object(task: plan.Action | _Look | _Follow) -> At:
    """The At that a task is about, as far as it is known."""
    if isinstance(task, plan.ReleasePod | plan.DeletePod):
        return At({"metadata": {"namespace": task.pod.namespace, "name": task.pod.at_name}})
    return task.at
