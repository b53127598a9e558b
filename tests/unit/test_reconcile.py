"""One pass: what is listed, in which order, and what is made of it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import timedelta

import pytest

from cnat.cluster import boot_clock
from cnat.cluster.deadline import Deadline
from cnat.cluster.protocol import NotInstalled, Rejected, Unreachable
from cnat.core import api
from cnat.core.at import At
from cnat.core.fields import Manifest
from cnat.core.settled import Row
from cnat.core.shard import EVERY_AT, Shard
from cnat.engine.reconcile import reconcile
from cnat.engine.results import Change, Failure, Results
from cnat.engine.settings import Settings
from cnat.engine.tasks import RECENT_SECONDS
from tests.support.factories import INSTANT, SUCCEEDED, at, pod_of
from tests.support.fake_cluster import FakeCluster, Objects

OWNER = at()
POD = pod_of(OWNER)
LATER = INSTANT + timedelta(minutes=1)  # The Pods' names may become free by then.


class Lists(FakeCluster):
    """Notes the lists too, and breaks the list of Ats off after `pages` pages of one At each."""

    pages: int | None = None

    def pods(self) -> Iterator[list[Manifest]]:
        self.calls.append(("list", "pods"))
        yield from super().pods()

    def ats(self, shard: Shard = EVERY_AT) -> Iterator[list[Manifest]]:
        self.calls.append(("list", "ats"))
        for (raws,) in (super().ats(shard),):
            for number, raw in enumerate(raws):
                if number == self.pages:
                    raise Rejected(410, "Expired", "too old")
                yield [raw]
            if self.pages == len(raws):
                raise Unreachable("gone")


def passed(
    cluster: FakeCluster,
    *,
    whole: bool = True,
    shard: Shard = EVERY_AT,
    told: list[Change | Failure] | None = None,
) -> Results:
    report = (lambda _: None) if told is None else told.append
    return reconcile(
        cluster,
        Deadline(1e6),
        Settings(concurrency=1, every_at=whole, shard=shard),
        report,
    )


def test_pods_are_listed_before_ats_and_nothing_is_written_before_both() -> None:
    cluster = Lists(Objects([OWNER]))
    passed(cluster)
    assert cluster.calls[:3] == [
        ("list", "pods"),
        ("list", "ats"),
        ("create pod", POD.name),
    ]


def test_what_was_listed_counts_as_old_as_the_list_of_pods(monkeypatch: pytest.MonkeyPatch) -> None:
    passed = [0.0]
    monkeypatch.setattr(boot_clock, "now", lambda: passed[0])

    class Slow(FakeCluster):
        def pods(self) -> Iterator[list[Manifest]]:
            yield from super().pods()
            passed[0] += RECENT_SECONDS + 1.0

    cluster = Slow(Objects([OWNER], now=INSTANT + timedelta(hours=1)))
    reconcile(cluster, Deadline(1e6), Settings(concurrency=1))
    assert cluster.calls[:2] == [("get pod", POD.name), ("get at", "cnrex")]


def test_each_at_is_counted_and_planned_with_its_own_pods() -> None:
    other = at("other")
    ended = pod_of(other, status=SUCCEEDED)
    cluster = FakeCluster(Objects([OWNER, other, ended]))
    assert passed(cluster).ats == 2
    assert At(cluster.objects.at("default", "cnrex")).raw["status"]["phase"] == "Running"
    assert At(cluster.objects.at("default", "other")).raw["status"]["phase"] == "Succeeded"


def test_the_pod_of_an_at_that_is_gone_is_released() -> None:
    cluster = FakeCluster(Objects([POD], now=LATER))
    assert [change.target for change in passed(cluster).changes] == [POD.name]
    assert cluster.calls == [("release pod", POD.name)]


def test_the_pod_of_an_at_that_was_made_anew_is_released_too() -> None:
    anew = at(metadata={"uid": "another"}, suspend=True)
    cluster = FakeCluster(Objects([anew, POD], now=LATER))
    passed(cluster)
    assert ("release pod", POD.name) in cluster.calls


def test_the_pod_that_a_deleted_at_left_behind_is_released() -> None:
    left = pod_of(OWNER, metadata={"ownerReferences": None})
    cluster = FakeCluster(Objects([left], now=LATER))
    passed(cluster)
    assert cluster.calls == [("release pod", left.name)]


@pytest.mark.parametrize("labels", [None, {}, {api.AT_UID: OWNER.uid}, {api.MANAGED_BY: "Helm"}])
def test_a_pod_that_lost_its_owner_and_our_label_is_nobodys(labels: dict[str, str] | None) -> None:
    left = pod_of(OWNER, metadata={"ownerReferences": None, "labels": labels})
    cluster = FakeCluster(Objects([left], now=LATER))
    passed(cluster)
    assert cluster.calls == []


def test_a_pod_that_lost_its_owner_is_left_alone_while_its_at_is_there() -> None:
    suspended = at(suspend=True)
    left = pod_of(suspended, metadata={"ownerReferences": None})
    cluster = FakeCluster(Objects([suspended, left]))
    passed(cluster)
    assert "release pod" not in [verb for verb, _ in cluster.calls]


def test_where_some_ats_are_left_out_no_pod_counts_as_orphaned() -> None:
    cluster = FakeCluster(Objects([POD]))
    assert passed(cluster, whole=False).changes == []
    assert cluster.calls == []


def test_what_another_shard_answers_for_is_left_alone() -> None:
    cluster = FakeCluster(Objects([OWNER, pod_of(at("gone"))], now=LATER))
    shares = [Shard(number, 7) for number in range(7)]
    assert sum(passed(cluster, shard=each).ats for each in shares) == 1
    assert sorted(verb for verb, _ in cluster.writes if verb != "create event") == [
        "create pod",
        "release pod",
        "set status",
    ]


def test_a_pod_whose_at_only_the_api_servers_share_lacks_is_no_orphan() -> None:
    class Otherwise(FakeCluster):
        """Its server selects by another hash."""

        def ats(self, shard: Shard = EVERY_AT) -> Iterator[list[Manifest]]:
            yield [] if shard != EVERY_AT else next(super().ats())

    cluster = Otherwise(Objects([OWNER, POD], now=LATER))
    (share,) = (each for each in (Shard(0, 2), Shard(1, 2)) if OWNER.uid in each)
    (failure,) = passed(cluster, shard=share).failures
    assert (failure.at, failure.reason) == (OWNER.name, "NotListed")
    assert "without --shard" in failure.message
    assert cluster.writes == []


@pytest.mark.parametrize("selects", [False, True])
def test_one_by_one_are_read_as_many_as_a_tenth_of_what_a_full_list_would_bring(
    *, selects: bool
) -> None:
    class Indexed(Lists):
        """Its server sends all Ats, or selects those of the share."""

        def index(self, shard: Shard = EVERY_AT) -> Iterator[list[Row]]:
            for (ats,) in (self.objects.ats(),):
                rows = map(Row.of, ats)
                yield [row for row in rows if not selects or row.uid in shard]

    half = Shard(0, 2)
    uids = (str(uuid.UUID(int=number << 64)) for number in range(250))
    ats = [at(f"at-{uid}", suspend=True, metadata={"uid": uid}) for uid in uids]
    cluster = Indexed(Objects(ats))
    passed(cluster)
    ours = [each for each in map(At, next(cluster.objects.ats())) if each.uid in half]
    for each in ours[:22]:
        cluster.objects.put(At({**each.raw, "metadata": {**each.raw["metadata"], "generation": 2}}))
    cluster.calls.clear()
    assert len(ours) / 10 < 22 < len(ats) / 10
    assert passed(cluster, shard=half).ats == len(ours)
    verbs = [verb for verb, _ in cluster.calls]
    assert verbs.count("get at") == (0 if selects else 22)
    assert (("list", "ats") in cluster.calls) == selects
    assert verbs.count("set status") == 22


# Lists that break off


def test_a_list_of_ats_that_breaks_off_is_told_and_what_was_read_is_done() -> None:
    cluster = Lists(Objects([OWNER, at("unread")]))
    cluster.pages = 1
    told: list[Change | Failure] = []
    results = passed(cluster, told=told)
    assert [change.at for change in results.changes] == ["cnrex", "cnrex"]
    (failure,) = results.failures
    assert (failure.action, failure.reason, failure.message) == ("list", "Expired", "too old")
    assert failure in told


def test_no_pod_counts_as_orphaned_when_not_all_ats_were_read() -> None:
    cluster = Lists(Objects([OWNER, at("unread"), pod_of(at("unread"))]))
    cluster.pages = 1
    passed(cluster)
    assert "release pod" not in [verb for verb, _ in cluster.calls]


def test_a_list_of_ats_that_breaks_off_at_once_ends_the_pass() -> None:
    cluster = Lists(Objects([OWNER]))
    cluster.pages = 0
    with pytest.raises(Rejected, match="too old"):
        passed(cluster)
    assert cluster.writes == [("list", "pods"), ("list", "ats")]


def test_where_the_crd_is_gone_its_pods_are_let_go_and_the_pass_has_failed() -> None:
    class WithoutCRD(FakeCluster):
        def ats(self, shard: Shard = EVERY_AT) -> Iterator[list[Manifest]]:  # noqa: ARG002
            raise NotInstalled("no CRD")

    cluster = WithoutCRD(Objects([POD], now=LATER))
    results = passed(cluster)
    assert cluster.calls == [("release pod", POD.name)]
    (failure,) = results.failures
    assert (failure.action, failure.message) == ("list", "no CRD")
