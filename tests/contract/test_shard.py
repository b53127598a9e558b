"""Several passes side by side: each At in one share, and in one only."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnat.cluster.deadline import Deadline
from cnat.core.at import At
from cnat.core.schedule import rfc3339
from cnat.core.shard import Shard, parse
from cnat.engine.reconcile import reconcile
from cnat.engine.settings import Settings
from tests.support import factories
from tests.support.factories import ENDED, FAILED, SUCCEEDED, MadePod, pod_of
from tests.support.fake_cluster import FakeCluster, Objects
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
    assert sorted(shared.calls) == sorted(whole.calls)
    assert shared.objects.all == whole.objects.all


def test_the_pods_of_an_indexed_job_share_the_work(real_sandbox: RealSandbox) -> None:
    names = [f"at-{number}" for number in range(9)]
    for name in names:
        real_sandbox.apply(at(name))
    flags = ("--shard=auto/3", "--output=json", f"--namespace={real_sandbox.namespace}")
    processes = [
        subprocess.Popen(
            [sys.executable, "reconcile.py", f"--kubeconfig={real_sandbox.kubeconfig}", *flags],
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
    assert real_sandbox.reconcile().changes == []
