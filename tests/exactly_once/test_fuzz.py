"""Input that nobody should send: it is told, it harms no other, and nothing else comes out."""

from __future__ import annotations

import contextlib
import copy
import io
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from jsonschema import ValidationError

from cnat.cli import main, verdict
from cnat.cluster.deadline import Deadline
from cnat.cluster.protocol import Rejected
from cnat.core import api
from cnat.core.at import At
from cnat.core.fields import Manifest
from cnat.engine.reconcile import reconcile
from cnat.engine.results import Results
from cnat.engine.settings import Settings
from tests.support.factories import FAILED, MadePod, at, made, pod_of
from tests.support.fake_cluster import FakeCluster, Objects

# What each field can be met with, in every place.
AWKWARD: list[object] = [
    None,
    True,
    0,
    -1,
    2**63,
    1e308,
    "",
    "None",
    "\x00",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999999999+23:59",
    "2023-05-21T02:00:00Z",
    "x" * 3000,
    [],
    [None],
    [[]],
    [{}],
    {},
    {"": None},
]
values = st.recursive(
    st.sampled_from(AWKWARD) | st.text(max_size=5) | st.integers() | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)

STATUS = {
    "observedGeneration": 1,
    "phase": "Running",
    "scheduledTime": "2023-05-21T02:00:00Z",
    "startTime": "2023-05-21T02:00:01Z",
    "completionTime": "2023-05-21T02:00:07Z",
    "podName": pod_of(at()).name,
    "exitCode": 0,
    "reason": "Completed",
    "message": "done",
    "conditions": [
        {
            "type": "Ready",
            "status": "True",
            "observedGeneration": 1,
            "lastTransitionTime": "2023-05-21T02:00:01Z",
            "reason": "Running",
            "message": "",
        }
    ],
    "history": [
        {
            "scheduledTime": "2022-05-21T02:00:00Z",
            "phase": "Failed",
            "podName": "cnrex-0",
            "startTime": "2022-05-21T02:00:01Z",
            "completionTime": "2022-05-21T02:00:07Z",
            "exitCode": 1,
            "reason": "Error",
            "message": "no",
        }
    ],
}
SPEC = {
    "schedule": "2023-05-21T02:00:00",
    "timeZone": "Europe/Berlin",
    "podMetadata": {"labels": {"a": "b"}, "annotations": {"c": "d"}},
    "suspend": False,
    "startingDeadlineSeconds": 7200,
    "ttlSecondsAfterFinished": 0,
    "restartPolicy": "Never",
    "containers": [{"name": "shell", "image": "busybox", "command": ["true"]}],
}
POD_STATUS = {
    "phase": "Failed",
    "reason": "Evicted",
    "message": "low on memory",
    "conditions": [
        {
            "type": "DisruptionTarget",
            "status": "True",
            "reason": "TerminationByKubelet",
            "message": "",
            "lastTransitionTime": "2023-05-21T02:00:07Z",
        }
    ],
    "initContainerStatuses": [{"name": "a", "state": {"waiting": {"reason": "b", "message": "c"}}}],
    "containerStatuses": FAILED["containerStatuses"],
}


@st.composite
def mutations(draw: st.DrawFn, original: Any) -> Any:
    """The original with something else in one to three places, or without them."""
    mutated = copy.deepcopy(original)
    for _ in range(draw(st.integers(1, 3))):
        paths = list(_paths(mutated))
        if not paths:
            return mutated
        parent, key = draw(st.sampled_from(paths))
        if draw(st.booleans()):
            parent[key] = copy.deepcopy(draw(values))
        elif isinstance(parent, dict):
            del parent[key]
    return mutated


def _paths(value: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(value, dict | list):
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from _paths(value[key])


garbage = st.builds(
    lambda spec, status: At({**at("bad").raw, "spec": spec, "status": status}),
    mutations(SPEC) | values,
    mutations(STATUS) | values,
)
odd_metadata = st.fixed_dictionaries(
    {},
    optional={
        "creationTimestamp": values,
        "deletionTimestamp": values,
        "finalizers": st.lists(st.text(max_size=5)) | st.none(),
        "annotations": st.dictionaries(st.text(max_size=5), st.text(max_size=5)) | st.none(),
        "ownerReferences": st.lists(st.dictionaries(st.text(max_size=5), values)) | st.none(),
    },
)
odd_pods = st.builds(
    lambda status, metadata: made({**pod_of(at("bad"), metadata=metadata).raw, "status": status}),
    mutations(POD_STATUS) | values,
    odd_metadata,
)


class Refusing(FakeCluster):
    """Refuses, as an API server does, what the CRD's schema wouldn't have."""

    def update_status(self, at: At, status: Manifest) -> Manifest:
        try:
            return super().update_status(at, status)
        except ValidationError as error:
            raise Rejected(422, "Invalid", error.message) from error


@given(garbage, st.lists(odd_pods, max_size=1))
@settings(max_examples=300)
def test_a_pass_over_garbage_tells_it_and_starts_what_is_good(bad: At, pods: list[MadePod]) -> None:
    good = at("good")
    cluster = Refusing(Objects([bad, good, *pods]))
    for _ in range(3):
        last = passes(cluster)
    assert cluster.calls.count(("create pod", pod_of(good).name)) == 1
    assert cluster.objects.at("default", "good")["status"]["phase"] == "Running"
    assert cluster.objects.at("default", "bad")["spec"] == bad.raw["spec"]
    assert last.changes == []


def passes(cluster: FakeCluster) -> Results:
    return reconcile(cluster, Deadline(60.0), Settings(concurrency=1))


# By the command


def run(*arguments: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of the command."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main.main(arguments)
    return code, out.getvalue(), err.getvalue()


def assert_told(content: bytes) -> None:
    """Both ways of reading files end in order, and if something is wrong, they say where."""
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "file.yaml"
        file.write_bytes(content)
        for arguments in (["-f", str(file)], ["--local", name], ["--local", name, "--dry-run"]):
            code, out, err = run(*arguments)
            assert code in (verdict.EXIT_CONVERGED, verdict.EXIT_FAILED)
            assert "Traceback" not in err
            # `file.yaml: ...` for what can't be read, `namespace/name: ...` for what can't be done.
            if code == verdict.EXIT_FAILED:
                assert ": " in out + err


objects = st.one_of(
    mutations({**at().raw, "spec": SPEC, "status": STATUS}),
    mutations(pod_of(at(), status=POD_STATUS).raw),
    mutations({"apiVersion": "v1", "kind": "List", "items": [at().raw, pod_of(at()).raw]}),
    values,
)


@given(st.lists(objects, min_size=1, max_size=3))
@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
def test_objects_with_anything_anywhere_end_the_command_in_order(documents: list[Any]) -> None:
    assert_told("\n---\n".join(json.dumps(each) for each in documents).encode())


WELL_FORMED = yaml.safe_dump_all([at().raw, pod_of(at()).raw])


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """Well-formed manifests with a few bytes missing, or others in their timed."""
    content = bytearray(WELL_FORMED.encode())
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(content)))
        length = draw(st.integers(0, 20))
        content[start : start + length] = draw(st.binary(max_size=4))
    return bytes(content)


@given(damaged() | st.binary(max_size=50))
@example(b"\xff\xfe")
@example(b"%YAML 9.9\n---\n")
@example(b"&a [*a]")
@example(b"!!python/object/apply:os.system [id]")
@example(b"{" * 5000)
@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
def test_damaged_files_end_the_command_in_order(content: bytes) -> None:
    assert_told(content)


def bomb() -> str:
    """A document of some hundred bytes that stands for ten billion values."""
    lines = [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    return "\n".join(["a0: &a0 [x, x, x, x, x, x, x, x, x, x]", *lines])


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        pytest.param(bomb(), "aliases", id="aliases"),
        pytest.param("[" * 200 + "]" * 200, "deeper", id="depth"),
        # It names our group, so that it isn't passed over as YAML of somebody else's.
        pytest.param(f"!!python/object/apply:os.system [{api.GROUP}]", "tag", id="code"),
    ],
)
def test_a_document_bomb_is_refused(tmp_path: Path, document: str, reason: str) -> None:
    file = tmp_path / "bomb.yaml"
    file.write_text(f"{document}\n---\n{json.dumps(at().raw)}")
    code, out, _err = run("-f", str(file))
    assert code == verdict.EXIT_FAILED
    assert reason in out
    assert "cnrex" in out  # The document beside it is planned all the same.


def test_what_comes_out_of_a_pod_is_no_command_for_a_terminal(tmp_path: Path) -> None:
    bad = at(schedule="\x1b[2J")
    file = tmp_path / "file.yaml"
    file.write_text(json.dumps({**bad.raw, "apiVersion": api.API_VERSION}))
    _, out, err = run("-f", str(file))
    assert "\x1b" not in out + err
