"""What only Flux has."""

from __future__ import annotations

import re
from typing import Any

import yaml

from tests.contract.test_contract import FAILED
from tests.gitops.flux import Flux
from tests.gitops.test_git import committed, names
from tests.gitops.test_health import FUTURE, NO_DAY, TYPO, config_map, exists
from tests.gitops.tool import Manifest, Verdict
from tests.install.image import REPOSITORY
from tests.support.sandbox import RealSandbox, at

DOCUMENT = (REPOSITORY / "docs/gitops.md").read_text(encoding="utf-8")


def documented(word: str) -> str:
    """The block of YAML in docs/gitops.md that has this word in it."""
    blocks = re.findall(r"^```yaml\n(.*?)^```$", DOCUMENT, flags=re.MULTILINE | re.DOTALL)
    (block,) = (each for each in blocks if word in each)
    return str(block)


def kustomization(word: str) -> dict[str, Any]:
    """The part of a Kustomization's spec that docs/gitops.md shows."""
    spec: dict[str, Any] = yaml.safe_load(documented(word))["spec"]
    return spec


def test_a_field_that_ats_do_not_have_is_refused(flux: Flux, real_sandbox: RealSandbox) -> None:
    team = flux.team(real_sandbox)
    team.commit(TYPO)
    assert team.verdict() == Verdict.RED
    assert "suspendd" in team.message


def test_what_depends_on_an_at_waits_until_it_was_accepted(
    flux: Flux, real_sandbox: RealSandbox
) -> None:
    first = flux.team(real_sandbox, "first")
    second = flux.team(real_sandbox, "second", dependsOn=[{"name": "first"}])
    first.commit(at(schedule=FUTURE))
    first.first_verdict()
    second.commit(config_map("after"))
    assert second.first_verdict() == Verdict.WAITS
    real_sandbox.reconcile()
    assert first.verdict() == second.verdict() == Verdict.GREEN
    assert exists(real_sandbox, "after")


def test_force_keeps_an_ats_identity(flux: Flux, real_sandbox: RealSandbox) -> None:
    team = flux.team(real_sandbox, force=True)
    committed(team, at(schedule=FUTURE))
    uid = real_sandbox.at("cnrex")["metadata"]["uid"]
    committed(team, at(schedule=FUTURE, containers=[{"name": "other", "image": "other"}]))
    assert real_sandbox.at("cnrex")["metadata"]["uid"] == uid


def test_force_deletes_an_at_whose_edit_the_api_server_refuses(
    flux: Flux, real_sandbox: RealSandbox
) -> None:
    team = flux.team(real_sandbox, force=True)
    committed(team, at(schedule=FUTURE))
    team.commit(at(schedule=NO_DAY))
    assert team.verdict() == Verdict.RED
    assert names(real_sandbox) == []


def test_an_at_whose_pruning_is_disabled_stays(flux: Flux, real_sandbox: RealSandbox) -> None:
    team = flux.team(real_sandbox)
    kept = at(schedule=FUTURE)
    kept["metadata"]["annotations"] = {"kustomize.toolkit.fluxcd.io/prune": "disabled"}
    committed(team, kept)
    committed(team, config_map("nothing"))
    assert names(real_sandbox) == ["cnrex"]


def command(sandbox: RealSandbox, name: str) -> str:
    return str(sandbox.at(name)["spec"]["command"])


def test_post_build_substitutes_in_commands_what_is_not_escaped(
    flux: Flux, real_sandbox: RealSandbox
) -> None:
    team = flux.team(real_sandbox, postBuild={"substitute": {"place": "Shanghai"}})
    whole = at("whole", schedule=FUTURE, command="echo ${place} ${HOME}")
    whole["metadata"]["annotations"] = {"kustomize.toolkit.fluxcd.io/substitute": "disabled"}
    committed(
        team,
        at("plain", schedule=FUTURE, command="echo ${place} $HOME"),
        at("escaped", schedule=FUTURE, command="echo ${place} $${HOME}"),
        whole,
    )
    assert command(real_sandbox, "plain") == "echo Shanghai $HOME"
    assert command(real_sandbox, "escaped") == "echo Shanghai ${HOME}"
    assert command(real_sandbox, "whole") == "echo ${place} ${HOME}"


def test_post_build_refuses_a_name_that_it_does_not_know(
    flux: Flux, real_sandbox: RealSandbox
) -> None:
    team = flux.team(real_sandbox, postBuild={"substitute": {"place": "Shanghai"}})
    team.commit(at(schedule=FUTURE, command="echo ${HOME}"))
    assert team.verdict() == Verdict.RED
    assert 'variable not set (strict mode): "HOME"' in team.message


def failed_run(flux: Flux, sandbox: RealSandbox, **spec: Any) -> tuple[Verdict, Manifest]:
    """What Flux says of a commit after the run of an At failed, and the state of its object."""
    team = flux.team(sandbox, **spec)
    team.commit(at())
    team.first_verdict()
    sandbox.reconcile()
    sandbox.set_pod_status(sandbox.at("cnrex")["status"]["podName"], FAILED)
    sandbox.reconcile()
    team.commit(at(), config_map("later"))
    return team.verdict(), team.state()


def test_a_failed_run_fails_a_sync_only_by_the_documented_expression(
    flux: Flux, real_sandbox: RealSandbox
) -> None:
    verdict, state = failed_run(flux, real_sandbox, **kustomization("'Failed'"))
    assert verdict == Verdict.RED
    assert "cnrex" in str(state)


def test_a_sync_waits_for_the_end_of_a_run_by_the_documented_expression(
    flux: Flux, real_sandbox: RealSandbox
) -> None:
    team = flux.team(real_sandbox, **kustomization("'Finished'"))
    team.commit(at())
    team.first_verdict()
    real_sandbox.reconcile()
    name = real_sandbox.at("cnrex")["status"]["podName"]
    assert team.look()[0] == Verdict.WAITS
    real_sandbox.set_pod_status(name, FAILED)
    real_sandbox.reconcile()
    assert team.verdict() == Verdict.GREEN
