"""What is told while Go compiles, which here is a script that says what Go would."""

from __future__ import annotations

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


def told(go: Go, tmp_path: Path) -> list[str]:
    lines: list[str] = []
    compiler.compile_program(go, tmp_path, ".", tmp_path / "program", flags=(), stages=lines.append)
    return lines


def test_a_build_tells_of_each_stage_and_each_tenth(tmp_path: Path) -> None:
    lines = told(go(tmp_path, fetched=120, compiled=[*TWENTY, "example.com/main"]), tmp_path)

    assert lines == [
        "fetching the modules that are not there yet",
        "50 modules fetched",
        "100 modules fetched",
        "compiling 20 packages, less what Go has kept of them",
        *[f"{number} compiled" for number in range(2, 20, 2)],
        "linking",
        "done",
    ]


def test_what_go_has_kept_is_not_told(tmp_path: Path) -> None:
    lines = told(go(tmp_path, compiled=[*TWENTY[:3], "example.com/main"]), tmp_path)

    assert lines[2:] == ["2 compiled", "linking", "done"]


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
