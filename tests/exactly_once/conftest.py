"""What the tests of exactly once share, and which of them run only when asked for."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cnat import ticks
from tests.controlplane.server import ControlPlane
from tests.exactly_once import runner
from tests.exactly_once.interposed import Creations
from tests.exactly_once.observed import Observed
from tests.exactly_once.passes import Cluster
from tests.exactly_once.place import Clock, Place
from tests.exactly_once.proxy import FaultProxy
from tests.exactly_once.witness import Witness
from tests.worlds import EmbeddedWorld, RealWorld, World

_MARK = "exhaustive"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", f"{_MARK}: takes minutes; runs only with -m {_MARK}")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if _MARK in config.getoption("markexpr"):
        return
    left_out = [item for item in items if item.get_closest_marker(_MARK)]
    items[:] = [item for item in items if not item.get_closest_marker(_MARK)]
    config.hook.pytest_deselected(items=left_out)


@pytest.fixture(scope="session")
def processes() -> Iterator[runner.Runner]:
    """Runs of the command, as processes."""
    with runner.running() as started:
        yield started


@pytest.fixture(scope="session")
def cluster(
    control_plane: ControlPlane,
    processes: runner.Runner,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Cluster]:
    """The real control plane behind the fault proxy, and a witness of all Pods."""
    directory: Path = tmp_path_factory.mktemp("kubeconfigs")
    witness = Witness(control_plane)
    try:
        yield Cluster(processes, FaultProxy(control_plane, directory), witness)
    finally:
        witness.close()


@pytest.fixture
def observed(world: World) -> Observed:
    """Each world in turn, with its passes counted."""
    return Observed(world)


@pytest.fixture
def real(real_world: RealWorld) -> Observed:
    """A namespace of the real control plane, with the passes in it counted."""
    return Observed(real_world)


@pytest.fixture
def place(embedded_world: EmbeddedWorld, monkeypatch: pytest.MonkeyPatch) -> Place:
    """An embedded store where it is 2023-05-21T02:00:00Z until somebody says otherwise."""
    clock = Clock(datetime(2023, 5, 21, 2, tzinfo=UTC))
    monotonic = time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: monotonic() + clock.passed)
    monkeypatch.setattr(ticks, "now", time.monotonic)
    return Place(embedded_world, clock, Creations())
