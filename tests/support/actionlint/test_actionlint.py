"""Where the checker of workflows can't be had, that is said, and in CI it is a failure."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(("ci", "code"), [({}, 0), ({"CI": "true"}, 1)], ids=["here", "in CI"])
def test_offline_and_without_go(tmp_path: Path, ci: dict[str, str], code: int) -> None:
    offline = {"PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull, "PIP_FIND_LINKS": ""}

    ran = subprocess.run(
        [sys.executable, "-m", "tests.support.actionlint"],
        cwd=ROOT,
        env={"PATH": "/nowhere", "XDG_CACHE_HOME": str(tmp_path), **offline, **ci},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.returncode == code
    assert "The workflows were not checked by actionlint: There is no Go 1.25 on PATH" in ran.stderr
