"""A cluster full of Ats, made quickly."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from cnat.core import api, pod, status
from cnat.core.at import At
from cnat.core.observed_pod import Pod
from cnat.core.schedule import rfc3339
from tests.bench.client import MERGE_PATCH, Client, Manifest, Refused

# Of ten Ats one waits for its instant, and the others ran long ago.
_ONE_ARMED_OF = 10
# The Pods of those are still there, but not more than a cluster keeps: kube-controller-manager
# deletes the oldest finished ones beyond 12,500 (--terminated-pod-gc-threshold).
_PODS_OF_THE_FIRST = 10_000

_CREATED = datetime(2026, 1, 1, tzinfo=UTC)
_PAST = datetime(2026, 1, 2, tzinfo=UTC)
_FUTURE = datetime(2999, 1, 1, tzinfo=UTC)


def namespace(client: Client, name: str) -> None:
    """Make a namespace that takes Pods."""
    client("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    path = f"/api/v1/namespaces/{name}/serviceaccounts"
    try:
        client("POST", path, {"metadata": {"name": "default"}})
    except Refused as error:
        if error.code != 409:  # Its controller was faster.
            raise


def converged(client: Client, name: str, numbers: Iterable[int]) -> None:
    """Ats on which a pass finds nothing to do."""

    def load(number: int) -> None:
        if number % _ONE_ARMED_OF == 0:
            _armed(client, name, number, _FUTURE)
            return
        at = _created(client, name, number, _PAST)
        its_pod = pod.build(at, _PAST)
        del its_pod["metadata"]["finalizers"]
        its_pod["metadata"]["labels"][api.RECORDED] = "true"
        if number < _PODS_OF_THE_FIRST:
            its_pod = _finished(client, its_pod)
        else:
            its_pod["metadata"]["creationTimestamp"] = rfc3339(_PAST)
            its_pod["status"] = _status_of_the_finished()
        _record(client, at, status.of_pod(at, _PAST, Pod.of(its_pod), _PAST).document())

    client.each(load, numbers)


def armed(client: Client, name: str, instants: Iterable[datetime]) -> None:
    """Ats that a pass has checked and that wait, each for an instant of its own."""
    client.each(lambda numbered: _armed(client, name, *numbered), enumerate(instants))


def due(client: Client, name: str, count: int) -> None:
    """Ats that are overdue, as their users apply them."""
    client.each(lambda number: _created(client, name, number, _PAST), range(count))


def _created(client: Client, name: str, number: int, instant: datetime) -> At:
    path = f"/apis/{api.API_VERSION}/namespaces/{name}/ats?fieldManager=kubectl"
    return At(client("POST", path, _manifest(f"at-{number:06}", instant)))


def _armed(client: Client, name: str, number: int, instant: datetime) -> None:
    at = _created(client, name, number, instant)
    _record(client, at, status.armed(at, instant, _CREATED).document())


def _record(client: Client, at: At, earned: Manifest) -> None:
    path = f"/apis/{api.API_VERSION}/namespaces/{at.namespace}/ats/{at.name}/status"
    client("PATCH", f"{path}?fieldManager={api.MANAGER}", {"status": earned}, MERGE_PATCH)


def finish(client: Client, namespace: str, name: str) -> Manifest:
    """Say of a Pod what a kubelet does when its containers have ended; answer the Pod."""
    path = f"/api/v1/namespaces/{namespace}/pods/{name}/status?fieldManager=kubelet"
    return client("PATCH", path, {"status": _status_of_the_finished()}, MERGE_PATCH)


def _finished(client: Client, its_pod: Manifest) -> Manifest:
    namespace = its_pod["metadata"]["namespace"]
    path = f"/api/v1/namespaces/{namespace}/pods?fieldManager={api.MANAGER}"
    created = client("POST", path, its_pod)
    return finish(client, namespace, created["metadata"]["name"])


def _manifest(name: str, instant: datetime) -> Manifest:
    """An At as people write them: a container with a command, an environment and resources."""
    return {
        "apiVersion": api.API_VERSION,
        "kind": api.KIND,
        "metadata": {"name": name, "labels": {"app.kubernetes.io/part-of": "bench"}},
        "spec": {
            "schedule": rfc3339(instant),
            "containers": [
                {
                    "name": "shell",
                    "image": "registry.example/tools/migrate:1.2.3",
                    "command": ["/bin/sh", "-c", 'echo "Hello, Shanghai!"'],
                    "env": [{"name": "TARGET", "value": name}],
                    "resources": {
                        "requests": {"cpu": "100m", "memory": "64Mi"},
                        "limits": {"memory": "128Mi"},
                    },
                }
            ],
        },
    }


def _status_of_the_finished() -> Manifest:
    """What a kubelet leaves on a Pod that succeeded."""
    kinds = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")
    ended = {
        "exitCode": 0,
        "reason": "Completed",
        "containerID": "containerd://" + "7" * 64,
        "startedAt": "2026-01-02T00:00:02Z",
        "finishedAt": "2026-01-02T00:00:07Z",
    }
    return {
        "phase": "Succeeded",
        "hostIP": "10.0.0.7",
        "hostIPs": [{"ip": "10.0.0.7"}],
        "podIP": "10.244.1.23",
        "podIPs": [{"ip": "10.244.1.23"}],
        "qosClass": "Burstable",
        "startTime": "2026-01-02T00:00:00Z",
        "conditions": [
            {
                "type": kind,
                "status": "True" if kind in {"Initialized", "PodScheduled"} else "False",
                "reason": "PodCompleted",
                "lastProbeTime": None,
                "lastTransitionTime": "2026-01-02T00:00:07Z",
            }
            for kind in kinds
        ],
        "containerStatuses": [
            {
                "name": "shell",
                "image": "registry.example/tools/migrate:1.2.3",
                "imageID": "registry.example/tools/migrate@sha256:" + "5" * 64,
                "containerID": ended["containerID"],
                "ready": False,
                "started": False,
                "restartCount": 0,
                "state": {"terminated": ended},
            }
        ],
    }
