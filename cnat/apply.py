"""Actions to writes: in which order, how many at once, and what each answer teaches."""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

from cnat import api, events, plan
from cnat.api import At, Malformed, Manifest, Pod
from cnat.cluster import Cluster, ClusterError, OutOfTime, Rejected
from cnat.deadline import Deadline
from cnat.plan import Refusal, Seen

# An At that was read longer ago than this is read again before its Pod is created. Within this
# time another pass would have to start the run, see it end, record it and have its Pod deleted
# for the create to succeed a second time.
FRESH_SECONDS = 10.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Change:
    """One write that took effect (or, in a dry run, would)."""

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

    at: At
    event: Manifest


_Task = plan.Action | _Tell

# Starting runs comes before all book-keeping, and what only informs comes last.
_ORDER: dict[type[Any], int] = {
    plan.CreatePod: 0,
    plan.FindPod: 1,
    plan.UpdateStatus: 1,
    plan.ReleasePod: 2,
    plan.DeletePod: 2,
    plan.Preflight: 3,
    _Tell: 4,
}

_VERBS: dict[type[Any], str] = {
    plan.CreatePod: "create pod",
    plan.FindPod: "find pod",
    plan.UpdateStatus: "set status",
    plan.ReleasePod: "release pod",
    plan.DeletePod: "delete pod",
    plan.Preflight: "preflight",
}


@dataclass(frozen=True, slots=True, order=True)
class _Entry:
    """A task in the queue, ordered by its first field alone."""

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
    """

    def __init__(
        self,
        cluster: Cluster,
        deadline: Deadline,
        concurrency: int,
        report: Callable[[Change | Failure], None],
    ) -> None:
        self.results = Results()
        self._cluster = cluster
        self._deadline = deadline
        self._concurrency = concurrency
        self._report = report
        self._queue: list[_Entry] = []
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
        """Work until the queue is empty. Errors that are nobody's fault but ours propagate."""
        workers = min(self._concurrency, len(self._queue))
        if not workers:
            return
        with ThreadPoolExecutor(workers) as pool:
            for done in [pool.submit(self._work) for _ in range(workers)]:
                done.result()

    def _plan(self, seen: Seen, read_at: float) -> None:
        try:
            action = plan.next_action(self._cluster.now(), seen)
        except Malformed as error:
            self._fail(seen.at, "plan", "Malformed", f"{error}; correct or remove it by hand")
            return
        if action is not None:
            self._push(action, seen, read_at)
        elif plan.cannot_start(seen.at):
            status = seen.at.status
            self._fail(seen.at, "start", str(status["reason"]), str(status.get("message", "")))

    def _push(self, task: _Task, seen: Seen | None, read_at: float) -> None:
        due = task.instant.timestamp() if isinstance(task, plan.CreatePod) else 0.0
        # Ats that were refused before wait behind the others: ten thousand that can't start
        # must not hold up the one that can.
        refused = isinstance(task, plan.CreatePod) and plan.cannot_start(task.at)
        with self._turn:
            key = (_ORDER[type(task)], refused, due, next(self._number))
            heapq.heappush(self._queue, _Entry(key, task, seen, read_at))
            self._turn.notify()

    def _work(self) -> None:
        while True:
            with self._turn:
                while not self._queue and self._busy:
                    self._turn.wait()
                if not self._queue:
                    self._turn.notify_all()
                    return
                entry = heapq.heappop(self._queue)
                self._busy += 1
            try:
                self._do(entry)
            finally:
                with self._turn:
                    self._busy -= 1
                    self._turn.notify_all()

    def _do(self, entry: _Entry) -> None:
        task, seen = entry.task, entry.seen
        if self._deadline.passed:
            if not isinstance(task, _Tell):
                self._defer()
            return
        if isinstance(task, _Tell):
            self._tell(task)
            return
        began = time.monotonic()
        try:
            if isinstance(task, plan.CreatePod) and began - entry.read_at > FRESH_SECONDS:
                self._read_again(task.at, seen)
                return
            after = self._perform(task, seen, began)
        except Rejected as error:
            if error.code in {404, 409}:  # Written or deleted since it was read.
                self._leave()
            else:
                self._fail_task(task, error.reason, error.message)
        except OutOfTime:
            self._defer()
        except ClusterError as error:
            self._fail_task(task, type(error).__name__, str(error))
        else:
            if after is not None:
                self._plan(after, entry.read_at)

    def _perform(self, task: plan.Action, seen: Seen | None, began: float) -> Seen | None:
        """Do it, and answer what is seen of the At afterwards."""
        cluster = self._cluster
        if isinstance(task, plan.ReleasePod):
            pod = Pod(cluster.release_pod(task.pod))
            self._changed("release pod", task.pod.namespace, task.pod.at_name, pod.name, "", began)
            return seen and replace(seen, pods=_replaced(seen.pods, pod))
        if seen is None:
            raise AssertionError(f"{task} without its At")
        at = seen.at
        if isinstance(task, plan.DeletePod):
            cluster.delete_pod(task.pod)
            self._changed("delete pod", at.namespace, at.name, task.pod.name, "", began)
            return replace(seen, pods=tuple(pod for pod in seen.pods if pod is not task.pod))
        if isinstance(task, plan.UpdateStatus):
            written = At(cluster.update_status(at, task.status))
            phase, reason = task.status["phase"], task.status.get("reason", "")
            self._changed("set status", at.namespace, at.name, phase, reason, began)
            event = events.of_change(at, task.status, cluster.now())
            if event is not None:
                self._push(_Tell(at, event), None, 0.0)
            return replace(seen, at=written)
        if isinstance(task, plan.FindPod):
            pod_found = self._find_pod(at.namespace, task.name)
            if pod_found and pod_found.at_uid == at.uid:
                return replace(seen, pods=(*seen.pods, pod_found))
            return replace(seen, absent=seen.absent | {task.name})
        return self._try_pod(task, seen, began)

    def _try_pod(
        self, task: plan.CreatePod | plan.Preflight, seen: Seen, began: float
    ) -> Seen | None:
        at, name = seen.at, str(task.manifest["metadata"]["name"])
        dry_run = isinstance(task, plan.Preflight)
        try:
            created = Pod(self._cluster.create_pod(task.manifest, dry_run=dry_run))
        except Rejected as error:
            if error.code == 409 and error.reason == "AlreadyExists":
                return self._with_pod_in_the_way(seen, name)
            if not _about_the_pod(error):
                raise
            reason = "PreflightRejected" if dry_run else "StartRejected"
            return replace(seen, checked=True, refusal=Refusal(reason, error.message))
        if dry_run:
            return replace(seen, checked=True)
        detail = f"due {task.manifest['metadata']['annotations'][api.SCHEDULED_TIME]}"
        self._changed("create pod", at.namespace, at.name, name, detail, began)
        return replace(seen, pods=(*seen.pods, created))

    def _with_pod_in_the_way(self, seen: Seen, name: str) -> Seen | None:
        """The name is taken: by this run's own Pod, that another pass created, or by a foreign."""
        pod = self._find_pod(seen.at.namespace, name)
        if pod is None:  # Gone again. What became of it shows in the lists of the next pass.
            self._leave()
            return None
        if pod.at_uid == seen.at.uid:
            return replace(seen, pods=(*seen.pods, pod))
        message = f"a Pod {name} that is not this At's is in the way; delete it or rename the At"
        return replace(seen, checked=True, refusal=Refusal("PodNameTaken", message))

    def _find_pod(self, namespace: str, name: str) -> Pod | None:
        try:
            return Pod(self._cluster.pod(namespace, name))
        except Rejected as error:
            if error.code == 404:
                return None
            raise

    def _read_again(self, at: At, seen: Seen | None) -> None:
        read_at = time.monotonic()
        fresh = At(self._cluster.at(at.namespace, at.name))
        if seen is None or fresh.uid != at.uid:
            self._leave()
            return
        self._plan(replace(seen, at=fresh), read_at)

    def _tell(self, task: _Tell) -> None:
        try:
            self._cluster.create_event(task.event)
        except ClusterError as error:
            # Events are for people who look; the status, already written, has it all.
            _log.debug("Event not created: %s", error)

    def _changed(
        self, action: str, namespace: str, at: str, target: str, detail: str, began: float
    ) -> None:
        change = Change(action, namespace, at, target, detail, time.monotonic() - began)
        with self._turn:
            self.results.changes.append(change)
            self._report(change)

    def _fail_task(self, task: plan.Action, reason: str, message: str) -> None:
        if isinstance(task, plan.ReleasePod | plan.DeletePod):
            at = At({"metadata": {**task.pod.raw["metadata"], "name": task.pod.at_name}})
        else:
            at = task.at
        self._fail(at, _VERBS[type(task)], reason, message)

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


def _about_the_pod(error: Rejected) -> bool:
    """Whether the answer judges this Pod: validation, admission, quota, a webhook that is broken.

    A webhook that can't be called shows as 500 InternalError (admissionregistration.k8s.io,
    failurePolicy: Fail).
    """
    return error.code in {400, 403, 404, 409, 413, 422, 500}


def _replaced(pods: tuple[Pod, ...], pod: Pod) -> tuple[Pod, ...]:
    return tuple(pod if each.uid == pod.uid else each for each in pods)
