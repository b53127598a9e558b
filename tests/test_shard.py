"""Several passes side by side: each At in one share, and in one only."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnat.apply import Applier
from cnat.deadline import Deadline
from cnat.reconciler import reconcile
from cnat.shard import Shard, parse
from tests.worlds import EmbeddedWorld, at, run_pass


@given(st.text(), st.integers(1, 50))
def test_each_at_is_in_exactly_one_share(uid: str, count: int) -> None:
    assert [uid in Shard(index, count) for index in range(count)].count(True) == 1


def test_shares_are_about_equal() -> None:
    uids = [str(uuid.uuid5(uuid.NAMESPACE_DNS, str(number))) for number in range(1000)]
    for index in range(4):
        assert 200 < sum(uid in Shard(index, 4) for uid in uids) < 300


def test_a_pass_of_its_own_has_it_all() -> None:
    assert "any" in Shard()


@pytest.mark.parametrize(
    ("text", "shard"), [("0/1", Shard(0, 1)), ("2/3", Shard(2, 3)), ("auto/5", Shard(4, 5))]
)
def test_a_share_is_read(text: str, shard: Shard) -> None:
    assert parse(text, {"JOB_COMPLETION_INDEX": "4"}) == shard


@pytest.mark.parametrize("text", ["", "1", "/", "1/", "/2", "3/3", "-1/2", "a/2", "1/2/3", "0/0"])
def test_what_is_no_share_is_refused_with_what_would_do(text: str) -> None:
    with pytest.raises(ValueError, match="write I/N with I from 0 to N-1"):
        parse(text, {})


def test_auto_needs_an_indexed_job() -> None:
    with pytest.raises(ValueError, match="JOB_COMPLETION_INDEX"):
        parse("auto/2", {})


def test_an_index_beyond_the_number_of_shares_is_refused() -> None:
    with pytest.raises(ValueError, match="from 0 to N-1"):
        parse("auto/2", {"JOB_COMPLETION_INDEX": "2"})


def test_all_shares_together_do_what_one_pass_does(embedded_world: EmbeddedWorld) -> None:
    names = [f"at-{number}" for number in range(20)]
    for name in names:
        embedded_world.apply(at(name))
    started = []
    for index in range(3):
        cluster = embedded_world.store()
        applier = Applier(cluster, Deadline(30.0), concurrency=1, report=lambda _: None)
        results = reconcile(cluster, applier, shard=Shard(index, 3))
        started += [change.at for change in results.changes if change.action == "create pod"]
    assert sorted(started) == sorted(names)
    assert run_pass(embedded_world.store()).changes == []


def test_a_share_releases_the_orphans_of_its_own_ats_only(embedded_world: EmbeddedWorld) -> None:
    names = [f"at-{number}" for number in range(10)]
    for name in names:
        embedded_world.apply(at(name))
    embedded_world.reconcile()
    for name in names:
        embedded_world.delete_at(name)
    released = []
    for index in range(2):
        cluster = embedded_world.store()
        applier = Applier(cluster, Deadline(30.0), concurrency=1, report=lambda _: None)
        results = reconcile(cluster, applier, shard=Shard(index, 2))
        released += [change.at for change in results.changes]
    assert sorted(released) == names
