"""One action to one write, and what its answer teaches."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from cnat.cluster.protocol import ClusterError, Rejected
from cnat.core import plan, pod, status
from cnat.core.action import CreatePod, FindPod, Preflight, UpdateStatus
from cnat.core.at import At
from cnat.core.fields import Manifest
from cnat.core.observed_pod import Pod
from cnat.core.plan import Seen
from cnat.core.record import PastAttempt, Run, Status
from cnat.engine import actions
from tests.support.factories import INSTANT, at, foreign_pod, pod_of
from tests.support.fake_cluster import FakeCluster, Objects

OWNER = at()
NAME = pod.name(OWNER, INSTANT)
CREATE = CreatePod(OWNER, pod.build(OWNER, INSTANT))
CHECK = Preflight(OWNER, pod.build(OWNER, INSTANT))


def answering(error: ClusterError, *verbs: str) -> FakeCluster:
    """A cluster with just the At, that answers these requests so."""
    cluster = FakeCluster(Objects([OWNER]))
    cluster.fail = lambda verb, _: error if verb in verbs else None
    return cluster


CALLS: list[Callable[[FakeCluster], actions.Done]] = [
    lambda cluster: actions.perform(cluster, CREATE, Seen(OWNER)),
    lambda cluster: actions.perform(cluster, CHECK, Seen(OWNER)),
]


@pytest.mark.parametrize("call", CALLS, ids=["create", "check"])
def test_in_a_namespace_that_is_going_nothing_is_judged(
    call: Callable[[FakeCluster], actions.Done],
) -> None:
    causes = frozenset({"NamespaceTerminating"})
    going = Rejected(403, "Forbidden", "because it is being terminated", causes=causes)
    with pytest.raises(actions.Conflict):
        call(answering(going, "create pod", "preflight"))


@pytest.mark.parametrize("call", CALLS, ids=["create", "check"])
def test_an_answer_about_the_server_is_no_judgement(
    call: Callable[[FakeCluster], actions.Done],
) -> None:
    with pytest.raises(Rejected, match="slow down"):
        call(answering(Rejected(429, "TooManyRequests", "slow down"), "create pod", "preflight"))


def test_what_is_in_the_way_but_cannot_be_looked_at_is_not_judged() -> None:
    cluster = FakeCluster(Objects([OWNER]))
    taken = Rejected(409, "AlreadyExists", "it exists")
    hidden = Rejected(403, "Forbidden", "you cannot get pods")
    cluster.fail = lambda verb, _: {"create pod": taken, "get pod": hidden}.get(verb)
    with pytest.raises(Rejected, match="you cannot get pods"):
        actions.perform(cluster, CREATE, Seen(OWNER))


def test_a_conflict_over_quota_is_not_about_the_pod() -> None:
    conflict = Rejected(409, "Conflict", "the quota has been modified")
    with pytest.raises(actions.QuotaConflict):
        actions.perform(answering(conflict, "create pod"), CREATE, Seen(OWNER))


def test_a_pod_that_cannot_be_asked_for_is_not_absent() -> None:
    unknown = answering(Rejected(503, "ServiceUnavailable", "later"), "get pod")
    with pytest.raises(Rejected, match="later"):
        actions.perform(unknown, FindPod(OWNER, NAME), Seen(OWNER))


def test_a_status_that_an_older_crd_cuts_is_an_error_and_not_written_again() -> None:
    class Older(FakeCluster):
        def update_status(self, at: At, status: Manifest) -> Manifest:
            return super().update_status(at, {**status, "conditions": []})

    armed = UpdateStatus(OWNER, status.armed(OWNER, INSTANT, INSTANT))
    with pytest.raises(ClusterError, match="apply kustomize/crd of this release"):
        actions.perform(Older(Objects([OWNER])), armed, Seen(OWNER))


def test_a_refused_status_is_an_error_unless_somebody_else_was_faster() -> None:
    armed = UpdateStatus(OWNER, status.armed(OWNER, INSTANT, INSTANT))
    forbidden = answering(Rejected(403, "Forbidden", "you cannot patch ats"), "set status")
    with pytest.raises(Rejected, match="you cannot patch ats"):
        actions.perform(forbidden, armed, Seen(OWNER))
    overtaken = answering(Rejected(409, "Conflict", "modified"), "set status")
    with pytest.raises(actions.Conflict):
        actions.perform(overtaken, armed, Seen(OWNER))


# Reading again


HOUR = timedelta(hours=1)


def read_again(objects: Objects, seen: Seen) -> Seen:
    return actions.read_again(FakeCluster(objects), seen, recent_seconds=20.0)


def test_a_foreign_pod_under_the_name_of_the_run_is_not_the_runs() -> None:
    objects = Objects([OWNER, foreign_pod(NAME)], now=INSTANT + HOUR)
    assert read_again(objects, Seen(OWNER)).pods == ()


def test_the_pod_of_the_run_is_found_though_it_was_not_listed() -> None:
    objects = Objects([OWNER], now=INSTANT + HOUR, unlisted=[pod_of(OWNER)])
    assert [each.name for each in read_again(objects, Seen(OWNER)).pods] == [NAME]


def test_what_was_heard_of_one_spec_is_not_taken_for_the_next() -> None:
    edited = at(metadata={"generation": 2})
    seen = Seen(OWNER, checked=True, refusal=plan.Refusal("PreflightRejected", "no such image"))
    fresh = read_again(Objects([edited]), seen)
    assert (fresh.checked, fresh.refusal) == (False, None)


def test_a_later_attempt_is_looked_for_however_recent_the_instant() -> None:
    """Its Pod may be as old as the last one's end is."""
    run = Run(INSTANT, "Running", reason="Retrying")
    past = PastAttempt(NAME, INSTANT, INSTANT)
    waiting = at(retryPolicy="Failed", status=Status(1, run, (), (), (past,)).document())
    again = pod_of(waiting, attempt=2)
    assert read_again(Objects([waiting, again]), Seen(waiting)).pods == (Pod.of(again.raw),)
