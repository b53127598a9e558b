"""Waiting for the cluster's controllers, which nobody can hurry."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(look: Callable[[], T | None], *, within: float = 30.0) -> T:
    """What `look` finds, as soon as it is something; fails after `within` seconds."""
    end = time.monotonic() + within
    while not (found := look()):
        assert time.monotonic() < end, f"not within {within} seconds: {look}"
        time.sleep(0.05)
    return found
