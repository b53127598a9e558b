"""Planning from manifests: which Ats and Pods a pass sees, and what is said of the rest."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from cnat.cluster.protocol import Rejected
from cnat.core import api
from cnat.core.at import At
from cnat.manifests.documents import Document
from cnat.manifests.problem import Counts, Problem, Severity
from cnat.manifests.snapshot import Snapshot

NOW = datetime(2027, 3, 1, 2, tzinfo=UTC)


def at(name: str, **metadata: Any) -> dict[str, Any]:
    return {
        "apiVersion": api.API_VERSION,
        "kind": "At",
        "metadata": {"name": name, **metadata},
        "spec": {"schedule": "2027-03-01T02:00:00Z", "command": "true"},
    }


def pod(name: str, at_uid: str = "", **metadata: Any) -> dict[str, Any]:
    owner = {"apiVersion": api.API_VERSION, "kind": "At", "name": "a", "uid": at_uid}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "labels": {api.MANAGED_BY: api.MANAGER},
            "ownerReferences": [{**owner, "controller": True}],
            **metadata,
        },
        "spec": {"containers": [{"name": "c", "image": "busybox"}]},
    }


def snapshot(*entries: dict[str, Any] | Problem, **options: Any) -> Snapshot:
    documents = [
        entry if isinstance(entry, Problem) else Document("file", entry) for entry in entries
    ]
    return Snapshot(documents, lambda: NOW, **options)


def ats(source: Snapshot) -> list[str]:
    return [each["metadata"]["name"] for page in source.ats() for each in page]


def pods(source: Snapshot) -> list[str]:
    return [each["metadata"]["name"] for page in source.pods() for each in page]


def test_an_at_gets_what_a_server_would_add() -> None:
    found = At(snapshot(at("a", labels=None)).at("default", "a"))
    assert (found.namespace, found.uid, found.generation) == ("default", "default/a", 1)


def test_what_a_server_has_added_already_stays() -> None:
    found = At(snapshot(at("a", namespace="team", uid="u", generation=3)).at("team", "a"))
    assert (found.uid, found.generation) == ("u", 3)


def test_the_namespace_asked_for_is_that_of_objects_that_name_none() -> None:
    source = snapshot(at("a"), at("b", namespace="other"), namespace="team")
    assert ats(source) == ["a"]
    assert source.at("team", "a")


def test_a_selector_chooses_ats_and_leaves_pods_alone() -> None:
    source = snapshot(at("a", labels={"x": "y"}), at("b"), pod("p"), selector="x=y")
    assert (ats(source), pods(source)) == (["a"], ["p"])


def test_pods_without_our_label_and_other_kinds_are_ignored() -> None:
    config_map = {"apiVersion": "v1", "kind": "ConfigMap"}
    source = snapshot(pod("p", labels=None), config_map)
    assert (pods(source), source.problems) == ([], [])


def test_a_refused_at_is_no_part_of_the_plan_and_says_why() -> None:
    refused = at("a")
    del refused["spec"]["schedule"]
    source = snapshot(refused, at("b"))
    assert ats(source) == ["b"]
    assert [str(each) for each in source.problems] == ["file: At a, spec.schedule: is required"]


def test_a_misspelt_group_is_heard() -> None:
    (problem,) = snapshot({**at("a"), "apiVersion": "cnat.example/v1alpha1"}).problems
    assert problem.field == "apiVersion"


@pytest.mark.parametrize("metadata", [None, [], {}, {"name": 5}, {"name": "p", "labels": [1]}])
def test_a_pod_with_unusable_metadata_is_refused(metadata: object) -> None:
    (problem,) = snapshot({**pod("p"), "metadata": metadata}).problems
    assert problem.field.startswith("metadata")


def test_a_pod_of_a_later_release_is_taken_as_it_is() -> None:
    later = pod("p")
    later["spec"]["fieldOfTheFuture"] = 1
    assert pods(snapshot(later)) == ["p"]


def test_an_object_that_is_there_twice_is_doubtful_and_names_both_places() -> None:
    source = snapshot(at("a"), at("b"), at("a", namespace="default"))
    assert ats(source) == ["a", "b"]
    (problem,) = source.problems
    assert problem.severity == "warning"
    assert str(problem).startswith(
        "file: warning: At default/a, metadata.name: is also at file, and that one is planned; "
    )


def test_what_was_read_is_counted() -> None:
    config_map = {"apiVersion": "v1", "kind": "ConfigMap"}
    problem = Problem("file", "is no YAML")
    source = snapshot(at("a"), at("b") | {"spec": {}}, config_map, {"services": {}}, problem)
    assert source.counts == Counts(ats=1, invalid=2, others=1, foreign=1)


@pytest.mark.parametrize(
    ("counts", "line"),
    [
        (Counts(files=1, ats=1), "1 file: 1 At"),
        (Counts(files=2, invalid=1), "2 files: 0 Ats, 1 invalid"),
        (
            Counts(12, 9, 1, 30, 1, 2, 3),
            (
                "12 files: 9 Ats, 1 invalid, 30 other objects, 1 other document, "
                "2 Helm templates, 3 kustomize patches skipped"
            ),
        ),
    ],
)
def test_counts_are_one_line(counts: Counts, line: str) -> None:
    assert str(counts) == line


def test_no_pod_looks_orphaned_while_something_is_unreadable() -> None:
    unreadable = Problem("file", "...", line=1)
    source = snapshot(at("a", uid="u"), pod("mine", "u"), pod("orphan", "gone"), unreadable)
    assert pods(source) == ["mine"]


def test_what_is_not_in_the_manifests_is_not_found() -> None:
    with pytest.raises(Rejected) as refusal:
        snapshot().pod("default", "p")
    assert refusal.value.code == 404


def test_a_bad_selector_is_refused() -> None:
    with pytest.raises(ValueError, match="no label selector"):
        snapshot(selector="a b")


# Laid over what is there


STATUS = {"phase": "Pending", "scheduledTime": "2027-03-01T02:00:00Z", "observedGeneration": 4}


def laid_over(desired: dict[str, Any], *there: dict[str, Any], **options: Any) -> Snapshot:
    return snapshot(desired, against=snapshot(*there), **options)


def test_a_manifest_laid_over_an_at_has_that_ones_identity_and_status() -> None:
    there = at("a", uid="u", generation=4, resourceVersion="7") | {"status": STATUS}
    (found,) = [At(each) for page in laid_over(at("a"), there).ats() for each in page]
    assert (found.uid, found.generation, found.resource_version) == ("u", 4, "7")
    assert found.raw["status"] == STATUS


@pytest.mark.parametrize(
    ("spec", "generation"),
    [({"suspend": True}, 5), ({"command": "false"}, 5), ({"nodeSelector": None}, 4), ({}, 4)],
)
def test_another_spec_is_another_generation(spec: dict[str, Any], generation: int) -> None:
    desired = at("a")
    desired["spec"] |= spec
    source = laid_over(desired, at("a", uid="u", generation=4))
    assert At(source.at("default", "a")).generation == generation


def test_labels_alone_are_no_other_generation() -> None:
    source = laid_over(at("a", labels={"x": "y"}), at("a", uid="u", generation=4), selector="x=y")
    assert [At(each).generation for page in source.ats() for each in page] == [4]


def test_pods_come_along_with_the_ats_of_the_manifests_and_with_no_others() -> None:
    there = [at("a", uid="u"), at("b", uid="v"), pod("mine", "u"), pod("other", "v")]
    source = laid_over(at("a"), *there)
    assert (ats(source), pods(source)) == (["a"], ["mine"])
    assert source.pod("default", "mine")["metadata"]["name"] == "mine"


def test_an_at_that_is_new_is_new() -> None:
    source = laid_over(at("new"), at("a", uid="u"))
    assert At(source.at("default", "new")).uid == "default/new"


def test_an_at_of_another_namespace_is_another() -> None:
    source = laid_over(at("a", namespace="team"), at("a", uid="u"))
    assert At(source.at("team", "a")).uid == "team/a"


def test_what_is_refused_by_a_check_is_invalid_and_no_part_of_the_plan() -> None:
    def check(document: Document, now: datetime) -> list[Problem]:
        assert now == NOW
        severity: Severity = "error" if document.manifest["metadata"]["name"] == "a" else "warning"
        return [document.problem("spec", "no", severity)]

    source = snapshot(at("a"), at("b"), check=check)
    assert (ats(source), source.counts) == (["b"], Counts(ats=1, invalid=1))
    assert len(source.problems) == 2


def test_what_comes_from_a_cluster_has_been_checked() -> None:
    def check(document: Document, _: datetime) -> list[Problem]:
        return [document.problem("spec", "no")]

    assert ats(snapshot(at("a", uid="u"), check=check)) == ["a"]


def test_a_check_sees_the_status_of_what_is_there() -> None:
    def check(document: Document, _: datetime) -> list[Problem]:
        assert document.manifest["status"] == STATUS
        return []

    laid_over(at("a"), at("a", uid="u") | {"status": STATUS}, check=check)
