"""Pods that the cluster refuses now and allows later, and Ats that nobody should write."""

from __future__ import annotations

import socket
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime

import pytest

from cnat.core import api, pod
from cnat.core.at import At
from tests.exactly_once.counted import CountedSandbox, poll
from tests.exactly_once.passes import Cluster, Limits, one
from tests.exactly_once.scenario import FUTURE, ended
from tests.support.sandbox import Manifest, RealSandbox, at

MERGE = "application/merge-patch+json"
LABEL = "kubernetes.io/metadata.name"


def run_name(manifest: Manifest) -> str:
    found = At(manifest)
    return pod.name(found, found.instant)


def foreign(name: str) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {"containers": [{"name": "other", "image": "other"}]},
    }


# Somebody else's Pod under our name


def test_a_foreign_pod_under_our_name_is_neither_adopted_nor_touched(real: CountedSandbox) -> None:
    assert isinstance(real.sandbox, RealSandbox)
    real.sandbox.apply(at())
    name = run_name(real.sandbox.at("cnrex"))
    real.sandbox.create_pod(foreign(name))
    real.sandbox.set_pod_status(name, ended(0))
    before = real.sandbox.request("GET", f"{real.sandbox.core}/pods/{name}")
    results = real.reconcile()
    assert [failure.reason for failure in results.failures] == ["PodNameTaken"]
    assert real.outcome("cnrex") == ("Pending", "PodNameTaken")
    assert real.sandbox.request("GET", f"{real.sandbox.core}/pods/{name}") == before


def test_a_foreign_pod_with_our_label_is_foreign_all_the_same(counted: CountedSandbox) -> None:
    counted.sandbox.apply(at())
    name = run_name(counted.sandbox.at("cnrex"))
    copied = foreign(name)
    copied["metadata"]["labels"] = {
        api.MANAGED_BY: api.MANAGER,
        api.AT_UID: counted.sandbox.at("cnrex")["metadata"]["uid"],
    }
    counted.sandbox.create_pod(copied)
    counted.reconcile()
    assert counted.outcome("cnrex") == ("Pending", "PodNameTaken")


def test_a_foreign_pod_under_our_name_is_known_before_the_instant(counted: CountedSandbox) -> None:
    counted.sandbox.apply(at(schedule=FUTURE))
    counted.sandbox.create_pod(foreign(run_name(counted.sandbox.at("cnrex"))))
    counted.reconcile()
    assert counted.outcome("cnrex") == ("Pending", "PodNameTaken")


def test_the_run_starts_when_the_foreign_pod_is_gone(counted: CountedSandbox) -> None:
    counted.sandbox.apply(at())
    name = run_name(counted.sandbox.at("cnrex"))
    counted.sandbox.create_pod(foreign(name))
    counted.reconcile()
    counted.sandbox.delete_pod(name)
    counted.until_silent()
    assert counted.outcome("cnrex") == ("Running", "NotScheduled")
    assert counted.started("cnrex") == 1


# Refused now, allowed later


@contextmanager
def a_quota(sandbox: RealSandbox) -> Iterator[None]:
    quotas = f"{sandbox.core}/resourcequotas"
    sandbox.request("POST", quotas, {"metadata": {"name": "none"}, "spec": {"hard": {"pods": "0"}}})
    poll(lambda: "hard" in sandbox.request("GET", f"{quotas}/none")["status"])
    yield
    sandbox.request("DELETE", f"{quotas}/none")


@contextmanager
def pod_security(sandbox: RealSandbox) -> Iterator[None]:
    key, path = "pod-security.kubernetes.io/enforce", f"/api/v1/namespaces/{sandbox.namespace}"
    patch = {"metadata": {"labels": {key: "restricted"}}}
    sandbox.request("PATCH", path, patch, content_type=MERGE)
    yield
    patch = {"metadata": {"labels": {key: "privileged"}}}
    sandbox.request("PATCH", path, patch, content_type=MERGE)


@contextmanager
def an_admission_policy(sandbox: RealSandbox) -> Iterator[None]:
    base = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolic"
    name = f"none-{uuid.uuid4().hex[:8]}"
    rule = {
        "apiGroups": [""],
        "apiVersions": ["v1"],
        "operations": ["CREATE"],
        "resources": ["pods"],
    }
    policy = {
        "matchConstraints": {"resourceRules": [rule]},
        "validations": [{"expression": "false", "message": "not today"}],
    }
    here = {"namespaceSelector": {"matchLabels": {LABEL: sandbox.namespace}}}
    binding = {"policyName": name, "validationActions": ["Deny"], "matchResources": here}
    sandbox.request("POST", f"{base}ies", {"metadata": {"name": name}, "spec": policy})
    sandbox.request("POST", f"{base}ybindings", {"metadata": {"name": name}, "spec": binding})
    yield
    sandbox.request("DELETE", f"{base}ybindings/{name}")
    sandbox.request("DELETE", f"{base}ies/{name}")


@contextmanager
def a_webhook_that_refuses_connections(sandbox: RealSandbox) -> Iterator[None]:
    with a_webhook(sandbox, port=1):
        yield


@contextmanager
def a_webhook_that_never_answers(sandbox: RealSandbox) -> Iterator[None]:
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        a_webhook(sandbox, port=silent.getsockname()[1]),
    ):
        yield


@contextmanager
def a_webhook(sandbox: RealSandbox, port: int) -> Iterator[None]:
    """One for Pods at that port, which is waited for a second and can't be done without."""
    path = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
    name = f"broken-{uuid.uuid4().hex[:8]}.example.org"
    rule = {
        "apiGroups": [""],
        "apiVersions": ["v1"],
        "operations": ["CREATE"],
        "resources": ["pods"],
    }
    webhook = {
        "name": name,
        "clientConfig": {"url": f"https://127.0.0.1:{port}/"},
        "namespaceSelector": {"matchLabels": {LABEL: sandbox.namespace}},
        "rules": [rule],
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "timeoutSeconds": 1,
    }
    sandbox.request("POST", path, {"metadata": {"name": name}, "webhooks": [webhook]})
    yield
    sandbox.request("DELETE", f"{path}/{name}")


Refusing = Callable[[RealSandbox], AbstractContextManager[None]]

NOT_CALLED = "failed calling webhook"
REFUSALS = [
    pytest.param(a_quota, "exceeded quota", id="quota"),
    pytest.param(pod_security, "violates PodSecurity", id="PodSecurity"),
    pytest.param(an_admission_policy, "not today", id="admission-policy"),
    pytest.param(a_webhook_that_refuses_connections, NOT_CALLED, id="broken-webhook"),
    pytest.param(a_webhook_that_never_answers, NOT_CALLED, id="silent-webhook"),
]


def allowed(sandbox: RealSandbox) -> bool:
    """Whether a Pod would be taken, after what was asked for has reached the API server."""
    tried = foreign(f"try-{uuid.uuid4().hex[:8]}")
    answer = sandbox.request(
        "POST", f"{sandbox.core}/pods?dryRun=All", tried, accept={403, 422, 500}
    )
    return bool(answer["kind"] == "Pod")


@pytest.mark.parametrize(("refusing", "message"), REFUSALS)
def test_a_run_that_is_refused_says_why_and_starts_once_when_it_is_allowed(
    real: CountedSandbox, refusing: Refusing, message: str
) -> None:
    assert isinstance(real.sandbox, RealSandbox)
    sandbox = real.sandbox
    sandbox.apply(at())
    with refusing(sandbox):
        poll(lambda: not allowed(sandbox))
        real.reconcile()
        assert real.outcome("cnrex") == ("Pending", "StartRejected")
        assert message in sandbox.at("cnrex")["status"]["message"]
        assert real.started("cnrex") == 0
    poll(lambda: allowed(sandbox))
    real.until_silent()
    assert real.outcome("cnrex") == ("Running", "NotScheduled")
    assert real.started("cnrex") == 1


@pytest.mark.parametrize(("refusing", "message"), REFUSALS)
def test_what_would_be_refused_at_the_instant_is_said_before_and_taken_back(
    real: CountedSandbox, refusing: Refusing, message: str
) -> None:
    assert isinstance(real.sandbox, RealSandbox)
    sandbox = real.sandbox
    sandbox.apply(at(schedule=FUTURE))
    with refusing(sandbox):
        poll(lambda: not allowed(sandbox))
        real.reconcile()
        assert real.outcome("cnrex") == ("Pending", "PreflightRejected")
        assert message in sandbox.at("cnrex")["status"]["message"]
    poll(lambda: allowed(sandbox))
    real.until_silent()
    assert real.outcome("cnrex") == ("Pending", "")


# Big, and many


def test_an_at_of_a_mebibyte_runs_once(counted: CountedSandbox) -> None:
    script = "#" * 2**20
    containers = [{"name": "shell", "image": "busybox", "command": ["/bin/sh", "-c", script]}]
    name = counted.start(at(containers=containers))
    counted.sandbox.set_pod_status(name, ended(0))
    counted.until_silent()
    assert counted.outcome("cnrex") == ("Succeeded", "Completed")
    assert counted.started("cnrex") == 1


def test_many_bad_ones_do_not_keep_a_good_one_from_starting(
    real: CountedSandbox, cluster: Cluster
) -> None:
    crowd(real, cluster, 300)


@pytest.mark.exhaustive
def test_ten_thousand_bad_ones_do_not_keep_a_good_one_from_starting(
    real: CountedSandbox, cluster: Cluster
) -> None:
    crowd(real, cluster, 10_000)


def crowd(real: CountedSandbox, cluster: Cluster, number: int) -> None:
    """The good one is the last in every order: by name, by age, by due time."""
    assert isinstance(real.sandbox, RealSandbox)
    sandbox = real.sandbox
    bad = [at(f"bad-{n:05}", containers=[{"name": "shell"}] * 2) for n in range(number)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda each: sandbox.request("POST", sandbox.ats, each), bad))
    sandbox.apply(at("good", schedule=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")))
    done = one(
        cluster, sandbox.namespace, limits=Limits(concurrency=16, page_size=500, timeout=600)
    )
    assert done.ended.code == 0, "that they are refused is on record"
    assert done.writes.count("create pods") == 1
    assert len(sandbox.pods()) == 1
