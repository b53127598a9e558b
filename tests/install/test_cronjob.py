"""The CronJob, run for real: by the cluster's own controllers, as its own service account."""

from __future__ import annotations

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cnat.core.schedule import rfc3339
from tests.install.eventually import eventually
from tests.install.kubelet import Kubelet
from tests.install.overlay import built, only, overlay
from tests.support.controlplane.server import ControlPlane
from tests.support.sandbox import RealSandbox, at

Manifest = dict[str, Any]

SYSTEM = "cnat-system"


def objects(cluster: ControlPlane, kind: str, namespace: str, selector: str = "") -> list[Manifest]:
    where = [f"--namespace={namespace}", f"--selector={selector}", "--output=json"]
    items: list[Manifest] = json.loads(cluster.kubectl("get", kind, *where).stdout)["items"]
    return items


def pods_of(
    cluster: ControlPlane, job: str, *, number: int = 1, namespace: str = SYSTEM
) -> list[Manifest]:
    """The Pods that the Job controller creates for a Job, as soon as they are all there."""

    def look() -> list[Manifest] | None:
        pods = objects(cluster, "pods", namespace, f"job-name={job}")
        return pods if len(pods) == number else None

    return eventually(look)


def job_from(cluster: ControlPlane, folder: Path, name: str) -> None:
    """Create the Job that the CronJob of an overlay would, without waiting for the full minute."""
    cronjob = only(built(cluster, folder), "CronJob")
    job = {"apiVersion": "batch/v1", "kind": "Job", "spec": cronjob["spec"]["jobTemplate"]["spec"]}
    metadata = {"name": name, "namespace": SYSTEM}
    cluster.kubectl("create", "--filename=-", input=json.dumps({**job, "metadata": metadata}))


def conditions(cluster: ControlPlane, job: str) -> set[str]:
    found = json.loads(cluster.kubectl("get", "job", job, f"-n={SYSTEM}", "--output=json").stdout)
    return {each["type"] for each in found["status"].get("conditions", [])}


def test_a_pass_of_the_cronjob_starts_a_due_at(installed: ControlPlane, kubelet: Kubelet) -> None:
    with RealSandbox.opened(installed) as sandbox:
        sandbox.apply(at())
        installed.kubectl(
            "create", "job", "by-hand", "--from=cronjob/cnat-reconcile", f"--namespace={SYSTEM}"
        )
        (pod,) = pods_of(installed, "by-hand")

        result = kubelet.run(pod)

        (started,) = sandbox.pods()
        assert sandbox.at("cnrex")["status"]["podName"] == started["metadata"]["name"]
        lines = [json.loads(line) for line in result.stderr.splitlines()]
        assert {"create pod", "set status"} <= {line.get("action") for line in lines}


def test_a_pass_of_one_namespace_sees_and_may_see_no_other(
    installed: ControlPlane, kubelet: Kubelet, tmp_path: Path
) -> None:
    with RealSandbox.opened(installed) as team, RealSandbox.opened(installed) as other:
        for sandbox in (team, other):
            sandbox.apply(at())
        folder = overlay(
            tmp_path,
            resources=["rbac", "cronjob"],
            components=["one-namespace"],
            namespace=team.namespace,
        )
        installed.kubectl("apply", f"--kustomize={folder}")
        where = f"--namespace={team.namespace}"
        installed.kubectl("create", "job", "pass", "--from=cronjob/cnat-reconcile", where)
        (pod,) = pods_of(installed, "pass", namespace=team.namespace)

        result = kubelet.run(pod)

        assert result.returncode == 0, result.stderr
        assert sandbox_has_started(team)
        assert not sandbox_has_started(other)
        user = f"--as=system:serviceaccount:{team.namespace}:cnat-reconcile"
        refused = installed.kubectl("get", "ats", f"-n={other.namespace}", user, check=False)
        assert "cannot list resource" in refused.stderr


def sandbox_has_started(sandbox: RealSandbox) -> bool:
    return len(sandbox.pods()) == 1


def test_a_punctual_pass_starts_an_at_at_its_second_and_records_how_it_ended(
    installed: ControlPlane, kubelet: Kubelet, tmp_path: Path
) -> None:
    with RealSandbox.opened(installed) as sandbox:
        job_from(installed, overlay(tmp_path, components=["punctual"]), "punctual")
        (pod,) = pods_of(installed, "punctual")
        due = (datetime.now(UTC) + timedelta(seconds=8)).replace(microsecond=0)
        sandbox.apply(at(schedule=rfc3339(due)))

        with ThreadPoolExecutor(1) as pool:
            run = pool.submit(kubelet.run, pod)
            (started,) = eventually(sandbox.pods)
            sandbox.set_pod_status(started["metadata"]["name"], {"phase": "Succeeded"})
            eventually(lambda: sandbox.at("cnrex")["status"]["phase"] == "Succeeded")
            with suppress(subprocess.TimeoutExpired):  # It stays for what other tests have running.
                run.result()

        assert started["metadata"]["creationTimestamp"] == rfc3339(due)


def test_without_replay_what_is_long_overdue_is_missed(
    installed: ControlPlane, kubelet: Kubelet, tmp_path: Path
) -> None:
    with RealSandbox.opened(installed) as sandbox:
        sandbox.apply(at("old"))
        sandbox.apply(at("wanted", startingDeadlineSeconds=2**31 - 1))
        job_from(installed, overlay(tmp_path, components=["no-replay"]), "no-replay")
        (pod,) = pods_of(installed, "no-replay")

        kubelet.run(pod)

        phases = [sandbox.at(name)["status"]["phase"] for name in ("old", "wanted")]
        assert phases == ["Missed", "Running"]


def test_the_shares_of_a_sharded_pass_are_together_the_whole(
    installed: ControlPlane, kubelet: Kubelet, tmp_path: Path
) -> None:
    with RealSandbox.opened(installed) as sandbox:
        names = [f"at-{number}" for number in range(12)]
        for name in names:
            sandbox.apply(at(name))
        job_from(installed, overlay(tmp_path, components=["sharded"]), "sharded")

        shares = []
        for pod in pods_of(installed, "sharded", number=4):
            lines = [json.loads(line) for line in kubelet.run(pod).stderr.splitlines()]
            mine = [line for line in lines if line.get("namespace") == sandbox.namespace]
            shares.append([line["at"] for line in mine if line["action"] == "create pod"])

        assert sorted(name for share in shares for name in share) == sorted(names)
        assert len([share for share in shares if share]) > 1


def test_a_share_that_fails_does_not_end_the_others(
    installed: ControlPlane, tmp_path: Path
) -> None:
    job_from(installed, overlay(tmp_path, components=["sharded"]), "failing")
    first, *others = pods_of(installed, "failing", number=4)
    installed.kubectl(
        "patch",
        "pod",
        first["metadata"]["name"],
        f"--namespace={SYSTEM}",
        "--subresource=status",
        '--patch={"status": {"phase": "Failed"}}',
    )
    where = f"--namespace={SYSTEM}"
    failed = "--for=jsonpath={.status.failedIndexes}"
    installed.kubectl("wait", failed, "job/failing", where, "--timeout=30s")

    left = objects(installed, "pods", SYSTEM, "job-name=failing")
    alive = {pod["metadata"]["name"] for pod in left if "deletionTimestamp" not in pod["metadata"]}
    assert alive >= {pod["metadata"]["name"] for pod in others}
    assert conditions(installed, "failing") == set()
