"""A cluster that both tools look after, and how long each took for its verdicts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

import pytest

from tests.gitops import argocd as argocds
from tests.gitops import build
from tests.gitops.argocd import ArgoCD
from tests.gitops.flux import Flux
from tests.gitops.tool import Team, Told
from tests.support.controlplane.server import ControlPlane
from tests.support.lacking import lacking
from tests.support.sandbox import RealSandbox

_MARK = "gitops"
_HERE = Path(__file__).parent

# By the name of the test: the verdicts in it.
_TABLE: list[tuple[str, list[Told]]] = []

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
    if not _TABLE:
        return
    terminalreporter.section("tool, situation: after each commit (;) the seconds to each verdict")
    for test, told in sorted(_TABLE, key=lambda row: row[1][0].tool):
        situation = re.sub(r"\[(flux|argocd)\]|(flux|argocd)-", "", test.removeprefix("test_"))
        terminalreporter.line(f"{told[0].tool:7} {situation.replace('_', ' ')}: {_in_words(told)}")


def _in_words(told: Iterable[Told]) -> str:
    by_commit = groupby(told, key=lambda each: each.committed)
    return "; ".join(
        ", ".join(f"{each.verdict} {each.seconds:.1f}" for each in verdicts)
        for _, verdicts in by_commit
    )


@pytest.fixture(autouse=True)
def _told(request: pytest.FixtureRequest) -> Iterator[None]:
    """Note for the table at the end what the tools say in this test."""
    before = len(Team.told)
    yield
    if told := Team.told[before:]:
        _TABLE.append((request.node.name, told))


def argocd_is_possible() -> None:
    if missing := argocds.missing():
        lacking(f"Argo CD needs {', '.join(missing)}: install them from your system's packages")


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
