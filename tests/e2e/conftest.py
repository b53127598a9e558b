"""The cluster, and that these tests run only when asked for: they change what KUBECONFIG names."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.cluster import NAMESPACE, Cluster

_MARK = "e2e"
_FIGURES = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", f"{_MARK}: needs a node; runs only with -m {_MARK}")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if _MARK in config.getoption("markexpr"):
        return
    left_out = [item for item in items if item.get_closest_marker(_MARK)]
    items[:] = [item for item in items if not item.get_closest_marker(_MARK)]
    config.hook.pytest_deselected(items=left_out)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    if figures := config.stash.get(_FIGURES, None):
        terminalreporter.section("what was measured")
        for line in figures:
            terminalreporter.line(line)


@pytest.fixture(scope="session")
def figures(request: pytest.FixtureRequest) -> list[str]:
    """Lines to print at the end of it all."""
    return request.config.stash.setdefault(_FIGURES, [])


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """With cnat, which stays there, and with a namespace for the tests, which doesn't."""
    cluster = Cluster()
    cluster.install()
    yield cluster
    cluster.kubectl("delete", "at", "--all", "--wait=false")
    cluster.make_a_pass()
    cluster.kubectl("delete", "namespace", NAMESPACE)
