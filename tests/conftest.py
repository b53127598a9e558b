"""The clusters that tests run against."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.support.controlplane import assets
from tests.support.controlplane.errors import AssetsError
from tests.support.controlplane.server import ControlPlane, running
from tests.support.lacking import lacking
from tests.support.sandbox import EmbeddedSandbox, RealSandbox, Sandbox, UnindexedSandbox

CRD = Path(__file__).parents[1] / "kustomize/crd" / "ats.cnat.programming-kubernetes.info.yaml"

# Hypothesis' deadline is an assertion on a wall-clock duration.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def control_plane(request: pytest.FixtureRequest) -> Iterator[ControlPlane]:
    """The real control plane, with the CRD installed. In CI its absence is a failure."""
    try:
        directory = assets.provided()
    except AssetsError as error:
        lacking(f"no real control plane: {error}")
    failed_before = request.session.testsfailed
    with running(
        directory, manifests=[CRD], keep_logs=lambda: request.session.testsfailed > failed_before
    ) as control_plane:
        yield control_plane


@pytest.fixture(autouse=True)
def _log_as_before() -> Iterator[None]:
    """The command sets up the log of its process, which in tests is that of all."""
    log = logging.getLogger("cnat")
    before = log.handlers, log.propagate, log.level
    yield
    log.handlers, log.propagate, log.level = before


@pytest.fixture
def real_sandbox(control_plane: ControlPlane) -> Iterator[RealSandbox]:
    """A namespace of its own on the real control plane."""
    with RealSandbox.opened(control_plane) as sandbox:
        yield sandbox


@pytest.fixture
def embedded_sandbox() -> Iterator[EmbeddedSandbox]:
    """An embedded store of its own."""
    with tempfile.TemporaryDirectory(prefix="cnat-") as directory:
        yield EmbeddedSandbox(Path(directory))


@pytest.fixture
def unindexed_sandbox() -> Iterator[EmbeddedSandbox]:
    """An embedded store of its own that answers no tables."""
    with tempfile.TemporaryDirectory(prefix="cnat-") as directory:
        yield UnindexedSandbox(Path(directory))


@pytest.fixture(params=["embedded", "unindexed", "real"])
def sandbox(request: pytest.FixtureRequest) -> Sandbox:
    """Each cluster in turn: the same scenarios must hold on both."""
    chosen: Sandbox = request.getfixturevalue(f"{request.param}_sandbox")
    return chosen
