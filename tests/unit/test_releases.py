"""Which releases of Kubernetes are promised is told as it is tried."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.releases import RELEASES

ROOT = Path(__file__).parents[2]
MINORS = [release.removeprefix("v").rpartition(".")[0] for release in RELEASES]


@pytest.mark.parametrize(
    ("name", "to"),
    [
        ("README.md", "to"),
        ("README.zh-CN.md", "至"),
        ("docs/kubernetes.md", "to"),
        ("CHANGELOG.md", "to"),
    ],
)
def test_the_first_and_the_last_release_are_told(name: str, to: str) -> None:
    text = " ".join((ROOT / name).read_text(encoding="utf-8").split())
    assert f"Kubernetes {MINORS[0]} {to} {MINORS[-1]}" in text


def test_each_release_that_is_tried_is_named() -> None:
    text = (ROOT / "docs" / "kubernetes.md").read_text()
    assert [minor for minor in MINORS if minor not in text] == []
