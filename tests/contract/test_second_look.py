"""What a second look at all confirms, on both clusters: a start as planned, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from cnat.cluster.connect import connect
from cnat.cluster.deadline import Deadline
from cnat.cluster.protocol import Cluster
from cnat.core import pod
from cnat.core.at import At
from cnat.core.shard import EVERY_AT
from cnat.engine.second_look import SecondLook
from tests.support.sandbox import EmbeddedSandbox, RealSandbox, Sandbox, at


@contextmanager
def cluster_of(sandbox: Sandbox) -> Iterator[Cluster]:
    if isinstance(sandbox, EmbeddedSandbox):
        yield sandbox.store()
        return
    assert isinstance(sandbox, RealSandbox)
    connection = connect(str(sandbox.kubeconfig), None, 4)
    try:
        yield sandbox.cluster(connection, Deadline(30.0))
    finally:
        connection.close()


def is_confirmed(sandbox: Sandbox, planned: At) -> bool:
    """Whether an At, as it was read before, is still to start."""
    with cluster_of(sandbox) as cluster:
        look = SecondLook(cluster, EVERY_AT)
        look.take()
        return look.confirmed(planned, pod.name(planned, planned.instant)) is not None


@pytest.fixture(params=["embedded", "real"])
def sandbox(request: pytest.FixtureRequest) -> Sandbox:
    """Those that show an index."""
    chosen: Sandbox = request.getfixturevalue(f"{request.param}_sandbox")
    return chosen


def planned(sandbox: Sandbox) -> At:
    """A due At among others, as a pass reads it."""
    for name in ("cnrex", "other", "third", "fourth"):
        sandbox.apply(at(name))
    return At(sandbox.at("cnrex"))


def test_an_at_that_nothing_has_happened_to_is_confirmed(sandbox: Sandbox) -> None:
    assert is_confirmed(sandbox, planned(sandbox))


def test_so_is_one_that_was_armed(sandbox: Sandbox) -> None:
    sandbox.apply(at("cnrex", schedule="2999-01-01T00:00:00Z"))
    sandbox.reconcile()
    assert is_confirmed(sandbox, At(sandbox.at("cnrex")))


def start(sandbox: Sandbox) -> None:
    sandbox.reconcile()


def end(sandbox: Sandbox) -> None:
    """All of its life, until nothing is left but the record."""
    sandbox.reconcile()
    for each in sandbox.pods():
        name = each["metadata"]["name"]
        sandbox.set_pod_status(name, {"phase": "Succeeded"})
        sandbox.edit_pod(name, {"finalizers": None})
        sandbox.delete_pod(name)
    sandbox.reconcile()


def suspend(sandbox: Sandbox) -> None:
    sandbox.apply(at("cnrex", suspend=True))


def delete(sandbox: Sandbox) -> None:
    sandbox.delete_at("cnrex")


def make_anew(sandbox: Sandbox) -> None:
    sandbox.delete_at("cnrex")
    sandbox.apply(at("cnrex"))


@pytest.mark.parametrize("happens", [start, end, suspend, delete, make_anew])
def test_one_that_something_has_happened_to_is_not(
    sandbox: Sandbox, happens: Callable[[Sandbox], None]
) -> None:
    as_read = planned(sandbox)
    happens(sandbox)
    assert not is_confirmed(sandbox, as_read)


def test_one_whose_pod_was_made_by_a_pass_that_was_killed_is_not(sandbox: Sandbox) -> None:
    as_read = planned(sandbox)
    sandbox.create_pod(pod.build(as_read, as_read.instant))
    assert not is_confirmed(sandbox, as_read)


def test_one_that_is_being_deleted_is_not(real_sandbox: RealSandbox) -> None:
    path = f"{real_sandbox.ats}/cnrex"
    real_sandbox.apply(at("cnrex"))
    held = {"metadata": {"finalizers": ["example.com/held"]}}
    real_sandbox.request("PATCH", path, held, content_type="application/merge-patch+json")
    as_read = At(real_sandbox.at("cnrex"))
    real_sandbox.delete_at("cnrex")
    try:
        assert At(real_sandbox.at("cnrex")).deleting
        assert not is_confirmed(real_sandbox, as_read)
    finally:
        freed = {"metadata": {"finalizers": None}}
        real_sandbox.request("PATCH", path, freed, content_type="application/merge-patch+json")
