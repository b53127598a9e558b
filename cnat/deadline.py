"""How long a pass may go on, and the one way to end it early."""

from __future__ import annotations

import threading
import time


class Deadline:
    """A point on the monotonic clock, `seconds` from now; thread-safe."""

    def __init__(self, seconds: float) -> None:
        self._at = time.monotonic() + seconds
        self._expired = threading.Event()

    @property
    def remaining(self) -> float:
        """Seconds left, 0.0 when it has passed."""
        return 0.0 if self._expired.is_set() else max(0.0, self._at - time.monotonic())

    @property
    def passed(self) -> bool:
        return self.remaining == 0.0

    def extend(self, seconds: float) -> None:
        """Make it pass `seconds` from now, unless it was ended early."""
        self._at = time.monotonic() + seconds

    def expire(self) -> None:
        """Make it pass now: what is in flight is finished, nothing more is begun."""
        self._expired.set()

    def sleep(self, seconds: float) -> None:
        """Sleep that long, or until `expire` is called."""
        self._expired.wait(seconds)
