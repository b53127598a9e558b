"""How many objects a page of a list is asked for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from cnat.cluster.connect import connect
from cnat.cluster.deadline import Deadline
from cnat.cluster.pages import pages
from cnat.cluster.server_clock import ServerClock
from cnat.cluster.transport import Transport
from tests.support.fake_server import Answer, FakeServer, kubeconfig, page

MIB = 2**20


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "kubeconfig"


@contextmanager
def transport_to(server: FakeServer, file: Path) -> Iterator[Transport]:
    with server.served() as url, closing(connect(str(kubeconfig(file, url)), None, 1)) as there:
        yield Transport(there, Deadline(60.0), ServerClock())


def limits(file: Path, *answers: Answer, most: int = 500) -> list[int]:
    """Of the requests for a list that comes in these answers."""
    server = FakeServer(*answers)
    with transport_to(server, file) as transport:
        for _ in pages(transport, "/list", {}, most):
            pass
    return [int(asked.query["limit"]) for asked in server.asked]


def weighing(total: float, *names: str, token: str = "") -> Answer:
    """A page of these objects that has so many bytes."""
    body = json.dumps(page(*names, token=token).body)
    return Answer(body + " " * (int(total) - len(body)))


def test_the_first_page_is_small(file: Path) -> None:
    assert limits(file, page("a")) == [20]


def test_no_page_is_larger_than_is_wanted(file: Path) -> None:
    assert limits(file, page("a", token="t"), page("b"), most=2) == [2, 2]


def test_of_small_objects_as_many_as_are_wanted_are_a_page(file: Path) -> None:
    assert limits(file, page("a", "b", token="t"), page("c")) == [20, 500]


def test_of_large_objects_a_page_has_as_many_as_make_two_mebibytes(file: Path) -> None:
    first = weighing(4 * MIB, *"abcdefgh", token="t")
    assert limits(file, first, page("c")) == [20, 4]


def test_of_the_largest_objects_each_is_a_page(file: Path) -> None:
    first = weighing(7 * MIB, *"abcde", token="t")
    assert limits(file, first, page("c"), most=5) == [5, 1]


def test_a_page_that_comes_out_too_large_is_asked_for_again_in_smaller_ones(file: Path) -> None:
    small = weighing(4000, "a", "b", token="t")
    too_large = weighing(9 * MIB, *"cdef")
    assert limits(file, small, too_large, too_large, page("c")) == [20, 500, 62, 7]


def test_one_object_is_taken_whatever_its_size(file: Path) -> None:
    assert limits(file, weighing(9 * MIB, "a"), most=1) == [1]


def test_an_empty_page_says_nothing_of_the_next(file: Path) -> None:
    assert limits(file, page(token="t"), page("a")) == [20, 20]


def test_a_page_may_be_kept(file: Path) -> None:
    server = FakeServer(page("a", "b", token="t"), page("c"))
    with transport_to(server, file) as transport:
        kept = list(pages(transport, "/list", {}, 500))
    assert [[each["metadata"]["name"] for each in one] for one in kept] == [["a", "b"], ["c"]]
