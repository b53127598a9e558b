"""Whose time counts: the API server's, as far as its Date headers tell.

A Date header is the server's time cut to the second, made somewhere between the request and its
answer. Each one bounds how far the server's clock is from ours; all of them together bound it
well. While our own clock is within those bounds it is used, since it ticks finer. Ours is what it
was when the pass began, carried on by the boot-time clock: whoever sets it meanwhile moves nothing.

Where several API servers stand behind one address and their clocks differ, the one that is behind
counts: by none of them does a run start early. The same goes for one whose clock is set meanwhile.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache

from cnat.cluster import boot_clock

# How far behind the server's the local clock may be before it is no longer used. Ahead of it,
# it is never used as soon as that is proved: that is the side on which runs would start early.
TOLERANCE_SECONDS = 2.0

_log = logging.getLogger(__name__)


class ServerClock:
    """The API server's time, estimated so that it is never ahead of it; thread-safe.

    Warns, once, when the local clock is proved to differ by more than the tolerance.
    """

    def __init__(self) -> None:
        self._anchor = time.time() - boot_clock.now()
        self._lock = threading.Lock()
        self._low = -math.inf  # Bounds, in seconds, on (server's time - local time).
        self._high = math.inf
        self._warned = False

    def local(self) -> float:
        """POSIX seconds by the clock of this machine, as it stood when the pass began."""
        return boot_clock.now() + self._anchor

    def observe(self, date: str | None, sent: float, received: float) -> None:
        """Learn from one answer of the API server.

        Args:
            date: its Date header (RFC 9110, 6.6.1); None or nonsense teaches nothing.
            sent, received: `local()` around the request.
        """
        try:
            server = _posix(date or "")
        except ValueError:
            return
        low, high = server - received, server + 1.0 - sent
        with self._lock:
            if low > self._high:  # Another server, whose clock is ahead of one heard before.
                return
            if high < self._low:  # One whose clock is behind.
                self._low, self._high = low, high
            else:
                self._low, self._high = max(self._low, low), min(self._high, high)
            if not self.skew or self._warned:
                return
            self._warned = True
        _log.warning(
            "the clock of this machine is %.0f s %s the API server's, whose time counts; "
            "check the time synchronisation (NTP) of both",
            abs(self.skew),
            "ahead of" if self.skew < 0 else "behind",
        )

    @property
    def offset(self) -> float:
        """Seconds to add to the local time."""
        if self._high < 0.0 or self._low > TOLERANCE_SECONDS:
            return self._low
        return 0.0

    @property
    def skew(self) -> float:
        """By how many seconds the local clock is proved to differ; 0.0 within the tolerance."""
        if self._high < -TOLERANCE_SECONDS or self._low > TOLERANCE_SECONDS:
            return self._low
        return 0.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.local() + self.offset, UTC)


@lru_cache(maxsize=1)
def _posix(date: str) -> float:
    """The POSIX time of a Date header; all answers of a second have the same."""
    return parsedate_to_datetime(date).timestamp()
