"""What the tests of exactly once share, and which of them run only when asked for."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cnat.cluster import boot_clock
from tests.exactly_once import runner
from tests.exactly_once.counted import CountedSandbox
from tests.exactly_once.interceptor import Creations
from tests.exactly_once.passes import Cluster
from tests.exactly_once.pod_watch import PodWatch
from tests.exactly_once.proxy import FaultProxy
from tests.exactly_once.timed import Clock, TimedSandbox
from tests.support.controlplane.server import ControlPlane
from tests.support.sandbox import EmbeddedSandbox, RealSandbox, Sandbox

_MARK = "exhaustive"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", f"{_MARK}: takes minutes; runs only with -m {_MARK}")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if _MARK in config.getoption("markexpr"):
        for item in items:  # They take as long as there are cases.
            item.add_marker(pytest.mark.timeout(0))
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
) -> Cluster:
    """The real control plane behind the fault proxy, and a watch of all Pods."""
    directory: Path = tmp_path_factory.mktemp("kubeconfigs")
    return Cluster(processes, FaultProxy(control_plane, directory), PodWatch(control_plane))


@pytest.fixture
def counted(sandbox: Sandbox) -> CountedSandbox:
    """Each sandbox in turn, with its passes counted."""
    return CountedSandbox(sandbox)


@pytest.fixture
def real(real_sandbox: RealSandbox) -> CountedSandbox:
    """A namespace of the real control plane, with the passes in it counted."""
    return CountedSandbox(real_sandbox)


@pytest.fixture
def timed(embedded_sandbox: EmbeddedSandbox, monkeypatch: pytest.MonkeyPatch) -> TimedSandbox:
    """An embedded store where it is 2023-05-21T02:00:00Z until somebody says otherwise."""
    clock = Clock(datetime(2023, 5, 21, 2, tzinfo=UTC))
    monotonic = time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: monotonic() + clock.passed)
    monkeypatch.setattr(boot_clock, "now", time.monotonic)
    return TimedSandbox(embedded_sandbox, clock, Creations())
