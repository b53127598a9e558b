"""The rules for Pods beyond their schema, offline; tests/contract asks an API server the same."""

from __future__ import annotations

import pytest

from cnat.manifests.pod_rules import hidden_variables, pod_violations
from cnat.manifests.validation import check_pod
from tests.support.pods import BAD, GOOD, Bad, Spec, container, mounted


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
def test_names_the_field_at_fault(bad: Bad) -> None:
    assert check_pod({"metadata": {}, "spec": bad.spec}) == []
    assert [violation.field for violation in pod_violations(bad.spec)] == [bad.field]


@pytest.mark.parametrize("spec", GOOD.values(), ids=GOOD.keys())
def test_finds_nothing_in_a_good_pod(spec: Spec) -> None:
    assert check_pod({"metadata": {}, "spec": spec}) == []
    assert pod_violations(spec) == []


def test_a_mount_of_no_volume_names_those_there_are() -> None:
    (violation,) = pod_violations(mounted(name="date"))
    assert violation.reason == "names no volume of spec.volumes; there are only data"


def test_a_variable_that_hides_another_is_told_apart() -> None:
    (violation,) = hidden_variables(container(env=[{"name": "A"}, {"name": "B"}, {"name": "A"}]))
    assert (violation.field, violation.reason) == (
        "spec.containers[0].env[2].name",
        'hides the "A" before it',
    )
