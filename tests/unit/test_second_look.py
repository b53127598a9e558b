"""A look at all that many starts were planned from: when it is taken, and what it confirms."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from cnat.cluster import boot_clock
from cnat.cluster.deadline import Deadline
from cnat.cluster.protocol import NoIndex, Unreachable
from cnat.core import pod, status
from cnat.core.at import At
from cnat.core.plan import Seen
from cnat.core.settled import Row
from cnat.core.shard import EVERY_AT, Shard
from cnat.engine.reconcile import unreported
from cnat.engine.second_look import SecondLook, pays
from cnat.engine.settings import Settings
from cnat.engine.tasks import RECENT_SECONDS, Turn
from cnat.engine.workers import Workers
from tests.support.factories import INSTANT, MadePod, at, pod_of
from tests.support.fake_cluster import FakeCluster, Objects

OWNER = at()
NAME = pod.name(OWNER, INSTANT)
MANY = 50


class Indexed(FakeCluster):
    """Has an index, and notes the lists too."""

    answers: type[Exception] | None = None

    def pod_names(self) -> Iterator[list[str]]:
        self.calls.append(("list", "pods"))
        for page in self.objects.pods():
            yield [each["metadata"]["name"] for each in page]

    def index(self, shard: Shard = EVERY_AT) -> Iterator[list[Row]]:
        self.calls.append(("list", "index"))
        if self.answers:
            raise self.answers
        for page in self.objects.ats(shard):
            yield [Row.of(each) for each in page]


@pytest.fixture
def passed(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that have passed: what a test makes them."""
    seconds = [1000.0]
    monkeypatch.setattr(boot_clock, "now", lambda: seconds[0])
    return seconds


def looked(*objects: At | MadePod) -> SecondLook:
    look = SecondLook(Indexed(Objects(objects)), EVERY_AT)
    look.take()
    return look


def running(owner: At) -> At:
    earned = status.of_pod(owner, INSTANT, pod_of(owner, INSTANT), INSTANT)
    return At({**owner.raw, "status": earned.document()})


# What it confirms


def test_an_at_as_it_was_without_a_pod_is_confirmed_as_of_the_list_of_pods(
    passed: list[float],
) -> None:
    class Slow(Indexed):
        def pod_names(self) -> Iterator[list[str]]:
            yield from super().pod_names()
            passed[0] += 5.0

    look = SecondLook(Slow(Objects([OWNER])), EVERY_AT)
    look.take()
    assert look.confirmed(OWNER, NAME) == 1000.0


def test_pods_are_listed_before_ats() -> None:
    cluster = Indexed(Objects([OWNER]))
    SecondLook(cluster, EVERY_AT).take()
    assert cluster.calls == [("list", "pods"), ("list", "index")]


def test_an_at_whose_pod_is_there_is_not_confirmed() -> None:
    assert looked(OWNER, pod_of(OWNER)).confirmed(OWNER, NAME) is None


def test_an_at_that_is_gone_is_not_confirmed() -> None:
    assert looked(at("other")).confirmed(OWNER, NAME) is None


@pytest.mark.parametrize(
    "now",
    [
        at(metadata={"uid": "another"}),
        at(metadata={"generation": 2}),
        At({**OWNER.raw, "status": {"observedGeneration": 1}}),
        running(OWNER),
    ],
    ids=["made anew", "edited", "seen by another pass", "started by another pass"],
)
def test_an_at_that_is_not_as_it_was_is_not_confirmed(now: At) -> None:
    assert looked(now).confirmed(OWNER, NAME) is None


def test_another_attempt_is_not_confirmed_since_its_row_is_like_that_of_the_next() -> None:
    ended = pod_of(OWNER, status={"phase": "Failed"})
    owner = at(retryPolicy="Failed")
    earned = status.of_pod(owner, INSTANT, ended, INSTANT)
    waiting = At({**owner.raw, "status": earned.document()})
    assert waiting.status.waits_for_attempt
    assert looked(waiting).confirmed(waiting, pod.name(waiting, INSTANT, 2)) is None


def test_what_was_seen_too_long_ago_confirms_nothing(passed: list[float]) -> None:
    look = looked(OWNER)
    passed[0] += RECENT_SECONDS + 1.0
    assert look.confirmed(OWNER, NAME) is None


def test_without_a_look_nothing_is_confirmed() -> None:
    assert SecondLook(Indexed(Objects([OWNER])), EVERY_AT).confirmed(OWNER, NAME) is None


# When it is taken


def test_it_is_old_before_the_first_and_once_that_is(passed: list[float]) -> None:
    look = SecondLook(Indexed(Objects([OWNER])), EVERY_AT)
    assert look.is_old
    look.take()
    assert not look.is_old
    passed[0] += RECENT_SECONDS + 1.0
    assert look.is_old


@pytest.mark.parametrize("answer", [NoIndex, Unreachable])
def test_where_there_can_be_none_it_is_not_tried_again(answer: type[Exception]) -> None:
    cluster = Indexed(Objects([OWNER]))
    cluster.answers = answer
    look = SecondLook(cluster, EVERY_AT)
    look.take()
    assert look.confirmed(OWNER, NAME) is None
    assert not look.is_old


def test_one_thread_takes_it_and_no_other_waits_for_it() -> None:
    class Meanwhile(Indexed):
        def index(self, shard: Shard = EVERY_AT) -> Iterator[list[Row]]:
            seen.append(look.is_old)
            look.take()
            yield from super().index(shard)

    seen: list[bool] = []
    cluster = Meanwhile(Objects([OWNER]))
    look = SecondLook(cluster, EVERY_AT)
    look.take()
    assert seen == [False]
    assert cluster.calls == [("list", "pods"), ("list", "index")]


@pytest.mark.parametrize(
    ("wanted", "of_all", "worth"),
    [(20, 20, False), (21, 21, True), (100, 1_000, False), (101, 1_000, True)],
)
def test_it_pays_for_more_than_a_few_and_for_more_than_a_tenth(
    wanted: int, of_all: int, *, worth: bool
) -> None:
    assert pays(wanted, of_all) is worth


# In a pass


def started(
    cluster: FakeCluster, ats: list[At], meanwhile: Callable[[], None] = lambda: None
) -> Workers:
    """Start those that were read too long ago."""
    workers = Workers(cluster, Deadline(1e6), Settings(concurrency=1), unreported)
    for each in ats:
        workers.add(Turn(Seen(each), boot_clock.now() - RECENT_SECONDS - 1.0))
    meanwhile()
    workers.run()
    return workers


def due(count: int) -> list[At]:
    return [at(f"at-{number}") for number in range(count)]


def verbs(cluster: FakeCluster) -> list[str]:
    return [verb for verb, _ in cluster.calls]


def test_many_that_were_read_long_ago_are_looked_at_once_and_start() -> None:
    ats = due(MANY)
    cluster = Indexed(Objects(ats))
    started(cluster, ats)
    assert cluster.calls[:2] == [("list", "pods"), ("list", "index")]
    assert verbs(cluster)[2 : 2 + MANY] == ["create pod"] * MANY
    assert not {"get at", "get pod"} & set(verbs(cluster))


def test_a_few_are_read_one_by_one() -> None:
    ats = due(20)
    cluster = Indexed(Objects(ats))
    started(cluster, ats)
    assert verbs(cluster)[:2] == ["get at", "create pod"]
    assert "list" not in verbs(cluster)


def test_of_many_the_one_that_was_edited_meanwhile_is_read_by_itself() -> None:
    ats = due(MANY)
    cluster = Indexed(Objects(ats))
    suspended = at("at-7", suspend=True, metadata={"generation": 2})
    started(cluster, ats, meanwhile=lambda: cluster.objects.put(suspended))
    assert [call for call in cluster.calls if call[0] == "get at"] == [("get at", "at-7")]
    assert verbs(cluster).count("create pod") == MANY - 1


def test_where_all_cannot_be_looked_at_each_is_read_by_itself() -> None:
    ats = due(MANY)
    cluster = Indexed(Objects(ats))
    cluster.answers = Unreachable
    results = started(cluster, ats).results
    assert verbs(cluster).count("list") == 2
    assert verbs(cluster).count("get at") == verbs(cluster).count("create pod") == MANY
    assert results.failures == []
