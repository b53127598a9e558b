"""The cluster that answers writes and keeps nothing."""

from __future__ import annotations

import copy
from datetime import timedelta

from cnat.cluster.dry_run import Rehearsal
from cnat.core import api, pod
from cnat.core.objects import Pod
from tests.support.factories import INSTANT, at, pod_of
from tests.support.fake_cluster import Objects

AT = at()
POD = pod_of(AT, metadata={"finalizers": ["example.com/theirs", api.FINALIZER]})


def test_it_reads_what_its_source_has() -> None:
    rehearsal = Rehearsal(Objects([AT, POD]))
    assert list(rehearsal.ats()) == [[AT.raw]]
    assert list(rehearsal.pods()) == [[POD.raw]]
    assert rehearsal.at("default", "cnrex") == AT.raw
    assert rehearsal.pod("default", POD.name) == POD.raw


def test_its_time_is_its_sources_unless_another_is_given() -> None:
    later = INSTANT + timedelta(days=1)
    assert Rehearsal(Objects([])).now() == INSTANT
    assert Rehearsal(Objects([]), lambda: later).now() == later


def test_a_created_pod_has_what_a_server_adds() -> None:
    now = INSTANT + timedelta(microseconds=5)
    created = Pod.of(Rehearsal(Objects([], now=now)).create_pod(pod.build(AT, INSTANT)))
    assert (created.phase, created.created) == ("Pending", INSTANT)
    assert created.at_uid == AT.uid


def test_a_written_status_is_the_ats() -> None:
    written = Rehearsal(Objects([AT])).update_status(AT, {"phase": "Pending"})
    assert written == {**AT.raw, "status": {"phase": "Pending"}}


def test_nothing_is_kept() -> None:
    objects = Objects([AT, POD])
    before = copy.deepcopy(objects.all)
    rehearsal = Rehearsal(objects)
    rehearsal.create_pod(pod.build(AT, INSTANT + timedelta(hours=1)))
    rehearsal.create_pod(pod.build(AT, INSTANT + timedelta(hours=1)), dry_run=True)
    rehearsal.update_status(AT, {"phase": "Pending"})
    rehearsal.release_pod(POD)
    rehearsal.delete_pod(POD)
    rehearsal.create_event({"metadata": {"name": "x"}})
    assert objects.all == before
