"""The Go module of a release, written with a ``go`` that knows one made-up release."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.controlplane import module
from tests.support.controlplane.errors import AssetsError
from tests.support.controlplane.toolchain import Go

ITS_OWN = {
    "Go": "1.28.0",
    "GoDebug": [{"Key": "default", "Value": "go1.28"}],
    "Require": [
        {"Path": "go.etcd.io/etcd/server/v3", "Version": "v3.9.1"},
        {"Path": "k8s.io/utils", "Version": "v0.0.0-20290101000000-0123456789ab"},
    ],
    "Replace": [
        {"Old": {"Path": f"k8s.io/{name}"}, "New": {"Path": f"./staging/src/k8s.io/{name}"}}
        for name in ("kubectl", "api")
    ],
}


def fake_go(folder: Path) -> Go:
    """A ``go`` that answers as the real one does, and writes down what it was asked."""
    downloaded = {"Dir": str(folder / "kubernetes"), "GoMod": str(folder / "kubernetes.mod")}
    (folder / "download").write_text(json.dumps(downloaded))
    (folder / "edit").write_text(json.dumps(ITS_OWN))
    (folder / "tidy").touch()
    executable = folder / "go"
    executable.write_text(f'#!/bin/sh\necho "$*" >> {folder}/calls\ncat {folder}/"$2"\n')
    executable.chmod(0o755)
    return Go(executable, {"PATH": "/bin:/usr/bin"})


def test_its_go_etcd_and_staging_modules_follow_from_the_release(tmp_path: Path) -> None:
    (tmp_path / "go.mod").write_text("// Why.\nmodule tests/ours\n\ngo 1.26.0\n")

    download = module.write("v1.40.2", tmp_path, fake_go(tmp_path))

    lines = (tmp_path / "go.mod").read_text().splitlines()
    assert lines[:2] == ["// Why.", "module tests/ours"]
    assert {
        "go 1.28.0",
        "godebug default=go1.28",
        "\tgo.etcd.io/etcd/server/v3 v3.9.1",
        "\tk8s.io/kubernetes v1.40.2",
        "\tk8s.io/kubectl v0.40.2",
        "\tk8s.io/api => k8s.io/api v0.40.2",
        "\tk8s.io/kubectl => k8s.io/kubectl v0.40.2",
    } <= set(lines)
    assert download.openapi.is_relative_to(tmp_path / "kubernetes")
    assert (tmp_path / "calls").read_text().splitlines()[-1] == "mod tidy"


def test_what_go_says_of_a_release_that_it_cannot_get_is_told(tmp_path: Path) -> None:
    go = fake_go(tmp_path)
    go.executable.write_text('#!/bin/sh\necho "unknown revision v1.99.0" >&2\nexit 1\n')

    with pytest.raises(AssetsError, match=r"unknown revision v1\.99\.0\n.*a release"):
        module.write("v1.99.0", tmp_path, go)


def test_the_servers_and_the_schemas_are_of_one_release() -> None:
    schemas = module.PINNED.parents[3] / "schemas"
    (pod,) = schemas.glob("podspec-*.json")
    assert pod.name == f"podspec-{module.pinned()}.json"


@pytest.mark.parametrize("release", ["1.36.3", "v1.36", "latest", "v1.37.0-rc.1"])
def test_what_is_no_release_is_refused(release: str) -> None:
    with pytest.raises(AssetsError, match=f"KUBERNETES={release} is no release"):
        module.chosen({"KUBERNETES": release})
