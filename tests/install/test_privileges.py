"""Nobody may do more than they need: neither the reconciler nor the people."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest

from cnat.cluster.protocol import Rejected
from cnat.core.schedule import rfc3339
from cnat.engine.results import Results
from tests.contract import test_contract as contract
from tests.install.eventually import eventually
from tests.install.image import REPOSITORY
from tests.install.overlay import KUSTOMIZE, built
from tests.support.controlplane.server import ControlPlane
from tests.support.sandbox import Manifest, RealSandbox, Sandbox, at

GROUP = "cnat.programming-kubernetes.info"


class Right(NamedTuple):
    """One verb of a role."""

    group: str
    resource: str
    verb: str

    def __str__(self) -> str:
        return f"{self.verb} {self.resource}"


class Watched(RealSandbox):
    """Keeps what passes complain of."""

    complaints: tuple[str, ...] = ()

    def reconcile(self, now: datetime | None = None) -> Results:
        try:
            results = super().reconcile(now)
        except Rejected as error:
            self.complaints += (str(error),)
            raise
        self.complaints += tuple(failure.message for failure in results.failures)
        return results


def an_at_listed_before_its_instant_is_read_again_when_it_comes(sandbox: Sandbox) -> None:
    """What `--linger` does, and any pass that takes long."""
    assert isinstance(sandbox, Watched)
    sandbox.apply(at(schedule=rfc3339(datetime.now(UTC) + timedelta(seconds=8))))
    where = [f"--kubeconfig={sandbox.kubeconfig}", f"--namespace={sandbox.namespace}"]
    command = [sys.executable, str(REPOSITORY / "reconcile.py"), *where, "--linger=12"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    sandbox.complaints += (result.stderr,)
    assert sandbox.at("cnrex")["status"]["phase"] == "Running"


# For each right a scenario that fails without it.
NEEDED: dict[Right, Callable[[Sandbox], None]] = {
    Right(GROUP, "ats", "list"): contract.test_a_started_at_is_running,
    Right(GROUP, "ats", "get"): an_at_listed_before_its_instant_is_read_again_when_it_comes,
    Right(GROUP, "ats/status", "patch"): contract.test_a_started_at_is_running,
    Right("", "pods", "list"): contract.test_a_started_at_is_running,
    Right("", "pods", "create"): contract.test_a_due_at_gets_a_pod_with_exactly_its_containers,
    Right("", "pods", "get"): (
        contract.test_a_pod_stripped_of_its_finalizer_and_gone_is_lost_and_never_run_again
    ),
    Right("", "pods", "patch"): contract.test_success_is_recorded_and_the_pod_released,
    Right("", "pods", "delete"): contract.test_the_pod_is_deleted_when_its_time_to_live_has_passed,
    Right("events.k8s.io", "events", "create"): contract.test_events_tell_the_story_once,
}


@pytest.fixture(scope="module")
def role(installed: ControlPlane) -> set[Right]:
    """What kustomize/rbac gives the reconciler."""
    (rules,) = (
        each["rules"]
        for each in built(installed, KUSTOMIZE / "rbac")
        if each["kind"] == "ClusterRole" and each["metadata"]["name"] == "cnat-reconcile"
    )
    return {
        Right(group, resource, verb)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


@contextmanager
def reconciler_with(
    rights: Iterable[Right], control_plane: ControlPlane, folder: Path
) -> Iterator[Watched]:
    """A namespace where the reconciler has these rights and no other."""
    with RealSandbox.opened(control_plane) as plain:
        sandbox = Watched(control_plane, plain.namespace, plain.kubeconfig)
        rbac = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{sandbox.namespace}"
        name = {"metadata": {"name": "cnat"}}
        rules = [
            {"apiGroups": [each.group], "resources": [each.resource], "verbs": [each.verb]}
            for each in rights
        ]
        reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "cnat"}
        subject = {"kind": "ServiceAccount", "name": "cnat", "namespace": sandbox.namespace}
        sandbox.request("POST", f"{sandbox.core}/serviceaccounts", name)
        sandbox.request("POST", f"{rbac}/roles", {**name, "rules": rules})
        sandbox.request(
            "POST", f"{rbac}/rolebindings", {**name, "roleRef": reference, "subjects": [subject]}
        )
        answer = sandbox.request("POST", f"{sandbox.core}/serviceaccounts/cnat/token", {"spec": {}})
        sandbox.kubeconfig = control_plane.kubeconfig_for(
            answer["status"]["token"], path=folder / "kubeconfig"
        )
        user = f"system:serviceaccount:{sandbox.namespace}:cnat"
        some = next(iter(rights))
        eventually(lambda: may(sandbox, user, some))
        yield sandbox


def may(sandbox: RealSandbox, user: str, right: Right) -> bool:
    """Whether the API server would let that user do it, in this sandbox's namespace."""
    resource, _, subresource = right.resource.partition("/")
    attributes = {
        "namespace": sandbox.namespace,
        "group": right.group,
        "resource": resource,
        "subresource": subresource,
        "verb": right.verb,
    }
    review = {"spec": {"user": user, "resourceAttributes": attributes}}
    path = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
    return bool(sandbox.request("POST", path, review)["status"]["allowed"])


def test_each_right_of_the_reconciler_has_a_test_that_needs_it(role: set[Right]) -> None:
    assert role == set(NEEDED)


@pytest.mark.parametrize("right", NEEDED, ids=str)
def test_without_a_right_the_reconciler_fails_and_names_it(
    installed: ControlPlane,
    role: set[Right],
    right: Right,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with (
        caplog.at_level(logging.DEBUG),
        reconciler_with(role - {right}, installed, tmp_path) as sandbox,
    ):
        with pytest.raises((AssertionError, KeyError, ValueError, Rejected)):
            NEEDED[right](sandbox)
        told = "\n".join([*sandbox.complaints, caplog.text])
        assert f'cannot {right.verb} resource "{right.resource}" in API group' in told


def test_with_all_its_rights_the_reconciler_lingers(
    installed: ControlPlane, role: set[Right], tmp_path: Path
) -> None:
    with reconciler_with(role, installed, tmp_path) as sandbox:
        an_at_listed_before_its_instant_is_read_again_when_it_comes(sandbox)


READ = {"get", "list", "watch"}
WRITE = {"create", "update", "patch", "delete", "deletecollection"}


@pytest.mark.parametrize(
    ("aggregate", "on_ats"), [("view", READ), ("edit", READ | WRITE), ("admin", READ | WRITE)]
)
def test_people_have_their_rights_on_ats_by_the_roles_they_have(
    installed: ControlPlane, aggregate: str, on_ats: set[str]
) -> None:
    with RealSandbox.opened(installed) as sandbox:
        user = f"{aggregate}er"
        rbac = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{sandbox.namespace}"
        reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole"}
        body: Manifest = {
            "metadata": {"name": user},
            "roleRef": {**reference, "name": aggregate},
            "subjects": [{"apiGroup": reference["apiGroup"], "kind": "User", "name": user}],
        }
        sandbox.request("POST", f"{rbac}/rolebindings", body)
        eventually(lambda: may(sandbox, user, Right(GROUP, "ats", "watch")))

        def allowed(resource: str) -> set[str]:
            verbs = READ | WRITE
            return {verb for verb in verbs if may(sandbox, user, Right(GROUP, resource, verb))}

        assert allowed("ats") == on_ats
        assert allowed("ats/status") == READ
