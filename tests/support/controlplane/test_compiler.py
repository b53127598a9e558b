"""What is told while Go compiles, which here is a script that says what Go would."""

from __future__ import annotations

import itertools
import os
from typing import TYPE_CHECKING

import pytest

from tests.support.controlplane import compiler
from tests.support.controlplane.errors import AssetsError
from tests.support.controlplane.toolchain import Go

if TYPE_CHECKING:
    from pathlib import Path

TWENTY = [f"example.com/{number}" for number in range(20)]


def go(tmp_path: Path, *, fetched: int = 0, compiled: list[str], fails: bool = False) -> Go:
    """A toolchain for a program of twenty packages, some of which it has kept."""
    (tmp_path / "listed").write_text("\n".join([*TWENTY, "example.com/main", ""]))
    fetching = [f"go: downloading example.com/module{number} v1.0.0" for number in range(fetched)]
    (tmp_path / "fetching").write_text("".join(f"{line}\n" for line in fetching))
    (tmp_path / "compiling").write_text("".join(f"{line}\n" for line in compiled))
    executable = tmp_path / "go"
    executable.write_text(
        "#!/bin/sh\ncd $(dirname $0)\n"
        f"case $1 in list) cat fetching >&2; cat listed;; *) cat compiling >&2; exit {int(fails)};;"
        " esac\n"
    )
    executable.chmod(0o755)
    return Go(executable, os.environ)


def told(go: Go, tmp_path: Path, *, slowness: float = 0.0) -> list[str]:
    """What is told of a build where so many seconds go by between two looks at the clock."""
    lines: list[str] = []
    seconds = itertools.count(0.0, slowness)
    stages = compiler.Stages(lines.append, lambda: next(seconds))
    compiler.compile_program(go, tmp_path, ".", tmp_path / "program", flags=(), stages=stages)
    return [line.split(maxsplit=1)[1] for line in lines]


def test_a_build_tells_of_each_stage(tmp_path: Path) -> None:
    quick = go(tmp_path, fetched=3, compiled=[*TWENTY, "example.com/main"])

    assert told(quick, tmp_path) == [
        "fetching the modules that are not there yet",
        "compiling 20 packages, less what Go has kept of them",
        "linking",
        "done",
    ]


def test_what_takes_long_tells_how_far_it_is(tmp_path: Path) -> None:
    slow = go(tmp_path, fetched=2, compiled=[*TWENTY[:3], "example.com/main"])

    assert told(slow, tmp_path, slowness=20.0) == [
        "fetching the modules that are not there yet",
        "1 fetched",
        "2 fetched",
        "compiling 20 packages, less what Go has kept of them",
        "1 compiled",
        "2 compiled",
        "3 compiled",
        "linking",
        "done",
    ]


def test_why_it_failed_is_told_without_the_progress(tmp_path: Path) -> None:
    broken = go(tmp_path, compiled=[*TWENTY, "main.go:7: undefined: x"], fails=True)

    with pytest.raises(AssetsError, match=r"go build failed in .*:\nmain.go:7: undefined: x$"):
        told(broken, tmp_path)


def test_a_stage_has_the_time_since_the_first() -> None:
    lines: list[str] = []
    times = iter([100.0, 100.4, 175.0])
    stages = compiler.Stages(lines.append, lambda: next(times))

    stages("compiling")
    stages("linking")

    assert lines == ["  0:00  compiling", "  1:15  linking"]


def test_progress_is_told_every_quarter_of_a_minute() -> None:
    lines: list[str] = []
    now = [0.0]
    stages = compiler.Stages(lines.append, lambda: now[0])

    for second in range(60):
        now[0] = float(second)
        stages.so_far(f"{second} compiled")

    assert lines == ["  0:15  15 compiled", "  0:30  30 compiled", "  0:45  45 compiled"]
