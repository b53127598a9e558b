"""A cluster that both tools look after, and how long each took for its verdicts."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.gitops import argocd as argocds
from tests.gitops import build
from tests.gitops.argocd import ArgoCD
from tests.gitops.flux import Flux
from tests.gitops.tool import Team
from tests.support.controlplane.server import ControlPlane
from tests.support.sandbox import RealSandbox

_MARK = "gitops"
_HERE = Path(__file__).parent

# Situation, tool, what it said, seconds from commit to verdict.
_TABLE: list[tuple[str, str, str, float]] = []

Tool = Flux | ArgoCD


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", f"{_MARK}: on the tools themselves; only with -m {_MARK}")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    ours = [item for item in items if _HERE in item.path.parents]
    for item in ours:
        item.add_marker(_MARK)
    if _MARK not in config.getoption("markexpr"):
        items[:] = [item for item in items if item not in ours]
        config.hook.pytest_deselected(items=ours)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _TABLE:
        terminalreporter.section("from commit to verdict")
    for situation, tool, said, seconds in _TABLE:
        terminalreporter.line(f"{tool:7} {seconds:5.1f} s  {said:6} {situation}")


@pytest.fixture
def told(request: pytest.FixtureRequest) -> Callable[[Team, str], None]:
    """Note in the table at the end what the tool has just said."""

    def note(team: Team, said: str) -> None:
        _TABLE.append((request.node.name, team.tool, said, team.seconds))

    return note


def argocd_is_possible() -> None:
    """Skip, or in CI fail, where the system lacks what Argo CD needs."""
    if lacking := argocds.missing():
        text = f"Argo CD needs {', '.join(lacking)}: install them from your system's packages"
        pytest.fail(text) if os.environ.get("CI") else pytest.skip(text)


@pytest.fixture(scope="session")
def flux(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flux]:
    built = build.built(build.FLUX)
    with Flux.running(control_plane, built, tmp_path_factory.mktemp("flux")) as running:
        yield running


@pytest.fixture(scope="session")
def argocd(
    control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ArgoCD]:
    argocd_is_possible()
    built = build.built(build.ARGOCD)
    with ArgoCD.running(control_plane, built, tmp_path_factory.mktemp("argocd")) as running:
        yield running


@pytest.fixture(params=["flux", "argocd"])
def tool(request: pytest.FixtureRequest) -> Tool:
    """Each tool in turn."""
    chosen: Tool = request.getfixturevalue(request.param)
    return chosen


@pytest.fixture
def team(tool: Tool, real_sandbox: RealSandbox) -> Team:
    """A team of it, whose repository is empty so far."""
    return tool.team(real_sandbox)
