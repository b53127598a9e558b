"""The version has one place, `cnat.__version__`; whatever else names it names the same."""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path

import pytest
import yaml

import cnat

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
# An image, a Git reference of pip or pre-commit, one of kustomize, a release, a signed workflow.
NAMED = re.compile(
    r"(?:cnat(?:\.git)?[:@]|cnat==|[?&]ref=|rev: |releases/(?:download|tag)/|refs/tags/)"
    r"v?(\d+\.\d+\.\d+)"
)


def test_the_package_has_it() -> None:
    assert metadata.version("cnat") == cnat.__version__


def test_the_latest_release_of_the_changelog_is_it() -> None:
    text = (ROOT / "CHANGELOG.md").read_text()
    headings = re.findall(r"^## (\S+) - \d{4}-\d\d-\d\d$", text, re.MULTILINE)
    assert headings[0] == cnat.__version__


def test_the_cronjob_runs_its_image() -> None:
    cronjob = yaml.safe_load((ROOT / "kustomize/cronjob/cronjob.yaml").read_text())
    (container,) = cronjob["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    assert container["image"] == f"ghcr.io/programming-kubernetes/cnat:{cnat.__version__}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_page_names_another(page: Path) -> None:
    assert set(NAMED.findall(page.read_text())) <= {cnat.__version__}


def test_some_pages_name_it() -> None:
    assert [page.name for page in PAGES if NAMED.search(page.read_text())]
