"""What users do to Ats at the worst moment: each run happens once, and nothing else is touched."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from cnat.core import api
from cnat.core.observed_pod import Pod
from tests.exactly_once.counted import CountedSandbox, poll
from tests.exactly_once.scenario import DUE, FUTURE, LATER, ended
from tests.support.sandbox import Manifest, RealSandbox, at

AFTER_LATER = datetime(2024, 5, 21, 3, tzinfo=UTC)


def in_a_while() -> datetime:
    return datetime.now(UTC) + timedelta(minutes=10)


def armed(counted: CountedSandbox) -> None:
    counted.sandbox.apply(at(schedule=FUTURE))
    counted.reconcile()


def running(counted: CountedSandbox) -> None:
    counted.start(at())


def unrecorded(counted: CountedSandbox) -> None:
    counted.start(at())
    counted.sandbox.set_at_status("cnrex", None)


def finished(counted: CountedSandbox) -> None:
    name = counted.start(at())
    counted.sandbox.set_pod_status(name, ended(0))


def recorded(counted: CountedSandbox) -> None:
    finished(counted)
    counted.until_silent()


def cleaned_up(counted: CountedSandbox) -> None:
    finished(counted)
    counted.until_silent(in_a_while())
    counted.sandbox.delete_pod(counted.pod_of("cnrex"))


def lost(counted: CountedSandbox) -> None:
    name = counted.start(at())
    counted.sandbox.edit_pod(name, {"finalizers": None})
    counted.sandbox.delete_pod(name)
    counted.until_silent()


def missed(counted: CountedSandbox) -> None:
    counted.sandbox.apply(at(startingDeadlineSeconds=0))
    counted.reconcile()


def suspended(counted: CountedSandbox) -> None:
    counted.sandbox.apply(at(suspend=True))
    counted.reconcile()


Phase = Callable[[CountedSandbox], None]

HAD_A_POD: list[Phase] = [running, unrecorded, finished, recorded, cleaned_up, lost]
ALL: list[Phase] = [armed, missed, suspended, *HAD_A_POD]


def finish_all(counted: CountedSandbox) -> None:
    """Let every Pod end, and every outcome be recorded, whatever that takes."""
    for _ in range(3):
        for pod in counted.sandbox.pods():
            if Pod.of(pod).phase == "Pending" and not Pod.of(pod).deleted:
                counted.sandbox.set_pod_status(pod["metadata"]["name"], ended(0))
        counted.until_silent(in_a_while())


def instants(manifest: Manifest) -> list[str]:
    """The instants of all recorded runs, newest record first."""
    status = manifest["status"]
    current = [status["scheduledTime"]] if status["phase"] in api.FINISHED_PHASES else []
    return current + [run["scheduledTime"] for run in status.get("history", [])]


@pytest.mark.parametrize("phase", ALL)
def test_an_edited_schedule_runs_once_more(counted: CountedSandbox, phase: Phase) -> None:
    phase(counted)
    before = counted.started("cnrex") if phase in HAD_A_POD else 0
    counted.sandbox.apply(at(schedule=LATER))
    finish_all(counted)
    assert counted.started("cnrex") == before + 1
    assert instants(counted.sandbox.at("cnrex"))[0] == LATER
    assert counted.creations.repeated == []


@pytest.mark.parametrize("phase", HAD_A_POD)
def test_a_schedule_edited_away_and_put_back_runs_no_second_time(
    counted: CountedSandbox, phase: Phase
) -> None:
    phase(counted)
    counted.sandbox.apply(at(schedule=FUTURE))
    finish_all(counted)
    for pod in counted.sandbox.pods():
        counted.sandbox.delete_pod(pod["metadata"]["name"])
    counted.sandbox.apply(at())
    finish_all(counted)
    assert counted.started("cnrex") == 1
    assert instants(counted.sandbox.at("cnrex")) == [DUE]


@pytest.mark.parametrize("phase", HAD_A_POD)
def test_a_schedule_put_back_before_any_pass_saw_the_edit_runs_no_second_time(
    counted: CountedSandbox, phase: Phase
) -> None:
    phase(counted)
    counted.sandbox.apply(at(schedule=FUTURE))
    counted.sandbox.apply(at())
    finish_all(counted)
    assert counted.started("cnrex") == 1


def test_each_of_two_schedules_put_back_in_turn_runs_once(counted: CountedSandbox) -> None:
    for schedule in (DUE, LATER, DUE, LATER, FUTURE, DUE, LATER):
        counted.sandbox.apply(at(schedule=schedule))
        finish_all(counted)
    assert counted.started("cnrex") == 2
    assert instants(counted.sandbox.at("cnrex")) == [LATER, DUE]


def test_the_same_instant_in_other_words_is_the_same_run(counted: CountedSandbox) -> None:
    for spec in (
        {"schedule": DUE},
        {"schedule": "2023-05-21T10:00:00+08:00"},
        {"schedule": "2023-05-21T02:00:00.000Z"},
        {"schedule": "2023-05-21T04:00:00", "timeZone": "Europe/Berlin"},
    ):
        counted.sandbox.apply(at(**spec))
        finish_all(counted)
    assert counted.started("cnrex") == 1


def test_a_missed_run_that_is_put_back_stays_missed(counted: CountedSandbox) -> None:
    missed(counted)
    counted.sandbox.apply(at(schedule=FUTURE))
    counted.until_silent()
    counted.sandbox.apply(at())
    counted.until_silent()
    assert counted.outcome("cnrex") == ("Missed", "DeadlineMissed")
    assert counted.started("cnrex") == 0


@pytest.mark.parametrize("phase", ALL)
def test_a_deleted_at_leaves_nothing_held(counted: CountedSandbox, phase: Phase) -> None:
    phase(counted)
    counted.sandbox.delete_at("cnrex")
    counted.until_silent(in_a_while())
    assert [pod for pod in counted.sandbox.pods() if Pod.of(pod).has_finalizer] == []


@pytest.mark.parametrize("phase", ALL)
def test_an_at_recreated_under_its_name_is_another_one_and_runs_once(
    counted: CountedSandbox, phase: Phase
) -> None:
    phase(counted)
    counted.sandbox.delete_at("cnrex")
    counted.sandbox.apply(at())
    finish_all(counted)
    assert counted.started("cnrex") == 1
    assert counted.outcome("cnrex") == ("Succeeded", "Completed")


@pytest.mark.parametrize("number", range(1, 7))
def test_an_at_recreated_in_the_middle_of_a_pass_gets_nothing_meant_for_the_old_one(
    counted: CountedSandbox, number: int
) -> None:
    counted.sandbox.apply(at())

    def recreate(k: int, _: str) -> None:
        if k == number:
            counted.sandbox.delete_at("cnrex")
            counted.sandbox.apply(at(schedule=FUTURE))

    results = counted.reconcile(before=recreate)
    assert results.failures == []
    counted.until_silent(AFTER_LATER)
    assert counted.outcome("cnrex") == ("Pending", "")
    assert counted.started("cnrex") == 0


@pytest.mark.parametrize("number", range(1, 7))
def test_a_schedule_edited_in_the_middle_of_a_pass_starts_at_most_the_two_runs_it_named(
    counted: CountedSandbox, number: int
) -> None:
    counted.sandbox.apply(at())

    def edit(k: int, _: str) -> None:
        if k == number:
            counted.sandbox.apply(at(schedule=LATER))

    counted.reconcile(before=edit)
    finish_all(counted)
    assert counted.creations.repeated == []
    assert LATER in instants(counted.sandbox.at("cnrex"))
    assert counted.started("cnrex") == len(instants(counted.sandbox.at("cnrex"))) <= 2


@pytest.mark.parametrize("policy", ["Background", "Foreground", "Orphan"])
def test_an_at_deleted_in_any_way_leaves_nothing_held(real: CountedSandbox, policy: str) -> None:
    name = real.start(at())
    assert isinstance(real.sandbox, RealSandbox)
    await_the_garbage_collector(real.sandbox)
    path = real.sandbox.ats
    real.sandbox.request("DELETE", f"{path}/cnrex?propagationPolicy={policy}")
    poll(lambda: exists(real, f"{path}/cnrex") is None)
    real.until_silent(in_a_while())
    assert [
        pod["metadata"]["name"] for pod in real.sandbox.pods() if Pod.of(pod).has_finalizer
    ] == []
    if policy == "Orphan":
        assert real.pod(name)["metadata"].get("ownerReferences") is None


def test_a_pod_that_lost_its_owner_is_let_go_with_its_at(counted: CountedSandbox) -> None:
    name = counted.start(at())
    counted.sandbox.edit_pod(name, {"ownerReferences": None})
    counted.until_silent(in_a_while())
    assert Pod.of(counted.pod(name)).has_finalizer
    counted.sandbox.delete_at("cnrex")
    counted.until_silent(in_a_while())
    assert not Pod.of(counted.pod(name)).has_finalizer


def await_the_garbage_collector(sandbox: RealSandbox) -> None:
    """Until it knows the Pods of now, or it would overlook one that it should orphan.

    It hears of them in their order, and removes one whose owner there never was.
    """
    nobody = {
        "apiVersion": api.API_VERSION,
        "kind": api.KIND,
        "name": "nobody",
        "uid": str(uuid4()),
    }
    container = {"name": "none", "image": "none"}
    metadata = {"name": "marker", "ownerReferences": [nobody]}
    sandbox.create_pod({"metadata": metadata, "spec": {"containers": [container]}})
    path = f"{sandbox.core}/pods/marker"
    poll(lambda: sandbox.request("GET", path, accept={404})["kind"] == "Status")


def exists(real: CountedSandbox, path: str) -> Manifest | None:
    """The object, None if there is none."""
    assert isinstance(real.sandbox, RealSandbox)
    found = real.sandbox.request("GET", path, accept={404})
    return None if found["kind"] == "Status" else found


@pytest.fixture
def deleting(real: CountedSandbox) -> Iterator[Manifest]:
    """An At that stays for as long as somebody's finalizer keeps it."""
    held = at()
    held["metadata"]["finalizers"] = ["example.org/wait"]
    yield held
    assert isinstance(real.sandbox, RealSandbox)
    patch = {"metadata": {"finalizers": None}}
    kind = "application/merge-patch+json"
    real.sandbox.request("PATCH", f"{real.sandbox.ats}/cnrex", patch, content_type=kind)


def test_an_at_that_is_being_deleted_starts_nothing(
    real: CountedSandbox, deleting: Manifest
) -> None:
    real.sandbox.apply(deleting)
    real.sandbox.delete_at("cnrex")
    real.until_silent()
    assert real.started("cnrex") == 0


def test_the_outcome_of_an_at_that_is_being_deleted_is_still_recorded(
    real: CountedSandbox, deleting: Manifest
) -> None:
    name = real.start(deleting)
    real.sandbox.delete_at("cnrex")
    real.sandbox.set_pod_status(name, ended(3))
    real.until_silent(in_a_while())
    assert real.outcome("cnrex") == ("Failed", "Error")


@pytest.mark.exhaustive
def test_a_namespace_can_be_deleted_with_a_run_under_way(real: CountedSandbox) -> None:
    assert isinstance(real.sandbox, RealSandbox)
    real.start(at())
    real.sandbox.apply(at("waiting", schedule=FUTURE))
    path = f"/api/v1/namespaces/{real.sandbox.namespace}"
    real.sandbox.request("DELETE", path)

    def is_gone() -> bool:
        real.reconcile(in_a_while())
        return exists(real, path) is None

    poll(is_gone)


def test_nothing_starts_nor_fails_in_a_namespace_that_is_being_deleted(
    real: CountedSandbox,
) -> None:
    assert isinstance(real.sandbox, RealSandbox)
    real.sandbox.apply(at())
    real.sandbox.request("DELETE", f"/api/v1/namespaces/{real.sandbox.namespace}")
    assert real.reconcile().failures == []
    assert not real.creations.counts
