"""How long a pass may go on, and the one way to end it early."""

from __future__ import annotations

import math
import time

from cnat.cluster import boot_clock

# How long, at most, `Deadline.expire` goes unnoticed by those who wait for something else.
LOOK_SECONDS = 0.2


class Deadline:
    """A point in time, `seconds` from now; thread-safe.

    It takes no lock: a signal handler may call `expire` at any point of any other method.

    Attributes:
        extended: whether `extend` has moved it.
    """

    def __init__(self, seconds: float, parent: Deadline | None = None) -> None:
        self._at = boot_clock.now() + seconds
        self._expired = False
        self.extended = False
        self._parent = parent

    @property
    def remaining(self) -> float:
        """Seconds left, 0.0 when it has passed."""
        if self._expired or (self._parent and self._parent.passed):
            return 0.0
        return max(0.0, self._at - boot_clock.now())

    @property
    def passed(self) -> bool:
        return self.remaining == 0.0

    def part(self, share: float) -> Deadline:
        """One for the first `share` (0.0 to 1.0) of the time left. Once this one is extended, both
        pass together."""
        return _Earlier(self, self.remaining * (1.0 - share))

    def at_most(self, seconds: float) -> Deadline:
        """One for the next `seconds`; it passes with this one, too."""
        return Deadline(min(seconds, self.remaining), self)

    def extend(self, seconds: float) -> None:
        """Make it pass `seconds` from now, unless it was ended early."""
        self._at = boot_clock.now() + seconds
        self.extended = True

    def expire(self) -> None:
        """Make it pass now: what is in flight is finished, nothing more is begun."""
        self._expired = True

    def sleep(self, seconds: float) -> None:
        """Sleep that long, or until it has passed."""
        if self._parent:
            self._parent.sleep(min(seconds, self.remaining))
            return
        end = boot_clock.now() + seconds
        while (left := min(end - boot_clock.now(), self.remaining)) > 0.0:
            time.sleep(min(left, LOOK_SECONDS))


class _Earlier(Deadline):
    """A deadline that passes some `seconds` before another, until that is extended."""

    def __init__(self, other: Deadline, seconds: float) -> None:
        super().__init__(math.inf, other)
        self._other = other
        self._seconds = seconds

    @property
    def remaining(self) -> float:
        if self._expired:
            return 0.0
        earlier = 0.0 if self._other.extended else self._seconds
        return max(0.0, self._other.remaining - earlier)
