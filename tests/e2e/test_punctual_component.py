"""The component punctual: passes that stay, and start what falls due at its second."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.cluster import IN_SYSTEM, Cluster
from tests.e2e.lateness import committed, measured
from tests.install.overlay import KUSTOMIZE, overlay

pytestmark = pytest.mark.e2e


@pytest.fixture
def punctual(cluster: Cluster, tmp_path: Path) -> Iterator[Cluster]:
    """With it instead of the default."""
    folder = overlay(tmp_path, components=["punctual"])
    cluster.kubectl("apply", f"--kustomize={folder}", IN_SYSTEM)
    yield cluster
    cluster.kubectl("apply", f"--kustomize={KUSTOMIZE / 'default'}", IN_SYSTEM)


def test_no_run_starts_before_its_instant(punctual: Cluster, figures: list[str]) -> None:
    dues = committed(punctual, "by-the-second", ahead=20)
    punctual.begin_a_pass()  # which sees them all, and stays for them

    lateness = measured(punctual, dues)

    figures += lateness.told("punctual")
    assert min(lateness.started) > 0
