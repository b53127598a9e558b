"""Several passes side by side: each At in one share, and in one only."""

from __future__ import annotations

import copy
import json
import os
import re
import subprocess
import sys
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnat.cluster.deadline import Deadline
from cnat.core.at import At
from cnat.core.schedule import rfc3339
from cnat.core.shard import Shard, fnv1a, parse
from cnat.engine.reconcile import reconcile
from cnat.engine.settings import Settings
from tests.support import factories
from tests.support.controlplane.server import ControlPlane, running
from tests.support.factories import ENDED, FAILED, SUCCEEDED, MadePod, pod_of
from tests.support.fake_cluster import CRD, FakeCluster, Objects
from tests.support.sandbox import EmbeddedSandbox, RealSandbox, at, run_pass

ROOT = Path(__file__).parents[2]
NOW = ENDED + timedelta(hours=1)


@given(st.text(), st.integers(1, 50))
def test_each_at_is_in_exactly_one_share(uid: str, count: int) -> None:
    assert [uid in Shard(index, count) for index in range(count)].count(True) == 1


def test_shares_are_about_equal() -> None:
    uids = [str(uuid.uuid5(uuid.NAMESPACE_DNS, str(number))) for number in range(1000)]
    for index in range(4):
        assert 200 < sum(uid in Shard(index, 4) for uid in uids) < 300


def test_a_pass_of_its_own_has_it_all() -> None:
    assert "any" in Shard()
    assert Shard().selector is None


@pytest.mark.parametrize(
    ("text", "hashed"),
    [
        ("", 0xCBF29CE484222325),
        ("a", 0xAF63DC4C8601EC8C),
        ("ab", 0x089C4407B545986A),
        ("abc", 0xE71FA2190541574B),
        ("foobar", 0x85944171F73967E8),
    ],
)
def test_a_uid_is_hashed_as_published(text: str, hashed: int) -> None:
    assert fnv1a(text) == hashed


def test_a_share_is_asked_for_in_the_api_servers_words() -> None:
    words = "shardRange(object.metadata.uid, '{}', '{}')"
    assert [Shard(index, 3).selector for index in range(3)] == [
        words.format("0x0000000000000000", "0x5555555555555555"),
        words.format("0x5555555555555555", "0xaaaaaaaaaaaaaaaa"),
        words.format("0xaaaaaaaaaaaaaaaa", "0x10000000000000000"),
    ]


@given(st.integers(2, 500))
def test_where_one_share_ends_the_next_begins(count: int) -> None:
    selectors = [Shard(index, count).selector or "" for index in range(count)]
    firsts, ends = zip(*(re.findall("'(.*?)'", each) for each in selectors), strict=True)
    assert firsts == ("0x0000000000000000", *ends[:-1])
    assert ends[-1] == "0x10000000000000000"


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


def test_all_shares_together_do_what_one_pass_does(embedded_sandbox: EmbeddedSandbox) -> None:
    names = [f"at-{number}" for number in range(20)]
    for name in names:
        embedded_sandbox.apply(at(name))
    started = []
    for index in range(3):
        cluster = embedded_sandbox.store()
        results = reconcile(cluster, Deadline(30.0), Settings(concurrency=1, shard=Shard(index, 3)))
        started += [change.at for change in results.changes if change.action == "create pod"]
    assert sorted(started) == sorted(names)
    assert run_pass(embedded_sandbox.store()).changes == []


def test_a_share_releases_the_orphans_of_its_own_ats_only(
    embedded_sandbox: EmbeddedSandbox,
) -> None:
    names = [f"at-{number}" for number in range(10)]
    for name in names:
        embedded_sandbox.apply(at(name))
    embedded_sandbox.reconcile()
    for name in names:
        embedded_sandbox.delete_at(name)
    released = []
    for index in range(2):
        cluster = embedded_sandbox.store(datetime.now(UTC) + timedelta(hours=1))
        results = reconcile(cluster, Deadline(30.0), Settings(concurrency=1, shard=Shard(index, 2)))
        released += [change.at for change in results.changes]
    assert sorted(released) == names


def situation(number: int, kind: str) -> list[At | MadePod]:
    """An At that something is to be done for, with its Pod if it has one."""
    name = f"at-{number}"
    match kind:
        case "due":
            return [factories.at(name)]
        case "new":
            return [factories.at(name, schedule=rfc3339(NOW + timedelta(hours=1)))]
        case "suspended":
            return [factories.at(name, suspend=True)]
        case "missed":
            return [factories.at(name, startingDeadlineSeconds=1)]
        case "invalid":
            return [factories.at(name, schedule="tomorrow")]
        case "running":
            return [owner := factories.at(name), pod_of(owner)]
        case "succeeded":
            return [owner := factories.at(name), pod_of(owner, status=SUCCEEDED)]
        case "failed":
            owner = factories.at(name, ttlSecondsAfterFinished=0)
            return [owner, pod_of(owner, status=FAILED)]
    return [pod_of(factories.at(name), status=SUCCEEDED)]


KINDS = (
    "due",
    "new",
    "suspended",
    "missed",
    "invalid",
    "running",
    "succeeded",
    "failed",
    "orphan",
)


@given(st.lists(st.sampled_from(KINDS), max_size=12), st.integers(1, 5), st.randoms())
def test_in_any_order_shares_together_come_to_what_one_pass_comes_to(
    kinds: list[str], count: int, random: Any
) -> None:
    there = [each for number, kind in enumerate(kinds) for each in situation(number, kind)]
    whole, shared = (FakeCluster(Objects(copy.deepcopy(there), now=NOW)) for _ in range(2))
    for index in random.sample(range(count), count):
        reconcile(shared, Deadline(1e6), Settings(concurrency=1, shard=Shard(index, count)))
    run_pass(whole)
    assert sorted(shared.writes) == sorted(whole.writes)
    assert shared.objects.all == whole.objects.all


@pytest.fixture(scope="module")
def selecting(control_plane: ControlPlane) -> Iterator[ControlPlane]:
    """A control plane whose API server selects shares itself."""
    if control_plane.minor < 36:
        pytest.skip("Kubernetes before 1.36 has no feature gate ShardedListAndWatch")
    gate = ["--feature-gates=ShardedListAndWatch=true"]
    with running(control_plane.assets, manifests=[CRD], apiserver_args=gate) as selecting:
        yield selecting


@pytest.fixture
def selecting_sandbox(selecting: ControlPlane) -> Iterator[RealSandbox]:
    with RealSandbox.opened(selecting) as sandbox:
        yield sandbox


@pytest.fixture(params=["real", "selecting"])
def either_sandbox(request: pytest.FixtureRequest) -> RealSandbox:
    """Whoever selects: the pass itself, or the API server before it."""
    chosen: RealSandbox = request.getfixturevalue(f"{request.param}_sandbox")
    return chosen


def test_an_api_server_that_selects_sends_a_share_its_own_ats_only(
    selecting_sandbox: RealSandbox,
) -> None:
    for number in range(30):
        selecting_sandbox.apply(at(f"at-{number}"))
    cluster = selecting_sandbox.cluster(selecting_sandbox.admin, Deadline(60.0))
    every = {At(each).uid for page in cluster.ats() for each in page}
    whole: list[str] = []
    rows: list[str] = []
    for shard in [Shard(index, 3) for index in range(3)]:
        mine = {uid for uid in every if uid in shard}
        whole += (sent := [At(each).uid for page in cluster.ats(shard) for each in page])
        assert set(sent) == mine
        rows += (sent := [row.uid for page in cluster.index(shard) for row in page])
        assert set(sent) == mine
    assert sorted(whole) == sorted(rows) == sorted(every)


def test_the_pods_of_an_indexed_job_share_the_work(either_sandbox: RealSandbox) -> None:
    names = [f"at-{number}" for number in range(9)]
    for name in names:
        either_sandbox.apply(at(name))
    flags = ("--shard=auto/3", "--output=json", f"--namespace={either_sandbox.namespace}")
    processes = [
        subprocess.Popen(
            [sys.executable, "reconcile.py", f"--kubeconfig={either_sandbox.kubeconfig}", *flags],
            cwd=ROOT,
            env={**os.environ, "JOB_COMPLETION_INDEX": str(index)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for index in range(3)
    ]
    summaries = [json.loads(process.communicate(timeout=60)[0]) for process in processes]
    started = [
        row["at"] for summary in summaries for row in summary["rows"] if row["kind"] == "start"
    ]
    assert sorted(started) == names
    assert sum(summary["ats"] for summary in summaries) == len(names)
    assert either_sandbox.reconcile().changes == []
