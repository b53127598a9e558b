"""The offline check of manifests, and the files that schemas/generate.py writes."""

from __future__ import annotations

import copy
import json
import re
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from cnat.manifests.validation import Violation, check_at, check_pod
from tests.support.at_manifests import ACCEPTED, CONTAINER, REFUSED, Refused, at

ROOT = Path(__file__).parents[2]
SAMPLES = sorted((ROOT / "kustomize" / "samples").glob("at_*.yaml"))


def test_generated_files_are_current() -> None:
    run = subprocess.run(
        [sys.executable, ROOT / "schemas" / "generate.py", "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr


def test_crd_fits_into_the_annotation_of_client_side_apply() -> None:
    crd = ROOT / "kustomize" / "crd" / "ats.cnat.programming-kubernetes.info.yaml"
    applied = json.dumps(yaml.safe_load(crd.read_text()), separators=(",", ":"))
    assert len(applied) < 0.9 * 256 * 1024


def test_crd_has_no_list_maps_and_no_default_but_that_of_status() -> None:
    crd = (ROOT / "kustomize" / "crd" / "ats.cnat.programming-kubernetes.info.yaml").read_text()
    assert re.findall(r"default:\s.*", crd) == ["default:\n              observedGeneration: -1"]
    assert "x-kubernetes-list" not in crd


def test_seed_sample_is_the_manifest_of_the_design() -> None:
    assert yaml.safe_load((ROOT / "kustomize" / "samples" / "at_cnrex.yaml").read_text()) == {
        "apiVersion": "cnat.programming-kubernetes.info/v1alpha1",
        "kind": "At",
        "metadata": {"name": "cnrex"},
        "spec": {
            "schedule": "2023-05-21T02:00:00Z",
            "containers": [
                {
                    "name": "shell",
                    "image": "centos:7",
                    "command": ["bin/bash", "-c", 'echo "Hello, Shanghai!"'],
                }
            ],
        },
    }


def test_every_sample_is_part_of_the_kustomization() -> None:
    listed = yaml.safe_load((ROOT / "kustomize" / "samples" / "kustomization.yaml").read_text())
    assert listed["resources"] == [path.name for path in SAMPLES]


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_sample_is_valid(path: Path) -> None:
    assert check_at(yaml.safe_load(path.read_text())) == []


@pytest.mark.parametrize("manifest", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_accepts(manifest: dict[str, Any]) -> None:
    assert check_at(manifest) == []


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED.keys())
def test_refuses(case: Refused) -> None:
    first = check_at(case.manifest)[0]
    assert first.field.startswith(case.field)
    assert case.reason in first.reason


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED.keys())
def test_says_everything_once(case: Refused) -> None:
    found = check_at(case.manifest)
    assert len(found) == len(set(found)) <= 2


def test_a_misspelt_field_comes_before_what_is_missing_for_it() -> None:
    manifest = at("schedule", "containers", scheduel="2030-01-02T03:04:05Z", container=[CONTAINER])
    assert [str(violation) for violation in check_at(manifest)] == [
        'spec.scheduel: unknown field "scheduel"; did you mean "schedule"?',
        'spec.container: unknown field "container"; did you mean "containers"?',
        "spec.schedule: is required",
        "spec.containers: nothing to run: set containers, or command for one line of shell",
    ]


def test_every_fault_of_a_manifest_is_told() -> None:
    manifest = at(restartPolicy="Always", schedule="2030-02-30T00:00:00Z", suspend="no")
    assert {violation.field for violation in check_at(manifest)} == {
        "spec.restartPolicy",
        "spec.schedule",
        "spec.suspend",
    }


def test_a_key_of_a_map_is_named_in_brackets() -> None:
    labels = {"example.com/team": 1}
    (violation,) = check_at(at(podMetadata={"labels": labels}))
    assert violation.field == "spec.podMetadata.labels[example.com/team]"


def test_a_date_that_yaml_made_of_the_schedule_is_to_be_quoted() -> None:
    (violation,) = check_at(at(schedule=date(2030, 1, 2)))
    assert violation == Violation("spec.schedule", "must be a string, not a date: put it in quotes")


def test_another_kind_is_refused() -> None:
    manifest = at() | {"apiVersion": "v1", "kind": "Pod"}
    assert [str(violation) for violation in check_at(manifest)] == [
        'apiVersion: must be "cnat.programming-kubernetes.info/v1alpha1"',
        'kind: must be "At"',
    ]


def test_a_name_is_required() -> None:
    manifest = at() | {"metadata": {"generateName": "example-"}}
    assert check_at(manifest) == [Violation("metadata.name", "is required")]


def test_status_of_a_dump_is_typed() -> None:
    manifest = at() | {"status": {"phase": "Done", "exitCode": 0, "conditions": []}}
    (violation,) = check_at(manifest)
    assert violation.field == "status.phase"


def test_a_pod_is_checked_as_by_strict_decoding() -> None:
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "example", "labels": {"a": "b"}, "finalizers": ["example.com/x"]},
        "spec": {"containers": [CONTAINER], "restartPolicy": "Always"},
    }
    assert check_pod(pod) == []
    misspelt = copy.deepcopy(pod) | {"spec": {"containers": [CONTAINER | {"imgae": "busybox"}]}}
    assert check_pod(misspelt) == [
        Violation("spec.containers[0].imgae", 'unknown field "imgae"; did you mean "image"?')
    ]
    assert check_pod(pod | {"spec": {}}) == [Violation("spec.containers", "is required")]
    assert check_pod({}) == [Violation("spec", "is required")]


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.dates()
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner)
)


@given(JSON)
def test_no_garbage_raises(garbage: Any) -> None:
    assert check_at(garbage)
    assert check_pod(garbage)


def test_a_value_beyond_all_measure_does_not_raise() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    endless: dict[str, Any] = {}
    endless["spec"] = endless
    for garbage in (at(suspend=deep), at(suspend=16**5000), endless):
        assert check_at(garbage)


def paths(value: object) -> list[list[Any]]:
    """The paths of everything within a manifest."""
    inner: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        inner = list(value.items())
    elif isinstance(value, list):
        inner = list(enumerate(value))
    return [[key, *rest] for key, each in inner for rest in ([], *paths(each))]


@given(st.data())
def test_no_garbage_within_a_manifest_raises(data: st.DataObject) -> None:
    manifest = copy.deepcopy(data.draw(st.sampled_from(list(ACCEPTED.values()))))
    *parents, last = data.draw(st.sampled_from(paths(manifest)))
    place: Any = manifest
    for key in parents:
        place = place[key]
    place[last] = data.draw(JSON)
    for violation in check_at(manifest):
        assert violation.reason
        assert "properties" not in violation.reason  # never a dump of a schema
