"""The embedded store: a folder that behaves like a cluster, whoever works on it."""

from __future__ import annotations

import multiprocessing
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from cnat.cluster.protocol import ClusterError, Rejected
from cnat.core import api
from cnat.core.at import At
from cnat.core.fields import Manifest
from cnat.core.observed_pod import Pod
from cnat.local.store import LocalCluster
from cnat.manifests import decode
from cnat.manifests.encode import encode

NOW = datetime(2027, 3, 1, 2, 0, 0, 250_000, tzinfo=UTC)
AT = """\
apiVersion: cnat.programming-kubernetes.info/v1alpha1
kind: At
metadata:
  name: cnrex
spec:
  schedule: 2027-03-01T02:00:00Z
  command: "true"
"""


def pod(name: str = "p", at_uid: str = "", **metadata: Any) -> dict[str, Any]:
    owner = {"apiVersion": api.API_VERSION, "kind": "At", "name": "cnrex", "controller": True}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": "default",
            "labels": {api.MANAGED_BY: api.MANAGER},
            "finalizers": [api.FINALIZER],
            "ownerReferences": [{**owner, "uid": at_uid}],
            **metadata,
        },
        "spec": {"containers": [{"name": "c", "image": "busybox"}]},
    }


def store(folder: Path, **options: Any) -> LocalCluster:
    return LocalCluster(folder, lambda: NOW, **options)


def ats(cluster: LocalCluster) -> list[Manifest]:
    return [each for page in cluster.ats() for each in page]


def pods(cluster: LocalCluster) -> list[str]:
    return [each["metadata"]["name"] for page in cluster.pods() for each in page]


def the_at(folder: Path) -> At:
    return At(store(folder).at("default", "cnrex"))


def saved(folder: Path, resource: str, name: str) -> Path:
    """The file in which the server keeps that object."""
    return folder / ".cnat" / resource / "default" / f"{name}.yaml"


def rejection(attempt: Callable[[], object]) -> tuple[int, str]:
    with pytest.raises(Rejected) as refusal:
        attempt()
    return refusal.value.code, refusal.value.reason


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The file of an At that a user has put into the folder."""
    file = tmp_path / "at_cnrex.yaml"
    file.write_text(AT)
    return file


# --- what people keep


def test_a_file_put_into_the_folder_is_an_object(tmp_path: Path, file: Path) -> None:
    metadata = the_at(tmp_path).raw["metadata"]
    assert metadata["namespace"] == "default"
    assert metadata["creationTimestamp"] == "2027-03-01T02:00:00Z"
    assert metadata["generation"] == 1
    assert metadata["uid"]
    assert file.read_text() == AT


def test_no_write_changes_a_manifest(tmp_path: Path, file: Path) -> None:
    file.write_text(f"# Every night.\n{AT}")
    cluster = store(tmp_path)
    cluster.update_status(the_at(tmp_path), {"phase": "Pending"})
    cluster.create_pod(pod())
    assert file.read_text() == f"# Every night.\n{AT}"


def test_what_the_server_keeps_is_in_a_folder_of_its_own_that_git_ignores(
    tmp_path: Path, file: Path
) -> None:
    cluster = store(tmp_path)
    cluster.create_pod(pod())
    assert sorted(tmp_path.iterdir()) == [tmp_path / ".cnat", file]
    assert (tmp_path / ".cnat" / ".gitignore").read_text() == "*\n"


def test_an_object_keeps_its_identity(tmp_path: Path, file: Path) -> None:
    first = the_at(tmp_path)
    file.touch()
    assert the_at(tmp_path) == first


def test_a_file_may_stand_anywhere_below_the_folder(tmp_path: Path) -> None:
    (tmp_path / "team" / "nightly").mkdir(parents=True)
    (tmp_path / "team" / "nightly" / "at.yml").write_text(AT)
    assert the_at(tmp_path)


def test_hidden_files_are_none_of_ours(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "at.yaml").write_text(AT)
    (tmp_path / ".at.yaml").write_text(AT)
    assert ats(store(tmp_path)) == []


def test_removing_the_file_deletes_the_object(tmp_path: Path, file: Path) -> None:
    cluster = store(tmp_path)
    file.unlink()
    assert ats(cluster) == []
    assert rejection(lambda: cluster.at("default", "cnrex")) == (404, "NotFound")


def test_removing_the_file_while_nobody_looks_deletes_the_object(
    tmp_path: Path, file: Path
) -> None:
    the_at(tmp_path)
    file.unlink()
    assert ats(store(tmp_path)) == []


def test_moving_the_file_leaves_the_object_as_it_is(tmp_path: Path, file: Path) -> None:
    known = the_at(tmp_path)
    (tmp_path / "team").mkdir()
    file.rename(tmp_path / "team" / "at.yaml")
    assert the_at(tmp_path) == known


def test_another_spec_is_a_new_generation(tmp_path: Path, file: Path) -> None:
    known = At(store(tmp_path).update_status(the_at(tmp_path), {"phase": "Pending"}))
    file.write_text(AT.replace("2027", "2028"))
    after = the_at(tmp_path)
    assert (after.uid, after.raw["status"], after.generation) == (known.uid, known.raw["status"], 2)
    assert after.resource_version != known.resource_version


def test_an_edited_label_is_no_new_generation(tmp_path: Path, file: Path) -> None:
    before = the_at(tmp_path)
    file.write_text(AT.replace("  name: cnrex\n", "  name: cnrex\n  labels: {a: b}\n"))
    after = the_at(tmp_path)
    assert (after.generation, after.raw["metadata"]["labels"]) == (before.generation, {"a": "b"})


def test_a_label_that_is_taken_out_is_gone(tmp_path: Path, file: Path) -> None:
    file.write_text(AT.replace("  name: cnrex\n", "  name: cnrex\n  labels: {a: b}\n"))
    the_at(tmp_path)
    file.write_text(AT)
    assert "labels" not in the_at(tmp_path).raw["metadata"]


def test_a_file_that_comes_back_after_its_object_was_deleted_is_another(
    tmp_path: Path, file: Path
) -> None:
    known = the_at(tmp_path)
    file.unlink()
    assert ats(store(tmp_path)) == []
    file.write_text(AT)
    assert the_at(tmp_path).uid != known.uid


def test_what_only_a_server_may_say_counts_for_nothing_in_a_manifest(
    tmp_path: Path, file: Path
) -> None:
    exported = AT.replace("  name: cnrex\n", "  name: cnrex\n  uid: x\n  generation: 7\n")
    file.write_text(exported + "status: {phase: Succeeded}\n")
    found = the_at(tmp_path)
    assert "status" not in found.raw
    assert (found.uid == "x", found.generation) == (False, 1)


def test_several_documents_in_a_file_are_several_objects(tmp_path: Path, file: Path) -> None:
    file.write_text(AT + "---\n" + AT.replace("cnrex", "other"))
    assert [At(each).name for each in ats(store(tmp_path))] == ["cnrex", "other"]


def test_a_list_is_taken_apart(tmp_path: Path, file: Path) -> None:
    at = decode.decode(AT)
    config_map = {"apiVersion": "v1", "kind": "ConfigMap"}
    file.write_text(encode({"kind": "List", "items": [at, config_map]}))
    assert the_at(tmp_path)


def test_what_is_no_at_is_not_looked_at(tmp_path: Path, file: Path) -> None:
    file.write_text(encode(pod()) + "---\nkind: ConfigMap\napiVersion: v1\n")
    cluster = store(tmp_path)
    assert (ats(cluster), pods(cluster), cluster.problems) == ([], [], [])


def test_a_broken_document_is_told_and_hides_no_other(tmp_path: Path, file: Path) -> None:
    file.write_text(f"{AT}---\nkind: [\n")
    cluster = store(tmp_path)
    assert len(ats(cluster)) == 1
    assert [each.source for each in cluster.problems] == [str(file)]


def test_a_refused_at_is_not_there_and_is_told(tmp_path: Path, file: Path) -> None:
    file.write_text(AT.replace("command", "comand"))
    cluster = store(tmp_path)
    assert ats(cluster) == []
    assert str(cluster.problems[0]).startswith(f"{file}:7:3: At cnrex, spec.comand: ")


def test_an_at_that_is_edited_into_a_refused_one_stays_as_it_was(
    tmp_path: Path, file: Path
) -> None:
    known = the_at(tmp_path)
    file.write_text(AT.replace("command", "comand"))
    assert the_at(tmp_path) == known


def test_a_corrected_at_is_there_again(tmp_path: Path, file: Path) -> None:
    file.write_text(AT.replace("command", "comand"))
    cluster = store(tmp_path)
    file.write_text(AT)
    assert (len(ats(cluster)), cluster.problems) == (1, [])


def test_nothing_is_deleted_while_a_file_cannot_be_read(tmp_path: Path, file: Path) -> None:
    known = the_at(tmp_path)
    file.write_text("kind: [")
    assert the_at(tmp_path) == known


def test_a_name_that_is_there_twice_is_told(tmp_path: Path, file: Path) -> None:
    (tmp_path / "b_copy.yaml").write_text(AT.replace("2027", "2028"))
    cluster = store(tmp_path)
    assert [At(each).spec["schedule"] for each in ats(cluster)] == ["2027-03-01T02:00:00Z"]
    assert [(each.field, each.reason) for each in cluster.problems] == [
        ("metadata.name", f"is also at {file}:1:1, and that one counts; remove one of them")
    ]


def test_a_name_too_long_for_a_file_is_told(tmp_path: Path, file: Path) -> None:
    file.write_text(f"{AT}---\n{AT.replace('cnrex', 'x' * 253)}")
    cluster = store(tmp_path)
    assert len(ats(cluster)) == 1
    assert [each.field for each in cluster.problems] == ["metadata.name"]


def test_a_folder_that_is_not_there_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match="is no folder; create it"):
        store(tmp_path / "absent")


def test_a_write_that_fails_is_a_cluster_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    cluster = store(tmp_path)
    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(ClusterError, match="No space left on device"):
        cluster.create_pod(pod())


@pytest.mark.usefixtures("file")
def test_what_could_not_be_taken_over_is_taken_over_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    cluster = store(tmp_path)
    (tmp_path / "other.yaml").write_text(AT.replace("cnrex", "other"))
    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", full)
        with pytest.raises(ClusterError):
            ats(cluster)
    assert len(ats(cluster)) == 2


def test_a_dry_run_writes_nothing(tmp_path: Path, file: Path) -> None:
    cluster = store(tmp_path, dry_run=True)
    (found,) = ats(cluster)
    assert cluster.at("default", "cnrex") == found
    cluster.create_pod(pod(at_uid="deleted", finalizers=[]))
    assert pods(cluster) == []
    assert (list(tmp_path.iterdir()), file.read_text()) == ([file], AT)


def test_a_dry_run_sees_what_is_deleted(tmp_path: Path, file: Path) -> None:
    the_at(tmp_path)
    file.unlink()
    assert ats(store(tmp_path, dry_run=True)) == []
    assert saved(tmp_path, "ats", "cnrex").exists()


# --- what the server keeps


@pytest.mark.usefixtures("file")
def test_an_object_is_found_as_it_is_in_its_file(tmp_path: Path) -> None:
    written = store(tmp_path).update_status(the_at(tmp_path), {"phase": "Pending"})
    in_file = yaml.safe_load(saved(tmp_path, "ats", "cnrex").read_text())
    version = written["metadata"].pop("resourceVersion")
    assert (in_file, bool(version)) == (written, True)


def test_an_edit_by_hand_is_a_write_like_any_other(tmp_path: Path) -> None:
    cluster = store(tmp_path)
    read = Pod.of(cluster.create_pod(pod()))
    path = saved(tmp_path, "pods", "p")
    path.write_text(path.read_text().replace("phase: Pending", "phase: Running"))
    assert Pod.of(cluster.pod("default", "p")).phase == "Running"
    assert rejection(lambda: cluster.delete_pod(read, unchanged=True)) == (409, "Conflict")


@pytest.mark.parametrize("text", ["kind: [", "[]", "metadata: x"])
def test_an_object_that_is_damaged_is_told_with_its_file(tmp_path: Path, text: str) -> None:
    cluster = store(tmp_path)
    cluster.create_pod(pod())
    path = saved(tmp_path, "pods", "p")
    path.write_text(text)
    with pytest.raises(ClusterError, match=f"{path}: .*correct it, or remove it"):
        pods(cluster)


# --- lists


def test_lists_come_in_pages(tmp_path: Path) -> None:
    cluster = store(tmp_path, page_size=2)
    for name in "abc":
        cluster.create_pod(pod(name, ownerReferences=[]))
    assert [len(page) for page in cluster.pods()] == [2, 1]


def test_only_the_pods_with_our_label_are_listed(tmp_path: Path) -> None:
    cluster = store(tmp_path)
    cluster.create_pod(pod("foreign", labels={}))
    assert pods(cluster) == []
    assert cluster.pod("default", "foreign")


@pytest.mark.usefixtures("file")
def test_a_namespace_limits_both_lists(tmp_path: Path) -> None:
    cluster = store(tmp_path, namespace="other")
    cluster.create_pod(pod(ownerReferences=[]))
    assert (ats(cluster), pods(cluster)) == ([], [])


@pytest.mark.usefixtures("file")
def test_a_selector_limits_the_ats(tmp_path: Path) -> None:
    assert ats(store(tmp_path, selector="a=b")) == []
    assert len(ats(store(tmp_path, selector="!a"))) == 1


# --- writes


def test_a_created_pod_is_what_a_server_makes_of_it(tmp_path: Path) -> None:
    cluster = store(tmp_path)
    stored = cluster.create_pod(pod())
    created = Pod.of(stored)
    assert (created.phase, created.created) == ("Pending", NOW.replace(microsecond=0))
    assert created.uid
    assert cluster.pod("default", "p") == stored


def test_a_pod_is_created_once(tmp_path: Path) -> None:
    store(tmp_path).create_pod(pod())
    cluster = store(tmp_path)
    assert rejection(lambda: cluster.create_pod(pod())) == (409, "AlreadyExists")
    assert rejection(lambda: cluster.create_pod(pod(), dry_run=True)) == (409, "AlreadyExists")


def test_a_dry_run_create_hears_all_and_changes_nothing(tmp_path: Path) -> None:
    cluster = store(tmp_path)
    assert cluster.create_pod(pod(), dry_run=True)["metadata"]["uid"]
    assert rejection(lambda: cluster.pod("default", "p")) == (404, "NotFound")


def test_an_unknown_field_of_a_pod_is_a_bad_request(tmp_path: Path) -> None:
    typo = pod()
    typo["spec"]["containers"][0]["imgae"] = "x"
    assert rejection(lambda: store(tmp_path).create_pod(typo)) == (400, "BadRequest")


@pytest.mark.parametrize(
    "spec",
    [
        {},
        {"containers": [{"name": "c"}]},
        {"containers": [{"name": "c", "image": "busybox"}] * 2},
    ],
    ids=["no container", "no image", "one name twice"],
)
def test_a_pod_that_could_not_run_is_invalid(tmp_path: Path, spec: Manifest) -> None:
    assert rejection(lambda: store(tmp_path).create_pod({**pod(), "spec": spec})) == (
        422,
        "Invalid",
    )


@pytest.mark.parametrize("name", ["../p", "a/b", "..", "P"])
def test_a_name_does_not_lead_out_of_the_folder(tmp_path: Path, name: str) -> None:
    assert rejection(lambda: store(tmp_path).create_pod(pod(name))) == (422, "Invalid")
    assert rejection(lambda: store(tmp_path).create_pod(pod(namespace=name))) == (422, "Invalid")


@pytest.mark.usefixtures("file")
def test_a_status_is_replaced_and_nothing_else(tmp_path: Path) -> None:
    cluster, at = store(tmp_path), the_at(tmp_path)
    written = cluster.update_status(at, {"phase": "Pending"})
    assert written["status"] == {"phase": "Pending"}
    assert At(written).generation == at.generation
    assert At(written).resource_version != at.resource_version
    assert the_at(tmp_path).raw == written


@pytest.mark.usefixtures("file")
def test_a_status_that_is_there_already_is_no_write(tmp_path: Path) -> None:
    cluster = store(tmp_path)
    written = cluster.update_status(the_at(tmp_path), {"phase": "Pending"})
    assert cluster.update_status(At(written), {"phase": "Pending"}) == written


@pytest.mark.usefixtures("file")
def test_a_status_for_an_at_written_meanwhile_is_a_conflict(tmp_path: Path) -> None:
    at = the_at(tmp_path)
    store(tmp_path).update_status(at, {"phase": "Pending"})
    attempt = store(tmp_path).update_status
    assert rejection(lambda: attempt(at, {"phase": "Running"})) == (409, "Conflict")


def test_a_status_for_an_at_edited_meanwhile_is_a_conflict(tmp_path: Path, file: Path) -> None:
    at = the_at(tmp_path)
    file.write_text(AT.replace('"true"', "sleep 1"))
    attempt = store(tmp_path).update_status
    assert rejection(lambda: attempt(at, {"phase": "Running"})) == (409, "Conflict")
    assert the_at(tmp_path).spec["command"] == "sleep 1"


def test_a_status_for_an_at_made_anew_is_a_conflict(tmp_path: Path, file: Path) -> None:
    at, cluster = the_at(tmp_path), store(tmp_path)
    file.unlink()
    assert ats(cluster) == []
    file.write_text(AT)
    assert ats(cluster) != []
    assert rejection(lambda: cluster.update_status(at, {"phase": "Running"})) == (409, "Conflict")


def test_a_status_for_an_at_that_is_gone_is_not_found(tmp_path: Path, file: Path) -> None:
    at = the_at(tmp_path)
    file.unlink()
    attempt = store(tmp_path).update_status
    assert rejection(lambda: attempt(at, {"phase": "Running"})) == (404, "NotFound")


def test_a_pod_without_finalizers_is_deleted_at_once(tmp_path: Path) -> None:
    cluster = store(tmp_path)
    cluster.delete_pod(Pod.of(cluster.create_pod(pod(finalizers=[]))))
    assert rejection(lambda: cluster.pod("default", "p")) == (404, "NotFound")


def test_a_held_pod_is_marked_when_deleted_and_goes_when_released(tmp_path: Path) -> None:
    cluster = store(tmp_path)
    held = Pod.of(cluster.create_pod(pod()))
    cluster.delete_pod(held)
    marked = Pod.of(cluster.pod("default", "p"))
    assert marked.deleted == NOW.replace(microsecond=0)
    cluster.release_pod(marked)
    assert rejection(lambda: cluster.pod("default", "p")) == (404, "NotFound")


@pytest.mark.parametrize(("phase", "seconds"), [("Running", 30), ("Succeeded", 0)])
def test_a_pod_on_a_node_has_time_to_end(tmp_path: Path, phase: str, seconds: int) -> None:
    cluster = store(tmp_path)
    on_node = pod()
    on_node["spec"]["nodeName"] = "n"
    cluster.create_pod(on_node)
    path = saved(tmp_path, "pods", "p")
    path.write_text(path.read_text().replace("Pending", phase))
    cluster.delete_pod(Pod.of(cluster.pod("default", "p")))
    deleted = Pod.of(cluster.pod("default", "p")).deleted
    assert deleted == NOW.replace(second=seconds, microsecond=0)


def test_deleting_again_does_not_prolong_the_end(tmp_path: Path) -> None:
    cluster = store(tmp_path)
    cluster.delete_pod(Pod.of(cluster.create_pod(pod())))
    marked = cluster.pod("default", "p")
    cluster.delete_pod(Pod.of(marked))
    assert cluster.pod("default", "p") == marked


def test_releasing_takes_off_our_finalizer_only(tmp_path: Path) -> None:
    cluster = store(tmp_path)
    both = Pod.of(cluster.create_pod(pod(finalizers=["example.com/x", api.FINALIZER])))
    cluster.release_pod(both)
    assert cluster.pod("default", "p")["metadata"]["finalizers"] == ["example.com/x"]


def test_another_pod_of_the_same_name_is_left_alone(tmp_path: Path) -> None:
    cluster = store(tmp_path)
    earlier = Pod.of(cluster.create_pod(pod(finalizers=[])))
    cluster.delete_pod(earlier)
    cluster.create_pod(pod())
    assert rejection(lambda: cluster.release_pod(earlier)) == (409, "Conflict")
    assert rejection(lambda: cluster.delete_pod(earlier)) == (409, "Conflict")


def test_a_pod_that_was_written_since_is_not_released_as_unchanged(tmp_path: Path) -> None:
    cluster = store(tmp_path)
    before = Pod.of(cluster.create_pod(pod(finalizers=[api.FINALIZER])))
    cluster.delete_pod(before)
    refused = rejection(lambda: cluster.release_pod(before, unchanged=True))
    assert refused == (409, "Conflict")
    cluster.release_pod(Pod.of(cluster.pod("default", "p")), unchanged=True)


def test_a_pod_that_is_gone_is_not_found(tmp_path: Path) -> None:
    cluster = store(tmp_path)
    gone = Pod.of(cluster.create_pod(pod()))
    saved(tmp_path, "pods", "p").unlink()
    assert rejection(lambda: cluster.release_pod(gone)) == (404, "NotFound")
    assert rejection(lambda: cluster.delete_pod(gone)) == (404, "NotFound")


def test_an_event_is_created_once(tmp_path: Path) -> None:
    event = {"kind": "Event", "metadata": {"name": "cnrex.1", "namespace": "default"}}
    event["apiVersion"] = "events.k8s.io/v1"
    cluster = store(tmp_path)
    cluster.create_event(event)
    assert rejection(lambda: cluster.create_event(event)) == (409, "AlreadyExists")
    assert saved(tmp_path, "events", "cnrex.1").exists()


# --- the garbage collector


def test_the_pod_of_a_deleted_at_is_deleted(tmp_path: Path, file: Path) -> None:
    cluster = store(tmp_path)
    cluster.create_pod(pod("held", the_at(tmp_path).uid))
    cluster.create_pod(pod("free", the_at(tmp_path).uid, finalizers=[]))
    file.unlink()
    assert pods(cluster) == ["held"]
    assert Pod.of(cluster.pod("default", "held")).deleted


def test_a_pod_that_no_at_owns_is_not_garbage(tmp_path: Path) -> None:
    cluster = store(tmp_path)
    cluster.create_pod(pod(ownerReferences=[]))
    assert pods(cluster) == ["p"]
    assert not Pod.of(cluster.pod("default", "p")).deleted


def test_the_pod_of_an_at_that_cannot_be_read_any_more_is_not_garbage(
    tmp_path: Path, file: Path
) -> None:
    cluster = store(tmp_path)
    cluster.create_pod(pod(at_uid=the_at(tmp_path).uid))
    file.write_text("kind: [")
    assert pods(cluster) == ["p"]
    assert not Pod.of(cluster.pod("default", "p")).deleted


def test_a_finalizer_taken_off_by_hand_lets_a_deleted_object_go(tmp_path: Path) -> None:
    cluster = store(tmp_path)
    cluster.delete_pod(Pod.of(cluster.create_pod(pod())))
    path = saved(tmp_path, "pods", "p")
    path.write_text(path.read_text().replace(f"finalizers:\n  - {api.FINALIZER}", "finalizers: []"))
    assert pods(cluster) == []
    assert not path.exists()


# --- finalizers of others


def test_an_at_with_finalizers_is_only_marked(tmp_path: Path, file: Path) -> None:
    file.write_text(AT.replace("spec:", "  finalizers: [example.com/x]\nspec:"))
    cluster = store(tmp_path)
    file.unlink()
    assert [At(each).deleting for each in ats(cluster)] == [True]
    file.write_text(AT)  # Without the finalizer, so nothing keeps it any longer.
    assert ats(cluster) == []


# --- several at once


def test_threads_do_not_undo_each_others_writes(tmp_path: Path) -> None:
    cluster = store(tmp_path)

    def run(number: int) -> None:
        created = cluster.create_pod(pod(f"p{number}", ownerReferences=[]))
        cluster.release_pod(Pod.of(created), listed=True)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(run, range(40)))
    assert len(pods(cluster)) == 40
    assert not any(Pod.of(cluster.pod("default", f"p{n}")).has_finalizer for n in range(40))


def _create_all(folder: Path) -> int:
    """How many of forty Pods this process was the one to create."""
    cluster, created = LocalCluster(folder), 0
    for number in range(40):
        with suppress(Rejected):
            cluster.create_pod(pod(f"p{number}", ownerReferences=[]))
            created += 1
    return created


def test_of_several_processes_one_creates_a_pod(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        created = pool.map(_create_all, [tmp_path] * 2)
    assert sum(created) == 40


@pytest.mark.usefixtures("file")
def test_all_processes_agree_on_the_uid_of_a_new_at(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        first, second = pool.map(the_at, [tmp_path] * 2)
    assert first.uid == second.uid


@pytest.mark.usefixtures("file")
def test_a_process_killed_in_the_middle_of_a_write_leaves_the_old_object(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = the_at(tmp_path)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        store(tmp_path).update_status(at, {"phase": "Running"})
    monkeypatch.undo()
    assert the_at(tmp_path) == at
    assert store(tmp_path).update_status(at, {"phase": "Running"})


def test_the_samples_are_all_accepted(tmp_path: Path) -> None:
    samples = Path(__file__).parents[2] / "kustomize" / "samples"
    shutil.copytree(samples, tmp_path / "samples")
    cluster = store(tmp_path)
    assert cluster.problems == []
    assert len(ats(cluster)) == len(list(samples.glob("at_*.yaml")))
