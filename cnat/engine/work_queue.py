"""What is to be done next: tasks by rank, and tasks that wait for their instant."""

from __future__ import annotations

import heapq
import itertools
import pickle
import threading
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Generic, NamedTuple, TypeVar

from cnat.cluster.deadline import LOOK_SECONDS, Deadline

# Seconds that a task which falls due at the end of the linger window may still take.
_LAST_TASK_SECONDS = 10.0
# When something falls due within so many seconds, so many threads do what has another rank than 0.
# More would make it late: with 100 a second falling due, on two cores that others used as well,
# the 99th percentile was 100 ms with all 16 threads and 40 ms with 3.
_SOON_SECONDS = 1.0
_THREADS_BESIDE = 3

# Bytes of tasks that may wait: some twenty thousand Ats as they are, but only thirty of a mebibyte.
_MOST_BYTES = 32 << 20

T = TypeVar("T")


class Order(NamedTuple):
    """What comes first: by rank, then what wasn't refused before, then by POSIX time."""

    rank: int
    refused: bool = False
    due: float = 0.0


# The number keeps tasks of one order as they came.
_Entry = tuple[Order, int, bytes]


class WorkQueue(Generic[T]):
    """Hands out tasks to several threads; thread-safe.

    Tasks wait pickled, so what is taken is a copy of what was put. An At takes 10 KB as objects,
    1.5 KB so, and a hundred thousand may wait. They aren't compressed: zlib releases the GIL, and
    16 threads that take it from each other made a tenth fewer Pods.

    A pass is over when no task is left and none is being done, since tasks bring others. From
    then on, and only for the linger window, what has an instant is waited for.

    Args:
        now: the time by the clock that counts.
        deadline: extended over the linger window when the pass is over. Once it has passed,
            nothing is waited for.
        linger: seconds.
    """

    def __init__(self, now: Callable[[], datetime], deadline: Deadline, linger: float) -> None:
        self._now = now
        self._deadline = deadline
        self._linger = linger
        self._window_end: float | None = None  # POSIX seconds; None while the pass goes on
        self._ready: list[_Entry] = []
        self._ready_by_rank: Counter[int] = Counter()
        self._waiting: list[_Entry] = []
        self._number = itertools.count()
        self._bytes = 0
        self._busy = 0
        self._clock_is_watched = False
        self._changed = threading.Condition()

    def __len__(self) -> int:
        return len(self._ready) + len(self._waiting)

    @property
    def is_full(self) -> bool:
        """Whether as much waits as should: what is put then had better be small."""
        return self._bytes >= _MOST_BYTES

    def ready(self, rank: int) -> int:
        """How many tasks of that rank, or of one that comes first, wait for a thread."""
        with self._changed:
            return sum(count for each, count in self._ready_by_rank.items() if each <= rank)

    def put(self, order: Order, task: T) -> None:
        """Add a task to be done now."""
        pickled = pickle.dumps(task, pickle.HIGHEST_PROTOCOL)
        with self._changed:
            self._bytes += len(pickled)
            self._make_ready((order, next(self._number), pickled))
            self._changed.notify()

    def put_at(self, instant: datetime, task: T) -> None:
        """Add a task for an instant, of rank 0; forgotten if that is beyond the linger window."""
        due = instant.timestamp()
        pickled = pickle.dumps(task, pickle.HIGHEST_PROTOCOL)
        with self._changed:
            end = self._window_end
            if end is None:  # Not yet known, but no later than this.
                end = self._now().timestamp() + self._deadline.remaining + self._linger
            if due <= end:
                self._bytes += len(pickled)
                heapq.heappush(self._waiting, (Order(0, due=due), next(self._number), pickled))
                self._changed.notify_all()

    def take(self) -> T | None:
        """The next task, waited for if there may be one; None when all is done.

        Who takes a task calls `done` after it.
        """
        pickled = self._take()
        if pickled is None:
            return None
        task: T = pickle.loads(pickled)  # noqa: S301 - it never left this process
        return task

    def done(self) -> None:
        """Say that what was taken is done, and what follows from it has been put."""
        with self._changed:
            self._busy -= 1
            if not self._busy:
                self._changed.notify_all()

    def _make_ready(self, entry: _Entry) -> None:
        heapq.heappush(self._ready, entry)
        self._ready_by_rank[entry[0].rank] += 1

    def _take(self) -> bytes | None:
        with self._changed:
            while True:
                now = self._now().timestamp()
                while self._waiting and self._waiting[0][0].due <= now:
                    self._make_ready(heapq.heappop(self._waiting))
                if self._ready and not self._is_held_back(now):
                    self._busy += 1
                    self._changed.notify()  # Somebody else watches the clock from here.
                    order, _, pickled = heapq.heappop(self._ready)
                    self._ready_by_rank[order.rank] -= 1
                    self._bytes -= len(pickled)
                    return pickled
                if not self._busy:
                    self._end_pass(now)
                    if not self._waiting:
                        self._changed.notify_all()
                        return None
                self._wait(now)

    def _is_held_back(self, now: float) -> bool:
        """Whether the next task had better leave the machine to what falls due soon."""
        if self._ready[0][0].rank == 0 or self._busy < _THREADS_BESIDE or not self._waiting:
            return False
        return self._waiting[0][0].due - now < _SOON_SECONDS

    def _wait(self, now: float) -> None:
        """Wait for a change. One thread watches the clock; were it all of them, all would wake."""
        if self._clock_is_watched or not self._waiting:
            self._changed.wait()
            return
        self._clock_is_watched = True
        self._changed.wait(min(self._waiting[0][0].due - now, LOOK_SECONDS))
        self._clock_is_watched = False

    def _end_pass(self, now: float) -> None:
        """The pass is over: keep only what falls due in the linger window."""
        if self._deadline.passed:
            self._waiting.clear()
        elif self._window_end is None:
            self._window_end = end = now + self._linger
            self._deadline.extend(self._linger + _LAST_TASK_SECONDS)
            self._waiting = [entry for entry in self._waiting if entry[0].due <= end]
            heapq.heapify(self._waiting)
        self._bytes = sum(len(pickled) for _, _, pickled in self._ready + self._waiting)
