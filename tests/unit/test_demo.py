"""What `make demo` shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import demo


@pytest.fixture
def shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> str:
    """All that the demo prints, itself and the commands that it runs."""
    monkeypatch.setattr(demo, "STORE", tmp_path / "store")
    demo.main()
    return capfd.readouterr().out


def test_the_demo_shows_each_step_of_the_first_sample_in_its_order(shown: str) -> None:
    story = [
        'schedule: "2023-05-21T02:00:00Z"',
        "1 start (dry run: nothing was changed)",
        "1 start",
        "cnat.programming-kubernetes.info/outcome",
        "$ cd / && bin/bash -c ",
        "\nHello, Shanghai!\n",
        "1 record",
        "phase: Succeeded",
        "exitCode: 0",
        "nothing to do",
    ]
    rest = shown
    for step in story:
        _, found, rest = rest.partition(step)
        assert found, f"{step!r} is not where it should be in:\n{shown}"
