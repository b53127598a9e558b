"""What a machine lacks for a test: a loud skip at a desk, a failure in CI, which has to try all."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def lacking(what: str) -> NoReturn:
    """End the test. `what` says what is missing, and how to get it."""
    if os.environ.get("CI"):
        pytest.fail(what)
    pytest.skip(what)
