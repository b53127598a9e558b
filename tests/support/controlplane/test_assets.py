"""Where the executables come from, tried with a ``go`` that only writes down how it was called."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.support.controlplane import assets, build, module
from tests.support.controlplane.errors import AssetsError

if TYPE_CHECKING:
    from pathlib import Path

NO_PYPI = {"PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull, "PIP_FIND_LINKS": ""}


def environ_with_go(tmp_path: Path, script: str) -> dict[str, str]:
    """Return an environment in which ``go`` is this shell script, and the cache is empty."""
    go = tmp_path / "bin" / "go"
    go.parent.mkdir()
    go.write_text(f"#!/bin/sh\n{script}\n")
    go.chmod(0o755)
    path = f"{go.parent}:/bin:/usr/bin"
    return {**NO_PYPI, "PATH": path, "XDG_CACHE_HOME": str(tmp_path / "cache")}


def test_a_given_directory_is_used_as_it_is(tmp_path: Path) -> None:
    for name in build.CONTROL_PLANE.commands:
        (tmp_path / name).touch(mode=0o755)

    assert assets.provided({"KUBEBUILDER_ASSETS": str(tmp_path)}) == tmp_path


def test_a_given_directory_that_lacks_something_is_an_error_that_names_it(tmp_path: Path) -> None:
    for name in ("etcd", "kube-apiserver"):
        (tmp_path / name).touch(mode=0o755)

    with pytest.raises(AssetsError, match=r"kube-controller-manager, kubectl\..* or unset"):
        assets.provided({"KUBEBUILDER_ASSETS": str(tmp_path)})


def test_two_builders_at_once_build_once(tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    build_with = 'for arg; do case $arg in -o=*) sleep 0.5; echo x > "${arg#-o=}";; esac; done'
    environ = environ_with_go(tmp_path, f'echo "$1" >> {calls}; echo main; {build_with}')
    said: list[str] = []

    with ThreadPoolExecutor() as threads:
        first, second = threads.map(
            lambda _: assets.provided(environ, announce=said.append), range(2)
        )

    assert first == second == assets.located(environ)
    assert sorted(path.name for path in first.iterdir()) == sorted(
        ("controlplane", *build.CONTROL_PLANE.commands)
    )
    assert (first / "kubectl").read_text() == "x\n"
    assert calls.read_text().split() == ["list", "list", "build"]
    assert len([line for line in said if line.startswith("Building")]) == 1


def test_a_failed_build_shows_why_and_leaves_nothing_half_done(tmp_path: Path) -> None:
    environ = environ_with_go(
        tmp_path, '[ "$1" = list ] && echo main || { echo "no space left" >&2; exit 1; }'
    )

    with pytest.raises(AssetsError, match=r"no space left\n.*KUBEBUILDER_ASSETS"):
        assets.provided(environ)

    assert assets.located(environ) is None
    assert [path.suffix for path in build.destination(environ).parent.iterdir()] == [".lock"]


def test_with_no_go_that_is_new_enough_and_no_pypi_the_error_says_what_to_install(
    tmp_path: Path,
) -> None:
    environ = environ_with_go(tmp_path, "echo 'go.mod requires go >= 1.26' >&2; exit 1")

    with pytest.raises(AssetsError, match=r"no Go 1\.26 on PATH[^$]*your system's packages"):
        assets.provided(environ)


def test_two_answers_to_which_control_plane_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(AssetsError, match="Unset one of them"):
        assets.located({"KUBEBUILDER_ASSETS": str(tmp_path), "KUBERNETES": "v1.34.4"})


def test_another_release_has_its_own_place_in_the_cache(tmp_path: Path) -> None:
    cache = {"XDG_CACHE_HOME": str(tmp_path)}
    other = build.destination({**cache, "KUBERNETES": "v1.34.4"})
    assert other.name.startswith("controlplane-v1.34.4-")
    assert build.destination(cache).name.startswith(f"controlplane-{module.pinned()}-")
