"""A model of everybody: users, kubelets, passes, crashes, time. What must hold, holds after each
step; and when the faults stop, everything that is due comes to an end."""

from __future__ import annotations

import tempfile
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from cnat.cluster.protocol import Rejected
from cnat.core import api, attempts, pod
from cnat.core.at import At
from cnat.core.observed_pod import Pod
from cnat.core.schedule import rfc3339
from cnat.engine.results import Results
from tests.exactly_once.counted import CountedSandbox
from tests.exactly_once.interceptor import Hook, Killed, nobody
from tests.exactly_once.overlooked import overlooked
from tests.exactly_once.scenario import WAITING, ended
from tests.exactly_once.test_hostile_pods import RUNNING
from tests.support.sandbox import EmbeddedSandbox, Manifest, RealSandbox, Sandbox, at

NAMES = ("a", "b", "c")
OFFSETS = (-3600, -60, 0, 60, 600)
REFUSED = [{"name": "shell"}] * 2
# A straggler, a kubelet that reports late, and time to live.
ENOUGH_PASSES = 12
MOST_PODS = 3

names = st.sampled_from(NAMES)
offsets = st.sampled_from(OFFSETS)
seconds = st.sampled_from([None, 0, 90])
retries = st.one_of(
    st.just({}),
    st.builds(
        lambda policy, limit: {"retryPolicy": policy, "backoffLimit": limit},
        st.sampled_from(["NotStarted", "Disrupted", "Failed"]),
        st.integers(0, MOST_PODS - 1),
    ),
)
requests = st.integers(1, 25)
choices = st.integers(0, 9)


@dataclass
class Expected:
    """What the model knows of one At, by its uid."""

    spec: Manifest
    metadata: Manifest
    outcomes: dict[str, tuple[str, str]] = field(default_factory=dict)  # by Pod: instant, phase
    policies: set[str] = field(default_factory=set)  # all that it has had


def _users(manifest: Manifest) -> Manifest:
    kept = ("labels", "annotations", "finalizers", "ownerReferences", "generation", "uid")
    return {key: manifest["metadata"][key] for key in kept if key in manifest["metadata"]}


class Everybody(RuleBasedStateMachine):
    """The rules of the model. Where it is played is up to a subclass."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = self.opened()
        self.sandbox: Sandbox = self.stack.__enter__()
        self.counted = CountedSandbox(self.sandbox)
        self.start = datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=1)
        self.now = self.start
        self.known: dict[str, Expected] = {}
        self.foreign: dict[str, Manifest] = {}
        self.early: list[str] = []
        self.unfounded: list[str] = []
        self.executed: set[tuple[str, str | None]] = set()  # (uid, instant)
        self.counted.creations.seen = self.created

    @abstractmethod
    def opened(self) -> AbstractContextManager[Sandbox]:
        """A sandbox of its own for each play."""

    def teardown(self) -> None:
        try:
            self.comes_to_an_end()
        finally:
            self.stack.__exit__(None, None, None)

    # What is there

    def ats(self) -> dict[str, Manifest]:
        found = {}
        for name in NAMES:
            with suppress(Rejected):
                found[name] = self.sandbox.at(name)
        return found

    def ours(self) -> list[Pod]:
        return sorted(
            (Pod.of(raw) for raw in self.sandbox.pods() if Pod.of(raw).at_uid),
            key=lambda each: each.name,
        )

    def one_of(self, pods: list[Pod], choice: int) -> Pod | None:
        return pods[choice % len(pods)] if pods else None

    def created(self, created: Pod) -> None:
        instant = created.scheduled_time
        if instant is None or self.now < instant:
            self.early.append(created.name)
        elif created.attempt and created.attempt > 1:
            self.follows(created, instant, created.attempt)

    def follows(self, created: Pod, instant: datetime, number: int) -> None:
        """Note a further attempt for which there was no good reason."""
        found = self.ats().get(created.at_name)
        if found is None or At(found).uid != created.at_uid:
            return  # It was deleted while the create was on its way.
        expected = self.known[created.at_uid]
        recorded = self.is_recorded(found, pod.name(At(found), instant, number - 1))
        ran = (created.at_uid, rfc3339(instant)) in self.executed
        at_least_once = expected.policies & {"Disrupted", "Failed"}
        if not recorded or number > MOST_PODS or (ran and not at_least_once):
            self.unfounded.append(f"{created.name} is attempt {number} of {found}")

    # Users

    @rule(
        name=names,
        offset=offsets,
        ttl=seconds,
        deadline=seconds,
        suspend=st.booleans(),
        retries=retries,
    )
    def applies(
        self,
        name: str,
        offset: int,
        ttl: int | None,
        deadline: int | None,
        suspend: bool,
        retries: Manifest,
    ) -> None:
        self.apply(name, offset, ttl, deadline, suspend=suspend, **retries)

    @rule(name=names, offset=offsets)
    def applies_what_will_be_refused(self, name: str, offset: int) -> None:
        self.apply(name, offset, None, None, suspend=False, containers=REFUSED)

    def apply(
        self,
        name: str,
        offset: int,
        ttl: int | None,
        deadline: int | None,
        **spec: Any,
    ) -> None:
        schedule = rfc3339(self.start + timedelta(seconds=offset))
        numbers = {"ttlSecondsAfterFinished": ttl, "startingDeadlineSeconds": deadline}
        given = {key: value for key, value in numbers.items() if value is not None}
        self.sandbox.apply(at(name, schedule=schedule, **given, **spec))
        found = self.sandbox.at(name)
        expected = self.known.setdefault(At(found).uid, Expected({}, {}))
        expected.spec, expected.metadata = found["spec"], _users(found)
        expected.policies.add(At(found).retry_policy)

    @rule(name=names)
    def deletes_an_at(self, name: str) -> None:
        with suppress(Rejected):
            self.sandbox.delete_at(name)

    @rule(choice=choices)
    def deletes_a_pod(self, choice: int) -> None:
        if chosen := self.one_of(self.ours(), choice):
            with suppress(Rejected):
                self.sandbox.delete_pod(chosen.name)

    @rule(choice=choices)
    def strips_a_pod_and_deletes_it(self, choice: int) -> None:
        """Only once its run is on record: before, this is what nobody can make good."""
        ats = {At(each).uid: each for each in self.ats().values()}
        recorded = [
            each
            for each in self.ours()
            if each.at_uid in ats and self.is_recorded(ats[str(each.at_uid)], each.name)
        ]
        if chosen := self.one_of(recorded, choice):
            self.sandbox.edit_pod(chosen.name, {"finalizers": None})
            with suppress(Rejected):
                self.sandbox.delete_pod(chosen.name)
            self.known[chosen.at_uid].outcomes.pop(chosen.name, None)

    def is_recorded(self, manifest: Manifest, name: str) -> bool:
        status = manifest.get("status", {})
        told = [status, *status.get("history", []), *status.get("attempts", [])]
        return name in [entry.get("podName") for entry in told]

    @rule(name=names)
    def takes_a_name(self, name: str) -> None:
        """Somebody creates a Pod under the name that the next run would have."""
        found = self.ats().get(name)
        if found is None:
            return
        taken = pod.name(At(found), At(found).instant, attempts.next_number(At(found)))
        manifest = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": taken, "labels": {api.MANAGED_BY: api.MANAGER}},
            "spec": {"containers": [{"name": "other", "image": "other"}]},
        }
        if (At(found).uid, taken) in self.counted.creations.counts:
            return  # The run has happened: there is nothing to disturb.
        with suppress(Rejected):
            self.sandbox.create_pod(manifest)
            self.foreign[taken] = self.counted.pod(taken)

    @precondition(lambda self: self.foreign)
    @rule()
    def gives_a_name_back(self) -> None:
        name, _ = self.foreign.popitem()
        self.sandbox.delete_pod(name)

    # Kubelets

    @rule(choice=choices, code=st.sampled_from([0, 3]))
    def a_pod_ends(self, choice: int, code: int) -> None:
        running = [each for each in self.ours() if each.phase in ("Pending", "Running")]
        if chosen := self.one_of(running, choice):
            self.end(chosen, code)

    def end(self, chosen: Pod, code: int) -> None:
        # What is already recorded as deleted or lost stays recorded as that.
        uid, instant = str(chosen.at_uid), str(instant_of(chosen))
        found = [each for each in self.ats().values() if At(each).uid == uid]
        over = {
            rfc3339(run.instant)
            for each in found
            for run in At(each).status.ended_runs
            if run.instant
        }
        if chosen.has_finalizer and instant not in over:
            self.known[uid].outcomes[chosen.name] = instant, "Failed" if code else "Succeeded"
        self.executed.add((uid, instant))
        self.sandbox.set_pod_status(chosen.name, ended(code))

    @rule(choice=choices, progress=st.sampled_from([RUNNING, WAITING]))
    def a_pod_gets_on(self, choice: int, progress: Manifest) -> None:
        running = [each for each in self.ours() if each.phase in ("Pending", "Running")]
        if chosen := self.one_of(running, choice):
            if progress is RUNNING:
                self.executed.add((chosen.at_uid, instant_of(chosen)))
            self.sandbox.set_pod_status(chosen.name, progress)

    # Time

    @rule(passed=st.sampled_from([1, 30, 60, 600]))
    def time_passes(self, passed: int) -> None:
        self.now += timedelta(seconds=passed)

    # cnat

    def run(self, before: Hook = nobody, after: Hook = nobody) -> Results:
        return self.counted.reconcile(self.now, before, after)

    @rule()
    def a_pass(self) -> None:
        results = self.run()
        if results.conflicts:
            return  # It fell over what the control plane did meanwhile.
        again = self.run()
        assert again.changes == [], "a pass right after a pass wrote something"

    @rule(name=names)
    def a_pass_a_moment_before_the_instant(self, name: str) -> None:
        found = self.ats().get(name)
        if found is not None:
            self.now = max(self.now, At(found).instant - timedelta(microseconds=1))
            self.run()

    @rule(number=requests, before=st.booleans())
    def a_pass_that_is_killed(self, number: int, before: bool) -> None:
        def kill(k: int, _: str) -> None:
            if k == number:
                raise Killed

        with suppress(Killed):
            self.run(before=kill) if before else self.run(after=kill)

    @rule(number=requests)
    def a_pass_in_the_middle_of_a_pass(self, number: int) -> None:
        def interrupt(k: int, _: str) -> None:
            if k == number:
                self.run()

        self.run(before=interrupt)

    @rule(number=requests, name=names, offset=offsets)
    def an_edit_in_the_middle_of_a_pass(self, number: int, name: str, offset: int) -> None:
        def edit(k: int, _: str) -> None:
            if k == number:
                self.apply(name, offset, None, None)

        self.run(before=edit)

    @rule(number=requests, name=names)
    def a_deletion_in_the_middle_of_a_pass(self, number: int, name: str) -> None:
        def delete(k: int, _: str) -> None:
            if k == number:
                self.deletes_an_at(name)

        self.run(before=delete)

    # What must hold

    @invariant()
    def never_early(self) -> None:
        assert self.early == []

    @invariant()
    def never_twice(self) -> None:
        assert self.counted.creations.repeated == []

    @invariant()
    def no_outcome_is_lost(self) -> None:
        held = {each.name for each in self.ours() if each.has_finalizer}
        for found in self.ats().values():
            record = At(found).status
            runs = {rfc3339(run.instant): run for run in record.ended_runs if run.instant}
            attempts = {each.pod_name for each in record.attempts}
            for name, (instant, phase) in self.known[At(found).uid].outcomes.items():
                if name not in held | attempts:
                    assert instant in runs
                    # Of a run in the history, the earlier attempts are not kept.
                    if runs[instant].pod_name == name:
                        assert runs[instant].phase == phase

    @invariant()
    def never_again_without_reason(self) -> None:
        assert self.unfounded == []

    @invariant()
    def what_is_settled_has_nothing_left_to_do(self) -> None:
        assert overlooked(self.ats().values(), self.ours(), self.now) == []

    @invariant()
    def nothing_but_the_status_is_touched(self) -> None:
        for found in self.ats().values():
            expected = self.known[At(found).uid]
            assert (found["spec"], _users(found)) == (expected.spec, expected.metadata)
        for name, manifest in self.foreign.items():
            assert self.counted.pod(name) == manifest

    def comes_to_an_end(self) -> None:
        """Once everybody but the kubelets keeps still."""
        while self.foreign:
            self.gives_a_name_back()
        self.now = max(self.now, self.start) + timedelta(hours=2)
        for _ in range(ENOUGH_PASSES):
            self.run()
            for each in self.ours():
                if each.phase in ("Pending", "Running") and not each.deleted:
                    self.end(each, 0)
            self.now += timedelta(minutes=2)
        assert self.run().changes == []
        assert [each.name for each in self.ours() if each.has_finalizer] == []
        for name, found in self.ats().items():
            self.has_ended(name, found)
        self.never_twice()
        self.no_outcome_is_lost()

    def has_ended(self, name: str, manifest: Manifest) -> None:
        found = At(manifest)
        if found.suspended and found.status.phase == "Suspended":
            return
        if found.spec["containers"] == REFUSED and found.status.phase == "Pending":
            assert found.raw["status"]["reason"] == "StartRejected"
            return
        assert found.status.phase in api.FINISHED_PHASES, name
        assert found.raw["status"]["scheduledTime"] == rfc3339(found.instant)
        times = self.counted.creations.counts[found.uid, pod.name(found, found.instant)]
        # A Pod that got no node in time is deleted, and its run was missed.
        assert times == 1 or found.status.phase == "Missed"


def instant_of(its_pod: Pod) -> str | None:
    return rfc3339(its_pod.scheduled_time) if its_pod.scheduled_time else None


class Embedded(Everybody):
    @contextmanager
    def opened(self) -> Iterator[Sandbox]:
        with tempfile.TemporaryDirectory(prefix="cnat-") as directory:
            yield EmbeddedSandbox(Path(directory))


class Real(Everybody):
    request: ClassVar[pytest.FixtureRequest]

    @contextmanager
    def opened(self) -> Iterator[Sandbox]:
        with RealSandbox.opened(self.request.getfixturevalue("control_plane")) as sandbox:
            yield sandbox


def play(machine: type[Everybody], examples: int, steps: int) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_whatever_everybody_does_the_promise_holds() -> None:
    play(Embedded, examples=15, steps=30)


def test_whatever_everybody_does_it_holds_on_the_real_control_plane(
    request: pytest.FixtureRequest,
) -> None:
    Real.request = request
    play(Real, examples=5, steps=15)


@pytest.mark.exhaustive
def test_whatever_everybody_does_for_long_the_promise_holds() -> None:
    play(Embedded, examples=150, steps=50)


@pytest.mark.exhaustive
def test_whatever_everybody_does_for_long_it_holds_on_the_real_control_plane(
    request: pytest.FixtureRequest,
) -> None:
    Real.request = request
    play(Real, examples=25, steps=25)
