"""A pass that is held up at any point, while the world goes on without it."""

from __future__ import annotations

import os
import signal
from contextlib import suppress

import pytest

from cnat.cluster.transport import ADMISSION_SECONDS, CREATE_SECONDS
from cnat.core.observed_pod import Pod
from cnat.core.plan import MIN_POD_AGE_SECONDS
from cnat.engine import workers
from cnat.engine.tasks import RECENT_SECONDS
from tests.exactly_once.counted import CountedSandbox, poll
from tests.exactly_once.interceptor import Killed, nobody
from tests.exactly_once.passes import Cluster, Limits, one
from tests.exactly_once.proxy import Fault, Strike
from tests.exactly_once.scenario import ended
from tests.exactly_once.timed import TimedSandbox
from tests.support.sandbox import RealSandbox, at


@pytest.fixture
def all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was read long ago is looked at again as if many waited to be started."""
    monkeypatch.setattr(workers, "pays", lambda *_: True)


@pytest.fixture(params=["one by one", "all at once"])
def read_again(request: pytest.FixtureRequest) -> None:
    """How what was read long ago is looked at again: each way in turn."""
    if request.param == "all at once":
        request.getfixturevalue("all_at_once")


@pytest.mark.usefixtures("read_again")
@pytest.mark.parametrize("seconds", [0.0, 10.0, RECENT_SECONDS, MIN_POD_AGE_SECONDS, 3600.0])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_run_that_ended_while_a_pass_was_held_up_does_not_start_again(
    timed: TimedSandbox, when: str, seconds: float
) -> None:
    number = 0
    requests = ["unknown"]
    while number < len(requests):
        number += 1
        timed.sandbox.apply(at("cnrex", ttlSecondsAfterFinished=0))

        def hold(k: int, request: str, here: int = number) -> None:
            # One instruction before the create, no longer time can be told from none: see the
            # limits in docs/promise.md.
            late = (when, request) == ("before", "create_pod") and seconds > CREATE_SECONDS
            if k == here and not late:
                timed.a_whole_life(seconds)

        requests = timed.one_pass(*((hold, nobody) if when == "before" else (nobody, hold)))
        assert timed.creations.repeated == [], f"held up {when} request {number} of {requests}"
        timed.sandbox.delete_at("cnrex")
        timed.clock.go_on(100.0)
        timed.one_pass()


# Each answers one page, and that there is no other.
LISTS = ("pods", "pods", "ats", "ats")


def fail(timed: TimedSandbox) -> None:
    """The Pod that hasn't ended yet fails; its end is put on record."""
    for pod in timed.sandbox.pods():
        if Pod.of(pod).phase == "Pending":
            timed.sandbox.set_pod_status(Pod.of(pod).name, {"phase": "Failed"})
    timed.one_pass()


@pytest.mark.usefixtures("read_again")
@pytest.mark.parametrize("seconds", [0.0, 10.0, RECENT_SECONDS, MIN_POD_AGE_SECONDS, 3600.0])
@pytest.mark.parametrize("when", ["before", "after"])
def test_an_attempt_that_ended_while_a_pass_was_held_up_is_not_made_again(
    timed: TimedSandbox, when: str, seconds: float
) -> None:
    number = 0
    requests = ["unknown"]
    while number < len(requests):
        number += 1
        timed.sandbox.apply(at("cnrex", ttlSecondsAfterFinished=0, retryPolicy="Failed"))
        timed.one_pass()
        fail(timed)
        timed.clock.go_on(10.0)

        def hold(k: int, request: str, here: int = number) -> None:
            late = (when, request) == ("before", "create_pod") and seconds > CREATE_SECONDS
            if k == here and not late:
                timed.a_whole_life(seconds)

        requests = timed.one_pass(*((hold, nobody) if when == "before" else (nobody, hold)))
        assert timed.creations.repeated == [], f"held up {when} request {number} of {requests}"
        timed.sandbox.delete_at("cnrex")
        timed.clock.go_on(100.0)
        timed.one_pass()


def kill_after_create(_: int, request: str) -> None:
    if request == "create_pod":
        raise Killed


@pytest.mark.usefixtures("read_again")
def test_a_pod_made_by_a_pass_that_was_killed_is_seen_before_another_is_made(
    timed: TimedSandbox,
) -> None:
    """A pass is held up after its lists. Nothing of that Pod is on record, until all of its life is
    while a create of the pass is on its way."""
    timed.sandbox.apply(at("cnrex", ttlSecondsAfterFinished=0))

    def hold(k: int, _: str) -> None:
        if k == len(LISTS):
            with suppress(Killed):
                timed.one_pass(after=kill_after_create)
            timed.clock.go_on(MIN_POD_AGE_SECONDS)

    def overtake(_: int, request: str) -> None:
        if request == "create_pod":
            timed.a_whole_life(0.0)

    timed.one_pass(before=overtake, after=hold)
    assert timed.creations.counts.total() == 1


@pytest.mark.usefixtures("all_at_once")
@pytest.mark.parametrize("seconds", [0.0, 10.0, RECENT_SECONDS, MIN_POD_AGE_SECONDS, 3600.0])
def test_a_run_that_ended_while_all_were_looked_at_again_does_not_start_again(
    timed: TimedSandbox, seconds: float
) -> None:
    number = len(LISTS)
    requests = ["unknown"] * (number + 1)
    while number < len(requests):
        number += 1
        timed.sandbox.apply(at("cnrex", ttlSecondsAfterFinished=0))

        def hold(k: int, request: str, here: int = number) -> None:
            if k == len(LISTS):
                timed.clock.go_on(RECENT_SECONDS + 1.0)
            if k == here and request != "create_pod":
                timed.a_whole_life(seconds)

        requests = timed.one_pass(after=hold)
        assert timed.creations.repeated == [], f"held up after request {number} of {requests}"
        timed.sandbox.delete_at("cnrex")
        timed.clock.go_on(100.0)
        timed.one_pass()


def test_an_attempt_made_between_two_reads_is_looked_for_before_it_is_made(
    timed: TimedSandbox,
) -> None:
    """A pass is held up after it has read the At. It looks for the second attempt again, and finds
    by the At that it is the third's turn, which another pass made long ago, and was killed over.
    That one ends while the create is on its way."""
    timed.sandbox.apply(at("cnrex", ttlSecondsAfterFinished=0, retryPolicy="Failed"))
    timed.one_pass()
    fail(timed)
    timed.clock.go_on(10.0)

    def hold(k: int, _: str) -> None:
        if k == len(LISTS) + 1:
            timed.one_pass()
            fail(timed)
            timed.clock.go_on(20.0)
            with suppress(Killed):
                timed.one_pass(after=kill_after_create)
            timed.clock.go_on(MIN_POD_AGE_SECONDS - 10.0)

    def overtake(_: int, request: str) -> None:
        if request == "create_pod":
            timed.a_whole_life(20.0)

    timed.one_pass(before=overtake, after=hold)
    assert timed.creations.counts.total() == 3
    assert timed.creations.repeated == []


@pytest.mark.parametrize("number", [1, 2, 3])
def test_an_at_that_comes_and_starts_in_the_middle_of_a_pass_keeps_its_pod_held(
    timed: TimedSandbox, number: int
) -> None:
    timed.sandbox.apply(at("other", suspend=True))
    timed.one_pass()

    def come(k: int, _: str) -> None:
        if k == number:
            timed.sandbox.apply(at("cnrex"))
            timed.one_pass()
            timed.clock.go_on(MIN_POD_AGE_SECONDS)

    timed.one_pass(before=come)
    (pod,) = timed.sandbox.pods()
    assert Pod.of(pod).has_finalizer


def test_a_create_outlasts_the_slowest_webhook() -> None:
    """`timeoutSeconds` is 30 at most, and a further try then hears what became of it."""
    assert 30.0 < ADMISSION_SECONDS < CREATE_SECONDS


def test_the_times_add_up() -> None:
    """A create is over before the Pod that it may repeat can be gone, a second being rounded."""
    assert RECENT_SECONDS + CREATE_SECONDS + 1.0 < MIN_POD_AGE_SECONDS


def test_a_deleted_pod_keeps_its_name_for_a_minute(counted: CountedSandbox) -> None:
    name = counted.start(at())
    counted.sandbox.delete_pod(name)
    counted.until_silent()
    assert counted.outcome("cnrex") == ("Failed", "PodDeleted")
    assert Pod.of(counted.pod(name)).has_finalizer


def test_a_create_that_arrives_when_its_run_has_come_and_gone_starts_nothing(
    real: CountedSandbox, cluster: Cluster
) -> None:
    """By processes: one's create is on its way while others see the whole run."""
    assert isinstance(real.sandbox, RealSandbox)
    namespace, limits = real.sandbox.namespace, Limits(min_pod_age=None)
    real.sandbox.apply(at(ttlSecondsAfterFinished=0))
    with cluster.proxy.session(Strike(Fault.LATE, 1, "create pods")) as session:
        straggler = cluster.runner.start(
            f"--kubeconfig={session.kubeconfig}", f"--namespace={namespace}"
        )
        poll(lambda: bool(session.struck))
        one(cluster, namespace, limits=limits)
        name = real.pod_of("cnrex")
        real.sandbox.set_pod_status(name, ended(0))
        one(cluster, namespace, limits=limits)
        one(cluster, namespace, limits=limits)
        os.kill(straggler.pid, signal.SIGKILL)
        straggler.wait()
    assert real.outcome("cnrex") == ("Succeeded", "Completed")
    assert cluster.pod_watch.created(namespace) == {name: 1}
