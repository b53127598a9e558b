"""Ats as GitOps tools see them: health, and no drift."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from lupa import lua51  # type: ignore[import-untyped]  # Argo CD's is a Lua 5.1

from tests.contract.test_contract import SUCCEEDED, in_an_hour
from tests.install.overlay import KUSTOMIZE
from tests.support.controlplane.server import ControlPlane
from tests.support.sandbox import RealSandbox, at

Manifest = dict[str, Any]

# What Argo CD shows in each situation, but of an At that is being deleted: there it decides alone.
VERDICTS = {
    "new": ("Progressing", "not seen yet: cnat looks once a minute"),
    "armed": ("Healthy", "Pending: starts at 2999-01-01T00:00:00Z"),
    "suspended": ("Healthy", "Suspended: starts nothing while spec.suspend is true"),
    "refused": ("Degraded", "cannot start as written: pods "),
    "no such time": ("Degraded", "cannot start as written: "),
    "name taken": ("Degraded", "cannot start as written: a Pod name-taken-"),
    "running": ("Healthy", "Running: Pod running-"),
    "not starting": ("Healthy", "Running: container 'shell' cannot start: ImagePull"),
    "succeeded": ("Healthy", "Succeeded: Pod succeeded-"),
    "failed": ("Healthy", "Failed: container 'shell' exited with 3"),
    "retrying": ("Healthy", "Running: "),
    "missed": ("Healthy", "Missed: not started within 0 s of "),
    "lost": ("Healthy", "Failed: Pod lost-"),
    "edited": ("Progressing", "not seen yet: cnat looks once a minute"),
}

HEALTH = (KUSTOMIZE / "components/argocd-health/health.lua").read_text()


def argocd(manifest: Manifest, script: str = HEALTH) -> tuple[str, str]:
    """Health as Argo CD finds it: status and message."""
    lua = lua51.LuaRuntime()
    lua.globals().obj = lua.table_from(manifest, recursive=True)
    health = lua.execute(script)
    return health.status, health.message


@pytest.mark.parametrize("situation", VERDICTS)
def test_argo_cd_shows_how_an_at_is(ats: dict[str, Manifest], situation: str) -> None:
    verdict, words = VERDICTS[situation]
    status, message = argocd(ats[situation])
    assert (status, message[: len(words)]) == (verdict, words)


def test_a_documented_line_of_lua_has_failed_runs_degraded(ats: dict[str, Manifest]) -> None:
    document = (KUSTOMIZE.parent / "docs/gitops.md").read_text(encoding="utf-8")
    (failing,) = re.findall(r"^```lua\n(.*)\n```$", document, flags=re.MULTILINE)
    *lines, last = HEALTH.splitlines()
    script = "\n".join([*lines, failing, last])
    changed = {situation for situation, each in ats.items() if argocd(each, script) != argocd(each)}
    assert changed == {"failed", "missed", "lost"}
    assert {argocd(ats[situation], script)[0] for situation in changed} == {"Degraded"}


def test_there_is_a_verdict_for_every_situation(ats: dict[str, Manifest]) -> None:
    assert set(ats) == {*VERDICTS, "deleted"}


@pytest.mark.parametrize("apply", [["apply"], ["apply", "--server-side"]], ids=" ".join)
def test_an_at_does_not_drift_from_git_in_its_whole_life(
    control_plane: ControlPlane, apply: list[str]
) -> None:
    with RealSandbox.opened(control_plane) as sandbox:
        manifest = json.dumps(at(ttlSecondsAfterFinished=0, command="date"))
        where = ["--filename=-", f"--namespace={sandbox.namespace}"]
        control_plane.kubectl(*apply, *where, input=manifest)
        before = sandbox.at("cnrex")

        sandbox.reconcile()
        sandbox.set_pod_status(sandbox.at("cnrex")["status"]["podName"], SUCCEEDED)
        sandbox.reconcile(in_an_hour())

        after = sandbox.at("cnrex")
        assert after["status"]["phase"] == "Succeeded"
        assert sandbox.pods() == []
        assert claims(after) == claims(before)
        control_plane.kubectl("diff", *apply[1:], *where, input=manifest)


def claims(manifest: Manifest) -> Manifest:
    """All of an object that Git, and whoever applied it, may lay claim to, and who they are."""
    metadata = dict(manifest["metadata"])
    del metadata["resourceVersion"]
    managers = metadata["managedFields"]
    metadata["managedFields"] = [each for each in managers if each.get("subresource") != "status"]
    return {"metadata": metadata, "spec": manifest["spec"]}
