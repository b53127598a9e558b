"""What only Argo CD has."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.contract.test_contract import FAILED
from tests.gitops.argocd import HEALTH, ArgoCD
from tests.gitops.test_flux import DOCUMENT
from tests.gitops.test_git import committed, end_run, names
from tests.gitops.test_health import FUTURE, NO_DAY, TYPO, config_map, exists
from tests.gitops.tool import Manifest, Verdict
from tests.install.eventually import eventually
from tests.support.sandbox import RealSandbox, at

ANOTHER_IMAGE = [{"name": "shell", "image": "centos:8"}]


def annotated(manifest: Manifest, **annotations: str) -> Manifest:
    keys = {
        f"argocd.argoproj.io/{key.replace('_', '-')}": text for key, text in annotations.items()
    }
    return {**manifest, "metadata": {**manifest["metadata"], "annotations": keys}}


def test_a_later_wave_waits_until_an_at_was_accepted(
    argocd: ArgoCD, real_sandbox: RealSandbox
) -> None:
    team = argocd.team(real_sandbox)
    team.commit(at(schedule=FUTURE), config_map("behind", wave=1))
    assert team.first_verdict() == Verdict.WAITS
    assert not exists(real_sandbox, "behind")
    real_sandbox.reconcile()
    assert team.verdict() == Verdict.GREEN
    assert exists(real_sandbox, "behind")


def test_a_later_wave_does_not_come_behind_an_at_that_cannot_start(
    argocd: ArgoCD, real_sandbox: RealSandbox
) -> None:
    team = argocd.team(real_sandbox)
    team.commit(at(schedule=FUTURE, serviceAccountName="nobody"), config_map("behind", wave=1))
    team.first_verdict()
    real_sandbox.reconcile()
    assert team.verdict() == Verdict.RED
    assert not exists(real_sandbox, "behind")


def test_a_field_that_ats_do_not_have_is_dropped_and_differs_from_git_for_good(
    argocd: ArgoCD, real_sandbox: RealSandbox
) -> None:
    team = argocd.team(real_sandbox)
    team.commit(TYPO)
    eventually(lambda: names(real_sandbox) == ["cnrex"], within=60)
    assert "suspendd" not in real_sandbox.at("cnrex")["spec"]
    team.refresh()
    assert team.state()["sync"]["status"] == "OutOfSync"


def test_a_field_that_ats_do_not_have_is_refused_with_server_side_apply(
    argocd: ArgoCD, real_sandbox: RealSandbox
) -> None:
    team = argocd.team(real_sandbox)
    team.commit(annotated(TYPO, sync_options="ServerSideApply=true"))
    assert team.verdict() == Verdict.RED
    assert "suspendd" in str(team.state())


@pytest.mark.parametrize("options", ["ServerSideApply=true", "Replace=true", "Force=true"])
def test_an_edit_keeps_an_ats_identity_and_runs_nothing_twice(
    argocd: ArgoCD, real_sandbox: RealSandbox, options: str
) -> None:
    team = argocd.team(real_sandbox)
    committed(team, annotated(at(), sync_options=options))
    end_run(real_sandbox)
    uid = real_sandbox.at("cnrex")["metadata"]["uid"]
    committed(team, annotated(at(containers=ANOTHER_IMAGE), sync_options=options))
    assert real_sandbox.at("cnrex")["metadata"]["uid"] == uid
    assert len(real_sandbox.pods()) == 1
    assert real_sandbox.at("cnrex")["status"]["phase"] == "Succeeded"


def test_force_with_replace_makes_another_at_that_runs_again(
    argocd: ArgoCD, real_sandbox: RealSandbox
) -> None:
    team = argocd.team(real_sandbox)
    options = "Force=true,Replace=true"
    committed(team, annotated(at(), sync_options=options))
    end_run(real_sandbox)
    uid = real_sandbox.at("cnrex")["metadata"]["uid"]
    committed(team, annotated(at(containers=ANOTHER_IMAGE), sync_options=options))
    assert real_sandbox.at("cnrex")["metadata"]["uid"] != uid
    assert real_sandbox.at("cnrex")["status"]["phase"] == "Running"


def test_force_makes_another_at_of_an_edit_that_the_api_server_refuses(
    argocd: ArgoCD, real_sandbox: RealSandbox
) -> None:
    team = argocd.team(real_sandbox)
    options = "Force=true"
    committed(team, annotated(at(schedule=FUTURE), sync_options=options))
    uid = real_sandbox.at("cnrex")["metadata"]["uid"]
    team.commit(annotated(at(schedule=NO_DAY), sync_options=options))
    assert team.verdict() == Verdict.RED
    assert real_sandbox.at("cnrex")["metadata"]["uid"] != uid


@pytest.fixture
def label_tracking(argocd: ArgoCD) -> Iterator[ArgoCD]:
    """Argo CD that marks what it manages by a label, as it once did by default."""
    argocd.configure(**{"application.resourceTrackingMethod": "label"})
    yield argocd
    argocd.configure(**{"application.resourceTrackingMethod": "annotation"})


def test_the_pod_is_not_taken_for_the_applications_own_by_its_label(
    label_tracking: ArgoCD, real_sandbox: RealSandbox
) -> None:
    team = label_tracking.team(real_sandbox)
    committed(team, at())
    end_run(real_sandbox)
    team.refresh()
    assert team.verdict() == Verdict.GREEN
    assert len(real_sandbox.pods()) == 1


def uids(sandbox: RealSandbox) -> set[str]:
    return {each["metadata"]["uid"] for each in sandbox.request("GET", sandbox.ats)["items"]}


def test_an_at_as_a_hook_runs_with_each_sync(argocd: ArgoCD, real_sandbox: RealSandbox) -> None:
    team = argocd.team(real_sandbox)
    hook = annotated(at(), hook="PostSync")
    team.commit(hook, config_map("one"))
    # It says that it waits for a hook already before it makes it.
    first = eventually(lambda: uids(real_sandbox), within=60)
    real_sandbox.reconcile()
    assert team.verdict() == Verdict.GREEN, team.message
    end_run(real_sandbox)
    team.commit(hook, config_map("two"))
    eventually(lambda: uids(real_sandbox) - first, within=60)
    real_sandbox.reconcile()
    assert team.verdict() == Verdict.GREEN, team.message
    assert real_sandbox.at("cnrex")["status"]["phase"] == "Running"


(FAILING,) = [line for line in DOCUMENT.splitlines() if line.startswith("if status.phase ==")]


@pytest.fixture
def failing(argocd: ArgoCD) -> Iterator[ArgoCD]:
    """Argo CD with the documented line in front of the health script's last one."""
    *lines, last = HEALTH.splitlines()
    argocd.set_health("\n".join([*lines, FAILING, last]))
    yield argocd
    argocd.set_health(HEALTH)


def test_a_failed_run_fails_a_sync_by_the_documented_line_of_lua(
    failing: ArgoCD, real_sandbox: RealSandbox
) -> None:
    team = failing.team(real_sandbox)
    committed(team, at())
    real_sandbox.set_pod_status(real_sandbox.at("cnrex")["status"]["podName"], FAILED)
    real_sandbox.reconcile()
    team.commit(at(), config_map("behind", wave=1))
    assert team.verdict() == Verdict.RED
    assert not exists(real_sandbox, "behind")
