"""The cluster that answers writes and keeps nothing."""

from __future__ import annotations

import copy
from datetime import timedelta

from cnat.cluster.dry_run import DryRun
from cnat.core import api, pod
from cnat.core.observed_pod import Pod
from tests.support.factories import INSTANT, at, pod_of
from tests.support.fake_cluster import Objects

AT = at()
POD = pod_of(AT, metadata={"finalizers": ["example.com/theirs", api.FINALIZER]})


def test_it_reads_what_its_source_has() -> None:
    dry_run = DryRun(Objects([AT, POD]))
    assert list(dry_run.ats()) == [[AT.raw]]
    assert list(dry_run.pods()) == [[POD.raw]]
    assert dry_run.at("default", "cnrex") == AT.raw
    assert dry_run.pod("default", POD.name) == POD.raw


def test_its_time_is_its_sources_unless_another_is_given() -> None:
    later = INSTANT + timedelta(days=1)
    assert DryRun(Objects([])).now() == INSTANT
    assert DryRun(Objects([]), lambda: later).now() == later


def test_a_created_pod_has_what_a_server_adds() -> None:
    now = INSTANT + timedelta(microseconds=5)
    created = Pod.of(DryRun(Objects([], now=now)).create_pod(pod.build(AT, INSTANT)))
    assert (created.phase, created.created) == ("Pending", INSTANT)
    assert created.at_uid == AT.uid


def test_a_written_status_is_the_ats() -> None:
    written = DryRun(Objects([AT])).update_status(AT, {"phase": "Pending"})
    assert written == {**AT.raw, "status": {"phase": "Pending"}}


def test_nothing_is_kept() -> None:
    objects = Objects([AT, POD])
    before = copy.deepcopy(objects.all)
    dry_run = DryRun(objects)
    dry_run.create_pod(pod.build(AT, INSTANT + timedelta(hours=1)))
    dry_run.create_pod(pod.build(AT, INSTANT + timedelta(hours=1)), dry_run=True)
    dry_run.update_status(AT, {"phase": "Pending"})
    dry_run.release_pod(POD)
    dry_run.delete_pod(POD)
    dry_run.create_event({"metadata": {"name": "x"}})
    assert objects.all == before
