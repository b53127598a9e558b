"""The lock is what pyproject.toml asks for: `requirements.lock`, which the image is made of, and
`requirements-dev.lock`, which `make` installs. `make lock` writes both."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
RUNTIME, DEVELOPMENT = "requirements.lock", "requirements-dev.lock"


@dataclass(frozen=True)
class Locked:
    """A line of a lock: the version, where it applies, and whether pyproject.toml asks for it."""

    version: str
    marker: Marker | None
    hashes: tuple[str, ...]
    direct: bool


def locked(name: str) -> dict[str, Locked]:
    text = (ROOT / name).read_text().replace("\\\n", "")
    found = {}
    for line, via in re.findall(r"^([^#\s].*)\n((?:    #.*\n?)*)", text, re.MULTILINE):
        requirement = Requirement(line.partition("--hash")[0])
        (pin,) = requirement.specifier
        assert pin.operator == "=="
        hashes = tuple(re.findall(r"--hash=(\S+)", line))
        direct = "cnat (pyproject.toml" in via
        found[requirement.name] = Locked(pin.version, requirement.marker, hashes, direct)
    return found


def group(name: str) -> list[str]:
    """The requirements of a dependency group (PEP 735)."""
    entries: list[str | dict[str, str]] = PROJECT["dependency-groups"][name]
    return [
        text
        for entry in entries
        for text in ([entry] if isinstance(entry, str) else group(entry["include-group"]))
    ]


ASKED = {
    RUNTIME: PROJECT["project"]["dependencies"],
    DEVELOPMENT: PROJECT["project"]["dependencies"] + group("dev"),
}


@pytest.mark.parametrize("name", ASKED)
def test_it_has_what_pyproject_asks_for_and_nothing_that_is_asked_for_no_more(name: str) -> None:
    asked = {str(canonicalize_name(each.name)): each for each in map(Requirement, ASKED[name])}
    found = {package: each for package, each in locked(name).items() if each.direct}
    assert found.keys() == asked.keys()
    for package, each in found.items():
        assert each.version in asked[package].specifier, f"{asked[package]}: make lock"


@pytest.mark.parametrize("name", ASKED)
def test_each_package_has_hashes_and_no_index_is_named(name: str) -> None:
    for package, each in locked(name).items():
        assert each.hashes, package
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", text) for text in each.hashes)
    assert "://" not in (ROOT / name).read_text()


def test_the_tests_run_with_what_the_image_has() -> None:
    development = locked(DEVELOPMENT)
    assert {name: development.get(name) for name in locked(RUNTIME)} == locked(RUNTIME)


def test_it_has_what_builds_this_package_and_pip() -> None:
    asked = {Requirement(text).name for text in PROJECT["build-system"]["requires"]}
    assert asked | {"pip"} <= locked(DEVELOPMENT).keys()
