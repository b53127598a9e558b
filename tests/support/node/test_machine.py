"""What a machine that can't be a node is told."""

from __future__ import annotations

import pytest

from tests.support.node import machine


def test_what_a_machine_lacks_for_a_node_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")

    assert {"the command unshare", "the command apt-get"} <= set(machine.missing())
