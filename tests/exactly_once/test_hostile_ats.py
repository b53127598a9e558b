"""What users do to Ats at the worst moment: each run happens once, and nothing else is touched."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from cnat import api
from tests.exactly_once.observed import Observed, poll
from tests.exactly_once.scenario import DUE, FUTURE, LATER, ended
from tests.worlds import Manifest, RealWorld, at

AFTER_LATER = datetime(2024, 5, 21, 3, tzinfo=UTC)


def in_a_while() -> datetime:
    return datetime.now(UTC) + timedelta(minutes=10)


def armed(observed: Observed) -> None:
    observed.world.apply(at(schedule=FUTURE))
    observed.reconcile()


def running(observed: Observed) -> None:
    observed.start(at())


def unrecorded(observed: Observed) -> None:
    observed.start(at())
    observed.world.set_at_status("cnrex", None)


def finished(observed: Observed) -> None:
    name = observed.start(at())
    observed.world.set_pod_status(name, ended(0))


def recorded(observed: Observed) -> None:
    finished(observed)
    observed.until_silent()


def cleaned_up(observed: Observed) -> None:
    finished(observed)
    observed.until_silent(in_a_while())
    observed.world.delete_pod(observed.pod_of("cnrex"))


def lost(observed: Observed) -> None:
    name = observed.start(at())
    observed.world.edit_pod(name, {"finalizers": None})
    observed.world.delete_pod(name)
    observed.until_silent()


def missed(observed: Observed) -> None:
    observed.world.apply(at(startingDeadlineSeconds=0))
    observed.reconcile()


def suspended(observed: Observed) -> None:
    observed.world.apply(at(suspend=True))
    observed.reconcile()


Phase = Callable[[Observed], None]

HAD_A_POD: list[Phase] = [running, unrecorded, finished, recorded, cleaned_up, lost]
ALL: list[Phase] = [armed, missed, suspended, *HAD_A_POD]


def finish_all(observed: Observed) -> None:
    """Let every Pod end, and every outcome be recorded, whatever that takes."""
    for _ in range(3):
        for pod in observed.world.pods():
            if api.Pod(pod).phase == "Pending" and not api.Pod(pod).deleted:
                observed.world.set_pod_status(pod["metadata"]["name"], ended(0))
        observed.until_silent(in_a_while())


def instants(manifest: Manifest) -> list[str]:
    """The instants of all recorded runs, newest record first."""
    status = manifest["status"]
    current = [status["scheduledTime"]] if status["phase"] in api.FINISHED_PHASES else []
    return current + [run["scheduledTime"] for run in status.get("history", [])]


@pytest.mark.parametrize("phase", ALL)
def test_an_edited_schedule_runs_once_more(observed: Observed, phase: Phase) -> None:
    phase(observed)
    before = observed.started("cnrex") if phase in HAD_A_POD else 0
    observed.world.apply(at(schedule=LATER))
    finish_all(observed)
    assert observed.started("cnrex") == before + 1
    assert instants(observed.world.at("cnrex"))[0] == LATER
    assert observed.creations.repeated == []


@pytest.mark.parametrize("phase", HAD_A_POD)
def test_a_schedule_edited_away_and_put_back_runs_no_second_time(
    observed: Observed, phase: Phase
) -> None:
    phase(observed)
    observed.world.apply(at(schedule=FUTURE))
    finish_all(observed)
    for pod in observed.world.pods():
        observed.world.delete_pod(pod["metadata"]["name"])
    observed.world.apply(at())
    finish_all(observed)
    assert observed.started("cnrex") == 1
    assert instants(observed.world.at("cnrex")) == [DUE]


@pytest.mark.parametrize("phase", HAD_A_POD)
def test_a_schedule_put_back_before_any_pass_saw_the_edit_runs_no_second_time(
    observed: Observed, phase: Phase
) -> None:
    phase(observed)
    observed.world.apply(at(schedule=FUTURE))
    observed.world.apply(at())
    finish_all(observed)
    assert observed.started("cnrex") == 1


def test_each_of_two_schedules_put_back_in_turn_runs_once(observed: Observed) -> None:
    for schedule in (DUE, LATER, DUE, LATER, FUTURE, DUE, LATER):
        observed.world.apply(at(schedule=schedule))
        finish_all(observed)
    assert observed.started("cnrex") == 2
    assert instants(observed.world.at("cnrex")) == [LATER, DUE]


def test_the_same_instant_in_other_words_is_the_same_run(observed: Observed) -> None:
    for spec in (
        {"schedule": DUE},
        {"schedule": "2023-05-21T10:00:00+08:00"},
        {"schedule": "2023-05-21T02:00:00.000Z"},
        {"schedule": "2023-05-21T04:00:00", "timeZone": "Europe/Berlin"},
    ):
        observed.world.apply(at(**spec))
        finish_all(observed)
    assert observed.started("cnrex") == 1


def test_a_missed_run_that_is_put_back_stays_missed(observed: Observed) -> None:
    missed(observed)
    observed.world.apply(at(schedule=FUTURE))
    observed.until_silent()
    observed.world.apply(at())
    observed.until_silent()
    assert observed.outcome("cnrex") == ("Missed", "DeadlineMissed")
    assert observed.started("cnrex") == 0


@pytest.mark.parametrize("phase", ALL)
def test_a_deleted_at_leaves_nothing_held(observed: Observed, phase: Phase) -> None:
    phase(observed)
    observed.world.delete_at("cnrex")
    observed.until_silent(in_a_while())
    assert [pod for pod in observed.world.pods() if api.Pod(pod).held] == []


@pytest.mark.parametrize("phase", ALL)
def test_an_at_recreated_under_its_name_is_another_one_and_runs_once(
    observed: Observed, phase: Phase
) -> None:
    phase(observed)
    observed.world.delete_at("cnrex")
    observed.world.apply(at())
    finish_all(observed)
    assert observed.started("cnrex") == 1
    assert observed.outcome("cnrex") == ("Succeeded", "Completed")


@pytest.mark.parametrize("number", range(1, 7))
def test_an_at_recreated_in_the_middle_of_a_pass_gets_nothing_meant_for_the_old_one(
    observed: Observed, number: int
) -> None:
    observed.world.apply(at())

    def recreate(k: int, _: str) -> None:
        if k == number:
            observed.world.delete_at("cnrex")
            observed.world.apply(at(schedule=FUTURE))

    results = observed.reconcile(before=recreate)
    assert results.failures == []
    observed.until_silent(AFTER_LATER)
    assert observed.outcome("cnrex") == ("Pending", "")
    assert observed.started("cnrex") == 0


@pytest.mark.parametrize("number", range(1, 7))
def test_a_schedule_edited_in_the_middle_of_a_pass_starts_at_most_the_two_runs_it_named(
    observed: Observed, number: int
) -> None:
    observed.world.apply(at())

    def edit(k: int, _: str) -> None:
        if k == number:
            observed.world.apply(at(schedule=LATER))

    observed.reconcile(before=edit)
    finish_all(observed)
    assert observed.creations.repeated == []
    assert LATER in instants(observed.world.at("cnrex"))
    assert observed.started("cnrex") == len(instants(observed.world.at("cnrex"))) <= 2


@pytest.mark.parametrize("policy", ["Background", "Foreground", "Orphan"])
def test_an_at_deleted_in_any_way_leaves_nothing_held(real: Observed, policy: str) -> None:
    name = real.start(at())
    assert isinstance(real.world, RealWorld)
    path = real.world.ats
    real.world.request("DELETE", f"{path}/cnrex?propagationPolicy={policy}")
    poll(lambda: exists(real, f"{path}/cnrex") is None)
    real.until_silent(in_a_while())
    assert [pod["metadata"]["name"] for pod in real.world.pods() if api.Pod(pod).held] == []
    if policy == "Orphan":
        assert real.pod(name)["metadata"].get("ownerReferences") is None


def test_a_pod_that_lost_its_owner_is_let_go_with_its_at(observed: Observed) -> None:
    name = observed.start(at())
    observed.world.edit_pod(name, {"ownerReferences": None})
    observed.until_silent(in_a_while())
    assert api.Pod(observed.pod(name)).held
    observed.world.delete_at("cnrex")
    observed.until_silent(in_a_while())
    assert not api.Pod(observed.pod(name)).held


def exists(real: Observed, path: str) -> Manifest | None:
    """The object, None if there is none."""
    assert isinstance(real.world, RealWorld)
    found = real.world.request("GET", path, accept={404})
    return None if found["kind"] == "Status" else found


@pytest.fixture
def deleting(real: Observed) -> Iterator[Manifest]:
    """An At that stays for as long as somebody's finalizer keeps it."""
    held = at()
    held["metadata"]["finalizers"] = ["example.org/wait"]
    yield held
    assert isinstance(real.world, RealWorld)
    patch = {"metadata": {"finalizers": None}}
    kind = "application/merge-patch+json"
    real.world.request("PATCH", f"{real.world.ats}/cnrex", patch, content_type=kind)


def test_an_at_that_is_being_deleted_starts_nothing(real: Observed, deleting: Manifest) -> None:
    real.world.apply(deleting)
    real.world.delete_at("cnrex")
    real.until_silent()
    assert real.started("cnrex") == 0


def test_the_outcome_of_an_at_that_is_being_deleted_is_still_recorded(
    real: Observed, deleting: Manifest
) -> None:
    name = real.start(deleting)
    real.world.delete_at("cnrex")
    real.world.set_pod_status(name, ended(3))
    real.until_silent(in_a_while())
    assert real.outcome("cnrex") == ("Failed", "Error")


@pytest.mark.exhaustive
def test_a_namespace_can_be_deleted_with_a_run_under_way(real: Observed) -> None:
    assert isinstance(real.world, RealWorld)
    real.start(at())
    real.world.apply(at("waiting", schedule=FUTURE))
    path = f"/api/v1/namespaces/{real.world.namespace}"
    real.world.request("DELETE", path)

    def is_gone() -> bool:
        real.reconcile(in_a_while())
        return exists(real, path) is None

    poll(is_gone)


def test_nothing_starts_nor_fails_in_a_namespace_that_is_being_deleted(real: Observed) -> None:
    assert isinstance(real.world, RealWorld)
    real.world.apply(at())
    real.world.request("DELETE", f"/api/v1/namespaces/{real.world.namespace}")
    assert real.reconcile().failures == []
    assert not real.creations.counts
