"""The CRD on a real API server: what it takes, what it refuses, what it keeps."""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import urllib3
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cnat.core.at import At
from cnat.core.record import Status
from cnat.manifests.validation import check_at
from tests.support.at_manifests import ACCEPTED, CONTAINER, REFUSED, Refused, at, local
from tests.support.controlplane.server import ControlPlane

ROOT = Path(__file__).parents[2]
GROUP = "cnat.programming-kubernetes.info"
ATS = f"/apis/{GROUP}/v1alpha1/namespaces/default/ats"
PODS = "/api/v1/namespaces/default/pods"
POD_SCHEMA = json.loads(next((ROOT / "schemas").glob("podspec-*.json")).read_text())

Post = Callable[[str, object], tuple[int, dict[str, Any]]]


@pytest.fixture(scope="module")
def ats(control_plane: ControlPlane) -> ControlPlane:
    """A control plane that serves Ats."""
    control_plane.kubectl("apply", "-k", str(ROOT / "kustomize" / "crd"))
    control_plane.wait_until_served(f"ats.{GROUP}")
    return control_plane


@pytest.fixture(scope="module")
def post(ats: ControlPlane) -> Iterator[Post]:
    """Dry-run creation with strict validation; its answer: (HTTP status, body)."""
    pool = urllib3.PoolManager(
        ssl_context=ssl.create_default_context(cafile=str(ats.ca_file)),
        headers={"Authorization": f"Bearer {ats.token}", "Content-Type": "application/json"},
    )

    def send(path: str, manifest: object) -> tuple[int, dict[str, Any]]:
        query = urlencode({"dryRun": "All", "fieldValidation": "Strict"})
        answer = pool.request("POST", f"{ats.server}{path}?{query}", body=json.dumps(manifest))
        return answer.status, answer.json()

    yield send
    pool.clear()


@pytest.mark.parametrize("manifest", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_api_server_accepts(post: Post, manifest: dict[str, Any]) -> None:
    status, body = post(ATS, manifest)
    assert status == 201, body["message"]


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED.keys())
def test_api_server_refuses(ats: ControlPlane, post: Post, case: Refused) -> None:
    status, body = post(ATS, case.manifest)
    if ats.minor < case.since:
        assert status == 201, "an older API server, too: say so in docs/kubernetes.md"
        return
    assert status in (400, 422)
    if "Go struct" not in body["message"]:  # metadata is decoded by Go, which names its own types
        assert case.field in body["message"]
    assert (case.server or case.reason) in body["message"]
    if case.server is None:  # a rule of ours: its words are the whole answer
        assert "not checked" not in body["message"]


def test_offline_check_and_api_server_say_the_same_of_schedules(post: Post) -> None:
    digits = st.integers(0, 99).map("{:02}".format)
    schedules = st.builds(
        "{}-{}-{}T{}:{}:{}{}{}".format,
        st.sampled_from(["2000", "2028", "2030", "2100", "0999", "3000"]),
        st.sampled_from(["01", "02", "04", "12", "00", "13"]),
        st.sampled_from(["01", "28", "29", "30", "31", "00", "32"]),
        *[st.sampled_from(["00", "23", "59", "60"]) | digits] * 3,
        st.sampled_from(["", ".5", ".123456789", ".1234567890", "."]),
        st.sampled_from(["", "Z", "z", "+08:00", "-23:59", "+24:00", "+0800", "Z\n", " "]),
    )
    zones = st.none() | st.sampled_from(["UTC", "Asia/Shanghai", "Local", "utc", "+08:00", "UTC\n"])

    @settings(max_examples=300, suppress_health_check=list(HealthCheck))
    @given(schedules, zones)
    def same(schedule: str, zone: str | None) -> None:
        manifest = at(schedule=schedule) if zone is None else local(schedule, zone)
        status, body = post(ATS, manifest)
        refused = [str(violation) for violation in check_at(manifest)]
        assert (status == 201) == (not refused), (body.get("message"), refused)

    same()


def example(schema: dict[str, Any], *, numbers: bool) -> Any:
    """A value with every field that the schema of the Pod API knows."""
    match schema.get("$ref"):
        case "Quantity":
            return 0.5 if numbers else "500m"
        case "IntOrString":
            return 80 if numbers else "http"
        case "Time":
            return "2030-01-02T03:04:05Z"
        case "FieldsV1":
            return {"f:spec": {"f:any": {}}}
        case str(name):
            return example(POD_SCHEMA[name], numbers=numbers)
    match schema["type"]:
        case "string":
            return "text"
        case "integer":
            return 1
        case "boolean":
            return True
        case "array":
            return [example(schema["items"], numbers=numbers)] * 2
    if "properties" in schema:
        fields = schema["properties"].items()
        return {name: example(each, numbers=numbers) for name, each in fields}
    return {"a.b/c": example(schema["additionalProperties"], numbers=numbers)}


@pytest.mark.parametrize("numbers", [False, True])
def test_every_field_of_the_pod_api_comes_back_as_it_went(post: Post, numbers: bool) -> None:
    pod = example({"$ref": "PodSpec"}, numbers=numbers) | {"restartPolicy": "Never"}
    manifest = at(**pod)
    assert check_at(manifest) == []
    status, body = post(ATS, manifest)
    assert status == 201, body["message"]
    assert body["spec"] == manifest["spec"]


# What a Pod takes, an At takes: the odd things that templates and people write.
POD = yaml.safe_load("""
serviceAccountName: ''
nodeSelector:
tolerations: []
securityContext: {}
activeDeadlineSeconds: 600
containers:
- name: shell
  image: busybox:1.37
  args: [date]
  env:
  resources:
    limits: {cpu: 0.5, memory: 64Mi, ephemeral-storage: 1G}
    requests: {cpu: 1e-1}
  ports:
  - containerPort: 80
  livenessProbe:
    httpGet: {port: 80}
  volumeMounts:
  - {name: tmp, mountPath: /tmp}
  - {name: scratch, mountPath: /scratch}
volumes:
- name: tmp
  emptyDir:
- name: scratch
  ephemeral:
    volumeClaimTemplate:
      metadata:
        creationTimestamp:
        labels: {team: shop}
      spec:
        accessModes: [ReadWriteOnce]
        resources: {requests: {storage: 1Gi}}
- name: both
  projected:
    sources:
    - downwardAPI:
        items:
        - {path: labels, fieldRef: {fieldPath: metadata.labels}}
""")


def test_a_pod_becomes_an_at_by_one_line(ats: ControlPlane, post: Post) -> None:
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "example"}, "spec": POD}
    as_pod, answer = post(PODS, pod)
    assert as_pod == 201, answer["message"]
    manifest = at(**POD)
    assert check_at(manifest) == []
    as_at, answer = post(ATS, manifest)
    assert as_at == 201, answer["message"]
    ats.kubectl("apply", "--server-side", "--dry-run=server", "-f", "-", input=json.dumps(manifest))


def test_kubectl_explains_the_fields_of_an_at(ats: ControlPlane) -> None:
    for field in ("schedule", "timeZone", "command", "podMetadata", "suspend", "restartPolicy"):
        assert "DESCRIPTION:\n    <empty>" not in ats.kubectl("explain", f"at.spec.{field}").stdout
    assert "RFC 3339" in ats.kubectl("explain", "at.spec.schedule").stdout
    assert "image\t<string>" in ats.kubectl("explain", "at.spec.containers").stdout


@pytest.fixture
def applied(ats: ControlPlane) -> Iterator[dict[str, Any]]:
    """An At in the cluster, applied on the server side."""
    manifest = at(schedule="2030-01-02T03:04:05Z", containers=[CONTAINER]) | {
        "metadata": {"name": "crd-example"}
    }
    ats.kubectl("apply", "--server-side", "-f", "-", input=json.dumps(manifest))
    yield manifest
    ats.kubectl("delete", "at", "crd-example")


STATUS = {
    "phase": "Failed",
    "observedGeneration": 1,
    "scheduledTime": "2030-01-02T03:04:05Z",
    "startTime": "2030-01-02T03:04:06Z",
    "completionTime": "2030-01-02T03:04:07Z",
    "podName": "crd-example-0123abcd",
    "exitCode": 3,
    "reason": "Error",
    "message": "container shell exited with 3",
    "conditions": [
        {
            "type": "Failed",
            "status": "True",
            "observedGeneration": 1,
            "lastTransitionTime": "2030-01-02T03:04:08Z",
            "reason": "Error",
            "message": "",
        }
    ],
    "history": [
        {
            "scheduledTime": "2029-01-02T03:04:05Z",
            "phase": "Missed",
            "reason": "StartingDeadlineExceeded",
        }
    ],
}


def patch_status(ats: ControlPlane, status: dict[str, Any]) -> str:
    patch = json.dumps({"status": status})
    run = ats.kubectl(
        *("patch", "at", "crd-example", "--subresource=status", "--type=merge", f"--patch={patch}"),
        check=False,
    )
    return run.stderr


def reapply(ats: ControlPlane, manifest: dict[str, Any]) -> str:
    """Apply it once more on the server side, and return the version that it then has."""
    applied = ats.kubectl(
        "apply", "--server-side", "-f", "-", "-o", "json", input=json.dumps(manifest)
    )
    return str(json.loads(applied.stdout)["metadata"]["resourceVersion"])


def test_server_side_apply_again_changes_nothing_of_an_at_with_a_status(
    ats: ControlPlane, applied: dict[str, Any]
) -> None:
    patch_status(ats, STATUS)
    path = "jsonpath={.metadata.resourceVersion}"
    before = ats.kubectl("get", "at", "crd-example", "-o", path).stdout
    assert reapply(ats, applied) == before


def test_server_side_apply_again_stores_the_default_of_status_once(
    ats: ControlPlane, applied: dict[str, Any]
) -> None:
    assert reapply(ats, applied) == reapply(ats, applied)
    stored = json.loads(ats.kubectl("get", "at", "crd-example", "-o", "json").stdout)
    assert stored["metadata"]["generation"] == 1


@pytest.mark.usefixtures("applied")
def test_a_new_at_has_the_status_of_one_that_no_pass_has_seen(ats: ControlPlane) -> None:
    stored = json.loads(ats.kubectl("get", "at", "crd-example", "-o", "json").stdout)
    assert stored["status"] == {"observedGeneration": -1}
    assert At(stored).status == Status()
    assert check_at(stored) == []


@pytest.mark.usefixtures("applied")
def test_status_is_kept_whole_and_moves_no_generation(ats: ControlPlane) -> None:
    assert patch_status(ats, STATUS) == ""
    stored = json.loads(ats.kubectl("get", "at", "crd-example", "-o", "json").stdout)
    assert stored["status"] == STATUS
    assert stored["metadata"]["generation"] == 1
    assert check_at(stored) == []


@pytest.mark.usefixtures("applied")
def test_status_is_typed(ats: ControlPlane) -> None:
    # Up to 1.30 the path doesn't begin with "status.".
    assert "phase: Unsupported value" in patch_status(ats, {"phase": "Done"})
    assert "exitCode: Invalid value" in patch_status(ats, {"exitCode": "3"})
    assert "startTime: Invalid value" in patch_status(ats, {"startTime": "yesterday"})


@pytest.mark.usefixtures("applied")
def test_kubectl_get_shows_the_columns(ats: ControlPlane) -> None:
    patch_status(ats, STATUS)
    head, row = ats.kubectl("get", "at", "crd-example").stdout.splitlines()
    assert head.split() == ["NAME", "SCHEDULE", "DUE", "PHASE", "REASON", "AGE"]
    instant = "2030-01-02T03:04:05Z"
    assert row.split()[:5] == ["crd-example", instant, instant, "Failed", "Error"]
    head, row = ats.kubectl("get", "at", "crd-example", "-o", "wide").stdout.splitlines()
    assert head.split()[6:10] == ["STARTED", "FINISHED", "EXIT", "POD"]
    assert "crd-example-0123abcd" in row.split()


@pytest.mark.parametrize("apply", [["apply"], ["apply", "--server-side"]], ids=" ".join)
def test_samples_apply(ats: ControlPlane, apply: list[str]) -> None:
    samples = str(ROOT / "kustomize" / "samples")
    ats.kubectl(*apply, "--dry-run=server", "-k", samples)


def test_crd_registers_without_a_complaint(ats: ControlPlane) -> None:
    crd = json.loads(ats.kubectl("get", "crd", f"ats.{GROUP}", "-o", "json").stdout)
    assert {each["type"]: each["status"] for each in crd["status"]["conditions"]} == {
        "NamesAccepted": "True",
        "Established": "True",
    }
