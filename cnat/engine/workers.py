"""Ats driven to where nothing is left to do, several at once."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

from cnat.cluster import boot_clock
from cnat.cluster.deadline import Deadline
from cnat.cluster.protocol import Cluster, ClusterError, OutOfTime
from cnat.core import plan
from cnat.core.action import Action, CreatePod, ReleasePod
from cnat.core.at import At
from cnat.core.fields import Malformed, Manifest
from cnat.core.observed_pod import Pod
from cnat.core.plan import Seen
from cnat.core.shard import EVERY_AT
from cnat.engine import actions, order, rereading
from cnat.engine.actions import Conflict, QuotaConflict
from cnat.engine.order import Rank
from cnat.engine.pods import by_owner
from cnat.engine.recorder import Recorder
from cnat.engine.rereading import LONG_AGO
from cnat.engine.results import Change, Failure, Results
from cnat.engine.second_look import SecondLook, pays
from cnat.engine.settings import Settings
from cnat.engine.tasks import Look, Orphan, Task, Telling, Turn, Unread
from cnat.engine.work_queue import Order, WorkQueue

# How often, in one pass, an At is read again because somebody else wrote it.
_CONFLICTS = 3

# How often a lingering pass lists the Pods. A list of those that run is a few KB.
_LOOKS_EVERY = timedelta(seconds=5)

_log = logging.getLogger(__name__)


class Workers:
    """Drive each At that is added to where the planner finds nothing more to do.

    Args:
        cluster: what is written to; its clock counts.
        deadline: what isn't begun when it passes is left to the next pass.
        report: called, from any thread but one at a time, for each Change and Failure.
    """

    def __init__(
        self,
        cluster: Cluster,
        deadline: Deadline,
        settings: Settings,
        report: Callable[[Change | Failure], None],
    ) -> None:
        self._recorder = Recorder(report)
        self._cluster = cluster
        self._deadline = deadline
        self._settings = settings
        self._queue: WorkQueue[Task] = WorkQueue(cluster.now, deadline, settings.linger)
        self._second_look = SecondLook(cluster, settings.shard)

    @property
    def results(self) -> Results:
        """What has been done so far."""
        return self._recorder.results

    def add_at(self, at: At, pods: tuple[Pod, ...], read_at: float) -> None:
        """Queue the first turn of an At, if there is anything to do for it.

        Args:
            pods, read_at: as in Seen and in Turn.
        """
        self.add(self._first_turn(at, pods, read_at))

    def add(self, turn: Turn) -> None:
        """Queue the next turn of an At, if there is anything to do for it."""
        action = self._plan(turn)
        if action is not None:
            self._put(order.of_action(action, turn.seen), turn)

    def add_unread(self, unread: Unread, its_order: Order) -> None:
        """Queue the reading of an At, which its first turn follows."""
        self._queue.put(its_order, unread)

    def add_orphan(self, pod: Pod) -> None:
        """Queue the release of a Pod whose At is gone, once our finalizer may let go of it."""
        if pod.has_finalizer and plan.name_may_become_free(self._cluster.now(), pod):
            self._queue.put(Order(Rank.CLEAN_UP), Orphan(pod))

    def fail_list(self, error: ClusterError) -> None:
        """Take note that not all Ats could be listed."""
        self._recorder.refused("", "", "list", error)

    def run(self) -> None:
        """Work until nothing is left to do, or to wait for."""
        if self._settings.linger and (len(self._queue) or self.results.phases["Running"]):
            self._look_later()
        workers = min(self._settings.concurrency, len(self._queue))
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

    def _do(self, task: Task) -> None:
        match task:
            case Telling():
                self._tell(task.event)
            case Look():
                self._look()
            case _ if self._deadline.passed:
                self._recorder.deferred()
            case Orphan():
                self._release(task.pod)
            case Unread():
                self._read(task)
            case Turn():
                self._take_turn(task)

    def _read(self, unread: Unread) -> None:
        namespace, name = unread.namespace, unread.name
        try:
            at = actions.read(self._cluster, namespace, name, unread.uid)
        except Conflict:
            self._recorder.conflicted()
        except OutOfTime:
            self._recorder.deferred()
        except ClusterError as error:
            self._recorder.refused(namespace, name, "read", error)
        else:
            self._take_turn(self._first_turn(at, unread.pods, unread.read_at))

    def _first_turn(self, at: At, pods: tuple[Pod, ...], read_at: float) -> Turn:
        seen = Seen(
            at,
            pods,
            asks_server=self._settings.asks_server,
            default_starting_deadline=self._settings.default_starting_deadline,
        )
        return Turn(seen, read_at)

    def _look(self) -> None:
        """Have recorded what has ended meanwhile, and look again while anything goes on."""
        if self._queue.ready(Rank.CLEAN_UP):
            # It may be what the last look found, which would be found again.
            self._look_later()
            return
        read_at, goes_on = boot_clock.now(), False
        try:
            for (namespace, uid), pods in by_owner(self._cluster, self._settings.shard).items():
                owned = tuple(pod for pod in pods if pod.at_uid)
                goes_on = goes_on or not all(pod.ended for pod in owned)
                if any(pod.ended and pod.has_finalizer for pod in owned):
                    unread = Unread(namespace, owned[0].at_name, uid, owned, read_at)
                    self.add_unread(unread, Order(Rank.RECORD))
        except ClusterError as error:
            goes_on = True  # For all that is known.
            _log.debug("Pods not listed again: %s", error)
        if goes_on or len(self._queue):
            self._look_later()

    def _look_later(self) -> None:
        self._queue.put_at(self._cluster.now() + _LOOKS_EVERY, Look())

    def _take_turn(self, turn: Turn) -> None:
        """Plan one At with the clock of this moment, act, and queue what follows."""
        began = boot_clock.now()
        at, step = turn.seen.at, "read again"
        try:
            if not turn.has_at:
                turn = rereading.with_at(self._cluster, turn)
            action = self._plan(turn)
            while isinstance(action, CreatePod) and not turn.is_recent:
                turn = self._confirmed(turn, action) or rereading.read_again(self._cluster, turn)
                action = self._plan(turn)
            if action is None:
                return
            step = actions.NAMES[type(action)]
            done = actions.perform(self._cluster, action, turn.seen)
        except Conflict as conflict:
            self._resolve(turn, conflict)
        except OutOfTime:
            self._recorder.deferred()
        except ClusterError as error:
            self._recorder.refused(at.namespace, at.name, step, error)
        except Exception as error:  # noqa: BLE001  A bug that one At wakes stops no other.
            self._recorder.failed_unforeseen(at, step, error)
        else:
            self._follow(turn, action, done, began)

    def _plan(self, turn: Turn) -> Action | None:
        """What is to be done now; None also for what can't be, which is told, or has its time."""
        seen = turn.seen
        try:
            action = plan.next_action(self._cluster.now(), seen)
            if action is not None:
                return action
            if not turn.counted:
                self._recorder.stands(seen.at)
            run, instant = seen.at.status.run, plan.armed_for(seen.at)
            if run and seen.at.status.cannot_start:
                self._recorder.failed(
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
            elif self._settings.linger and instant:
                # What was read before the instant is read again at it.
                self._queue.put_at(instant, replace(turn, read_at=LONG_AGO, counted=True))
        except Malformed as error:
            message = f"{error}; correct or remove it by hand"
            self._recorder.failed(
                Failure(seen.at.namespace, seen.at.name, "plan", "Malformed", message)
            )
        except Exception as error:  # noqa: BLE001  A bug that one At wakes stops no other.
            self._recorder.failed_unforeseen(seen.at, "plan", error)
        return None

    def _put(self, place: Order, turn: Turn) -> None:
        """Queue a turn. Where there is no room for the At, it is read again then."""
        self._queue.put(place, turn.without_at() if self._queue.is_full else turn)

    def _confirmed(self, turn: Turn, action: CreatePod) -> Turn | None:
        """The same turn, if a look at all of them tells that nothing has happened since.

        The look is one thread's, where it pays. The others meanwhile go on one by one.
        """
        if turn.read_at == LONG_AGO:
            return None
        look = self._second_look
        if look.is_old and pays(self._queue.ready(Rank.START), self.results.ats):
            look.take()
        read_at = look.confirmed(turn.seen.at, action.manifest["metadata"]["name"])
        return None if read_at is None else replace(turn, read_at=read_at)

    def _follow(self, turn: Turn, action: Action, done: actions.Done, began: float) -> None:
        """Tell what was done, and queue the At's next turn."""
        at = turn.seen.at
        if done.event is not None:
            self._queue.put(Order(Rank.TELL), Telling(done.event))
        if done.written is not None:
            self._recorder.changed(
                actions.NAMES[type(action)], at.namespace, at.name, done.written, began
            )
        after = replace(turn, seen=done.seen)
        if isinstance(action, CreatePod) and done.written:
            # Planned when its turn comes, since meanwhile another At may be due.
            self._put(Order(Rank.RECORD), after)
        else:
            self.add(after)

    def _resolve(self, turn: Turn, conflict: Conflict) -> None:
        """Somebody else came in between: look at the At once more, a few times.

        With the same At the same would come of it, but for a quota that others used as well.
        """
        at = turn.seen.at
        try:
            if turn.conflicts < _CONFLICTS:
                again = actions.read(self._cluster, at.namespace, at.name, at.uid)
                fresh = replace(turn.seen, at=again)
                changed = fresh.at.resource_version != at.resource_version
                if changed or isinstance(conflict, QuotaConflict):
                    self.add(replace(turn, seen=fresh, conflicts=turn.conflicts + 1))
                    return
        except Conflict:
            pass  # It is gone, and nothing is to be done for it.
        except ClusterError as error:
            self._recorder.refused(at.namespace, at.name, "read again", error)
            return
        self._recorder.conflicted()

    def _release(self, pod: Pod) -> None:
        began = boot_clock.now()
        step = actions.NAMES[ReleasePod]
        try:
            if self._settings.shard != EVERY_AT:
                actions.confirm_orphan(self._cluster, pod)
            actions.release_pod(self._cluster, pod)
        except Conflict:
            self._recorder.conflicted()
        except OutOfTime:
            self._recorder.deferred()
        except ClusterError as error:
            self._recorder.refused(pod.namespace, pod.at_name, step, error)
        else:
            self._recorder.changed(step, pod.namespace, pod.at_name, actions.released(pod), began)

    def _tell(self, event: Manifest) -> None:
        try:
            self._cluster.create_event(event)
        except ClusterError as error:
            # Events are for people who look; the status, already written, has it all.
            _log.debug("Event not created: %s", error)
