"""The live cluster: what is sent, what is tried again, what is made of the answers."""

from __future__ import annotations

import itertools
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from cnat.cluster import transport
from cnat.cluster.connect import connect
from cnat.cluster.deadline import Deadline
from cnat.cluster.live import LiveCluster
from cnat.cluster.protocol import (
    NoIndex,
    NotInstalled,
    OutOfTime,
    Rejected,
    Unanswered,
    Unreachable,
)
from cnat.core import api
from cnat.core.at import At
from cnat.core.observed_pod import Pod
from cnat.core.shard import Shard
from tests.support.factories import INSTANT, at, pod_of
from tests.support.fake_server import Answer, Asked, FakeServer, kubeconfig, page, status
from tests.support.sandbox import RealSandbox
from tests.support.sandbox import at as manifest_of


class Impatient(Deadline):
    """A deadline that takes no time: what would be slept is noted."""

    def __init__(self, seconds: float = 1e6) -> None:
        super().__init__(seconds)
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


@contextmanager
def live_on(
    fake_server: FakeServer, deadline: Deadline | None = None, **options: Any
) -> Iterator[LiveCluster]:
    with fake_server.served() as url, tempfile.TemporaryDirectory() as directory:
        path = kubeconfig(Path(directory, "kubeconfig"), url)
        with closing(connect(str(path), None, 1)) as connection:
            yield LiveCluster(connection, deadline or Impatient(), **options)


def names(pages: Iterator[list[Any]]) -> list[list[str]]:
    return [[raw["metadata"]["name"] for raw in page] for page in pages]


EMPTY = page()
POD = pod_of(at())


# Reading


def test_a_list_is_read_page_by_page() -> None:
    fake_server = FakeServer(page("a", "b", token="next"), page("c"))
    with live_on(fake_server, page_size=2) as cluster:
        assert names(cluster.ats()) == [["a", "b"], ["c"]]
    first, second = fake_server.asked
    assert first.path == f"/apis/{api.GROUP}/{api.VERSION}/ats"
    assert first.query == {"limit": "2"}
    assert second.query == {"limit": "2", "continue": "next"}


def test_a_page_is_asked_for_only_when_it_is_needed() -> None:
    fake_server = FakeServer(page("a", token="next"))
    with live_on(fake_server) as cluster:
        next(cluster.ats())
    assert len(fake_server.asked) == 1


def test_only_our_pods_are_listed() -> None:
    fake_server = FakeServer(EMPTY)
    with live_on(fake_server) as cluster:
        list(cluster.pods())
    (asked,) = fake_server.asked
    assert asked.path == "/api/v1/pods"
    assert asked.query["labelSelector"] == api.UNRECORDED_POD_SELECTOR


def test_a_namespace_and_a_selector_narrow_the_lists() -> None:
    fake_server = FakeServer(EMPTY, EMPTY)
    with live_on(fake_server, namespace="shop", selector="a=b,c in (d)") as cluster:
        list(cluster.pods())
        list(cluster.ats())
    pods, ats = fake_server.asked
    assert pods.path == "/api/v1/namespaces/shop/pods"
    assert pods.query["labelSelector"] == api.UNRECORDED_POD_SELECTOR
    assert ats.path == f"/apis/{api.GROUP}/{api.VERSION}/namespaces/shop/ats"
    assert ats.query["labelSelector"] == "a=b,c in (d)"


@pytest.mark.parametrize(("call", "limit"), [("ats", "20"), ("index", "500"), ("pod_names", "500")])
def test_only_where_all_are_small_is_the_first_page_a_large_one(call: str, limit: str) -> None:
    fake_server = FakeServer(Answer({"kind": "Table", "metadata": {}, "items": [], "rows": []}))
    with live_on(fake_server) as cluster:
        list(getattr(cluster, call)())
    (asked,) = fake_server.asked
    assert asked.query["limit"] == limit


def test_pods_are_named_by_a_table_of_those_whose_outcome_is_not_on_record() -> None:
    named = {"kind": "Table", "metadata": {}, "columnDefinitions": [{"name": "Name"}]}
    fake_server = FakeServer(Answer({**named, "rows": [{"cells": ["cnrex-0123"]}]}))
    with live_on(fake_server, namespace="shop") as cluster:
        assert list(cluster.pod_names()) == [["cnrex-0123"]]
    (asked,) = fake_server.asked
    assert asked.path == "/api/v1/namespaces/shop/pods"
    assert asked.query["labelSelector"] == api.UNRECORDED_POD_SELECTOR
    assert asked.query["includeObject"] == "None"


def test_pods_that_come_as_objects_all_the_same_are_not_named() -> None:
    fake_server = FakeServer(page("a"))
    with live_on(fake_server) as cluster, pytest.raises(NoIndex):
        list(cluster.pod_names())


def test_an_index_that_there_is_not_is_asked_for_and_told_of_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    fake_server = FakeServer(page("a"))
    with live_on(fake_server) as cluster:
        for _ in range(2):
            with pytest.raises(NoIndex):
                list(cluster.index())
    assert len(fake_server.asked) == 1
    (record,) = caplog.records
    assert record.getMessage().startswith("each pass reads all Ats whole")


@pytest.mark.parametrize("call", ["ats", "index"])
def test_a_share_is_asked_for_on_each_page(call: str) -> None:
    pages = [
        Answer({"kind": "Table", "metadata": {"continue": token}, "items": [], "rows": []})
        for token in ("next", "")
    ]
    fake_server = FakeServer(*pages)
    with live_on(fake_server, selector="a=b") as cluster:
        list(getattr(cluster, call)(Shard(1, 2)))
    assert [asked.query.get("continue") for asked in fake_server.asked] == [None, "next"]
    for asked in fake_server.asked:
        assert asked.query["labelSelector"] == "a=b"
        assert asked.query["shardSelector"] == Shard(1, 2).selector


def test_an_expired_list_goes_on_with_the_token_that_the_server_gives() -> None:
    expired = status(410, "Expired", "too old", **{"continue": "from-here"})
    fake_server = FakeServer(page("a", token="old"), expired, page("b"))
    with live_on(fake_server) as cluster:
        assert names(cluster.ats()) == [["a"], ["b"]]
    assert [asked.query.get("continue") for asked in fake_server.asked] == [
        None,
        "old",
        "from-here",
    ]


def test_an_expired_list_without_such_a_token_is_an_error() -> None:
    fake_server = FakeServer(page("a", token="old"), status(410, "Expired", "too old"))
    with live_on(fake_server) as cluster, pytest.raises(Rejected, match="too old") as error:
        list(cluster.ats())
    assert error.value.code == 410


def test_no_items_is_an_empty_page() -> None:
    fake_server = FakeServer(Answer({"metadata": {}, "items": None}))
    with live_on(fake_server) as cluster:
        assert list(cluster.ats()) == [[]]


def test_one_object_is_read() -> None:
    fake_server = FakeServer(Answer(at().raw), Answer(POD.raw))
    with live_on(fake_server) as cluster:
        assert cluster.at("default", "cnrex") == at().raw
        assert cluster.pod("default", POD.name) == POD.raw
    assert [asked.path for asked in fake_server.asked] == [
        f"/apis/{api.GROUP}/{api.VERSION}/namespaces/default/ats/cnrex",
        f"/api/v1/namespaces/default/pods/{POD.name}",
    ]


@pytest.mark.parametrize("name", ["../../../../../version", "x?watch=true", "a b\n", "x#y"])
def test_a_name_that_somebody_wrote_into_a_status_leads_nowhere_else(
    real_sandbox: RealSandbox, name: str
) -> None:
    with pytest.raises(Rejected) as error:
        on(real_sandbox).pod(real_sandbox.namespace, name)
    assert error.value.code == 404


def test_each_request_says_who_asks_and_for_what() -> None:
    fake_server = FakeServer(EMPTY)
    with live_on(fake_server) as cluster:
        list(cluster.ats())
    headers = fake_server.asked[0].headers
    assert headers["authorization"] == "Bearer secret"
    assert headers["accept"] == "application/json"


def test_the_time_is_the_servers() -> None:
    answer = Answer(EMPTY.body, headers={"Date": "Sun, 21 May 2023 02:00:00 GMT"})
    with live_on(FakeServer(answer)) as cluster:
        list(cluster.ats())
        assert cluster.now().date() == INSTANT.date()


@pytest.mark.parametrize("body", ["<html>Bad Gateway", '{"error": "no backend"}'])
def test_the_time_of_a_load_balancer_does_not_count(body: str) -> None:
    date = {"Date": "Sun, 21 May 2023 02:00:00 GMT"}
    with live_on(FakeServer(Answer(body, 502, date), EMPTY)) as cluster:
        list(cluster.ats())
        assert cluster.now().date() != INSTANT.date()


def test_the_time_of_a_refusal_counts() -> None:
    date = {"Date": "Sun, 21 May 2023 02:00:00 GMT"}
    refusal = Answer(status(503, "ServiceUnavailable").body, 503, date)
    with live_on(FakeServer(refusal, EMPTY)) as cluster:
        list(cluster.ats())
        assert cluster.now().date() == INSTANT.date()


def test_the_time_may_be_given() -> None:
    answer = Answer(EMPTY.body, headers={"Date": "Sun, 21 May 2000 02:00:00 GMT"})
    with live_on(FakeServer(answer), now=lambda: INSTANT) as cluster:
        list(cluster.ats())
        assert cluster.now() == INSTANT


# Writing


def written(call: str, *arguments: Any, **options: Any) -> Asked:
    """What a write sends."""
    fake_server = FakeServer(Answer())
    with live_on(fake_server, **options) as cluster:
        getattr(cluster, call)(*arguments)
    (asked,) = fake_server.asked
    return asked


def test_a_pod_is_created_under_strict_validation() -> None:
    asked = written("create_pod", POD.raw)
    assert (asked.method, asked.path) == ("POST", "/api/v1/namespaces/default/pods")
    assert asked.query == {"fieldValidation": "Strict", "fieldManager": "cnat"}
    assert asked.body == POD.raw


def test_a_check_is_a_dry_run() -> None:
    fake_server = FakeServer(Answer())
    with live_on(fake_server) as cluster:
        cluster.create_pod(POD.raw, dry_run=True)
    assert fake_server.asked[0].query["dryRun"] == "All"
    assert fake_server.asked[0].query["fieldValidation"] == "Strict"


def test_a_status_replaces_the_one_that_was_read_and_no_other() -> None:
    before = at(status={"phase": "Running", "reason": "Unschedulable"})
    asked = written("update_status", before, {"phase": "Succeeded"})
    assert (asked.method, asked.query) == ("PATCH", {"fieldManager": "cnat"})
    assert asked.path.endswith("/namespaces/default/ats/cnrex/status")
    assert asked.headers["content-type"] == "application/merge-patch+json"
    assert asked.body == {
        "metadata": {"uid": "uid-of-cnrex", "resourceVersion": "1"},
        "status": {"phase": "Succeeded", "reason": None},
    }


def test_our_finalizer_is_taken_off_and_no_other() -> None:
    asked = written("release_pod", POD)
    assert (asked.method, asked.path) == ("PATCH", f"/api/v1/namespaces/default/pods/{POD.name}")
    assert asked.headers["content-type"] == "application/strategic-merge-patch+json"
    assert asked.body["metadata"]["uid"] == POD.uid
    assert asked.body["metadata"]["$deleteFromPrimitiveList/finalizers"] == [api.FINALIZER]


def test_just_that_pod_is_deleted() -> None:
    asked = written("delete_pod", POD)
    assert (asked.method, asked.path) == ("DELETE", f"/api/v1/namespaces/default/pods/{POD.name}")
    assert asked.body == {"preconditions": {"uid": POD.uid}}


def test_a_dry_run_deletes_nothing(real_sandbox: RealSandbox) -> None:
    its_pod = a_pod(real_sandbox)
    on(real_sandbox, dry_run=True).delete_pod(its_pod)
    assert Pod.of(on(real_sandbox).pod(real_sandbox.namespace, "x")).deleted is None


def test_an_event_is_created() -> None:
    asked = written("create_event", {"metadata": {"name": "x", "namespace": "shop"}})
    assert asked.path == "/apis/events.k8s.io/v1/namespaces/shop/events"


@pytest.mark.parametrize(
    ("call", "arguments"),
    [
        ("create_pod", [POD.raw]),
        ("update_status", [at(), {}]),
        ("release_pod", [POD]),
        ("delete_pod", [POD]),
        ("create_event", [{"metadata": {"name": "x", "namespace": "shop"}}]),
    ],
)
def test_each_write_of_a_dry_run_is_one(call: str, arguments: list[Any]) -> None:
    assert written(call, *arguments, dry_run=True).query["dryRun"] == "All"


# Refusals


def test_a_refusal_has_the_servers_words() -> None:
    fake_server = FakeServer(status(422, "Invalid", "name: Required value"))
    with live_on(fake_server) as cluster, pytest.raises(Rejected) as error:
        cluster.create_pod(POD.raw)
    assert (error.value.code, error.value.reason) == (422, "Invalid")
    assert str(error.value) == error.value.message == "name: Required value"
    assert not error.value.transient


@pytest.mark.parametrize("body", ["404 page not found\n", "[]", '"no"'])
def test_a_refusal_in_other_words_is_told_with_its_code(body: str) -> None:
    fake_server = FakeServer(Answer(body, 404))
    with live_on(fake_server) as cluster, pytest.raises(Rejected) as error:
        cluster.at("default", "cnrex")
    assert error.value.reason == "Not Found"
    assert str(error.value) == f"HTTP 404 Not Found: {body.strip()}"


@pytest.mark.parametrize("code", [400, 401, 403, 404, 409, 410, 422])
def test_a_refusal_of_the_request_is_not_tried_again(code: int) -> None:
    fake_server = FakeServer(status(code, "No"))
    with live_on(fake_server) as cluster, pytest.raises(Rejected):
        cluster.at("default", "cnrex")
    assert len(fake_server.asked) == 1


# Trying again


@pytest.mark.parametrize("code", [408, 429, 500, 502, 503, 504])
def test_a_server_in_trouble_is_asked_again(code: int) -> None:
    fake_server = FakeServer(status(code, "Trouble"), status(code, "Trouble"), Answer(at().raw))
    deadline = Impatient()
    with live_on(fake_server, deadline) as cluster:
        assert cluster.at("default", "cnrex") == at().raw
    assert len(deadline.slept) == 2


def test_each_pause_is_longer_than_the_one_before() -> None:
    fake_server = FakeServer(*[status(503, "Trouble")] * 4, EMPTY)
    deadline = Impatient()
    with live_on(fake_server, deadline) as cluster:
        list(cluster.ats())
    assert deadline.slept == sorted(deadline.slept)
    assert sum(deadline.slept) < 5.0


def test_after_five_tries_it_is_given_up() -> None:
    fake_server = FakeServer(*[status(503, "Trouble", "etcd is down")] * 5)
    with live_on(fake_server) as cluster, pytest.raises(Rejected, match="etcd is down") as error:
        cluster.at("default", "cnrex")
    assert error.value.transient
    assert len(fake_server.asked) == 5


@pytest.mark.parametrize(("header", "pause"), [("7", 7.0), ("0", 0.0), ("1.5", 1.5)])
def test_the_server_says_when_to_ask_again(header: str, pause: float) -> None:
    busy = Answer({}, 429, {"Retry-After": header})
    deadline = Impatient()
    with live_on(FakeServer(busy, EMPTY), deadline) as cluster:
        list(cluster.ats())
    assert deadline.slept == [pause]


@pytest.mark.parametrize("header", ["soon", "Sun, 21 May 2023 02:00:00 GMT"])
def test_what_is_no_number_of_seconds_is_ignored(header: str) -> None:
    busy = Answer({}, 429, {"Retry-After": header})
    deadline = Impatient()
    with live_on(FakeServer(busy, EMPTY), deadline) as cluster:
        list(cluster.ats())
    (slept,) = deadline.slept
    assert 0.0 < slept < 1.0


def test_a_pause_beyond_the_deadline_is_not_waited_for() -> None:
    fake_server = FakeServer(Answer({}, 429, {"Retry-After": "3600"}))
    deadline = Impatient(60.0)
    with live_on(fake_server, deadline) as cluster, pytest.raises(OutOfTime):
        list(cluster.ats())
    assert deadline.slept == []


def test_a_create_is_not_sent_again_long_after_its_first_try() -> None:
    fake_server = FakeServer(Answer({}, 503, {"Retry-After": "38"}))
    with live_on(fake_server) as cluster, pytest.raises(OutOfTime):
        cluster.create_pod(POD.raw)
    assert len(fake_server.asked) == 1


@pytest.fixture
def unanswered() -> Iterator[Answer]:
    """What never comes while a test lasts."""
    over = threading.Event()
    yield Answer(code=0, hold=over.wait)
    over.set()


def test_a_create_that_admission_does_not_end_with_is_unanswered(
    unanswered: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "ADMISSION_SECONDS", 0.05)
    monkeypatch.setattr(transport, "CREATE_SECONDS", 0.1)
    with (
        live_on(FakeServer(*[unanswered] * 5)) as cluster,
        pytest.raises(Unanswered, match="an admission webhook for Pods is slow"),
    ):
        cluster.create_pod(POD.raw)


def test_a_create_that_the_pass_left_no_time_for_is_the_next_ones(unanswered: Answer) -> None:
    with (
        live_on(FakeServer(*[unanswered] * 5), Deadline(0.1)) as cluster,
        pytest.raises(OutOfTime),
    ):
        cluster.create_pod(POD.raw)


def test_a_create_whose_answer_is_lost_is_sent_again_to_hear_what_became_of_it(
    unanswered: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "ADMISSION_SECONDS", 0.05)
    fake_server = FakeServer(unanswered, status(409, "AlreadyExists"))
    with live_on(fake_server) as cluster, pytest.raises(Rejected) as error:
        cluster.create_pod(POD.raw)
    assert error.value.reason == "AlreadyExists"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (429, 'admission webhook "w.example.com" denied the request: not so many'),
        (503, 'admission webhook "w.example.com" denied the request without explanation'),
        (500, 'Internal error occurred: failed calling webhook "w.example.com": refused'),
    ],
)
def test_what_a_webhook_says_is_not_asked_again_whatever_its_code(code: int, message: str) -> None:
    fake_server = FakeServer(status(code, "Any", message))
    with live_on(fake_server) as cluster, pytest.raises(Rejected, match="webhook"):
        cluster.create_pod(POD.raw)
    assert len(fake_server.asked) == 1


def test_an_answer_that_comes_in_drops_is_not_waited_for_to_its_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("cnat.cluster.pages._TIMEOUT", 0.05)
    drops = Answer("[" + " " * 1000 + "]", drop=lambda: time.sleep(0.01))
    with (
        live_on(FakeServer(*[drops] * 5)) as cluster,
        pytest.raises(Unreachable, match="answers too slowly"),
    ):
        list(cluster.ats())


def test_nothing_is_sent_after_the_deadline() -> None:
    fake_server = FakeServer()
    with live_on(fake_server, Deadline(0.0)) as cluster, pytest.raises(OutOfTime):
        list(cluster.ats())
    assert fake_server.asked == []


def test_a_broken_connection_is_tried_again() -> None:
    cut = Answer('{"items"', headers={"Content-Length": "1000", "Connection": "close"})
    deadline = Impatient()
    with live_on(FakeServer(cut, EMPTY), deadline) as cluster:
        assert list(cluster.ats()) == [[]]
    assert len(deadline.slept) == 1


def test_a_connection_that_always_breaks_is_told_in_plain_words() -> None:
    silence = Answer(code=0)
    with (
        live_on(FakeServer(*[silence] * 5)) as cluster,
        pytest.raises(Unreachable, match=r"^cannot reach http[^ ]*: Remote end closed connection"),
    ):
        list(cluster.ats())


def test_a_server_that_is_not_there_is_named(tmp_path: Path) -> None:
    with FakeServer().served() as url:
        pass
    with closing(connect(str(kubeconfig(tmp_path / "k", url)), None, 1)) as connection:
        cluster = LiveCluster(connection, Impatient())
        with pytest.raises(Unreachable, match=rf"^cannot reach {url}: .*Connection refused$"):
            list(cluster.ats())


def test_a_server_that_nobody_vouches_for_is_not_talked_to(
    real_sandbox: RealSandbox, tmp_path: Path
) -> None:
    path = kubeconfig(tmp_path / "k", real_sandbox.control_plane.server)
    with closing(connect(str(path), None, 1)) as connection:
        cluster = LiveCluster(connection, Impatient())
        with pytest.raises(Unreachable, match=r"^cannot reach .*certificate verify failed[^\n]*$"):
            list(cluster.ats())


# What is no API server


@pytest.mark.parametrize("body", ["<html>", "", "[]", "null", "7", '"x"'])
def test_what_answers_in_another_language_is_no_api_server(body: str) -> None:
    with (
        live_on(FakeServer(*[Answer(body)] * 5)) as cluster,
        pytest.raises(Unreachable, match=r"is no Kubernetes API server: .* is no JSON object"),
    ):
        list(cluster.ats())


@pytest.mark.parametrize(
    "body", [{}, {"metadata": None}, {"metadata": []}, {"metadata": {}, "items": {"a": 1}}]
)
def test_what_answers_with_no_list_is_no_api_server(body: object) -> None:
    with (
        live_on(FakeServer(Answer(body))) as cluster,
        pytest.raises(Unreachable, match=r"is no Kubernetes API server: .* is no list"),
    ):
        list(cluster.ats())


def test_what_has_no_pods_is_no_api_server() -> None:
    with (
        live_on(FakeServer(Answer("404 page not found", 404))) as cluster,
        pytest.raises(Unreachable, match=r"is no Kubernetes API server: .* 404"),
    ):
        list(cluster.pods())


NO_ATS = status(404, "NotFound", "the server could not find the requested resource")
CRD_GONE = status(
    404,
    "NotFound",
    f'customresourcedefinitions.apiextensions.k8s.io "ats.{api.GROUP}" not found',
)


def test_ats_that_are_not_served_are_gone_when_their_crd_is() -> None:
    fake_server = FakeServer(NO_ATS, CRD_GONE)
    with live_on(fake_server) as cluster, pytest.raises(NotInstalled, match="has no CRD ats"):
        list(cluster.ats())


@pytest.mark.parametrize(
    "crd",
    [
        pytest.param(Answer({"metadata": {"name": f"ats.{api.GROUP}"}}), id="is there"),
        pytest.param(status(403, "Forbidden"), id="must not be read"),
        pytest.param(NO_ATS, id="of an API server that serves no CRDs yet"),
    ],
)
def test_ats_that_are_not_served_are_not_gone_when_their_crd(crd: Answer) -> None:
    with live_on(FakeServer(NO_ATS, crd)) as cluster, pytest.raises(Rejected, match="not find"):
        list(cluster.ats())


# On a real API server


def on(sandbox: RealSandbox, **options: Any) -> LiveCluster:
    return LiveCluster(sandbox.admin, Deadline(60.0), namespace=sandbox.namespace, **options)


def test_all_pages_together_are_the_list(real_sandbox: RealSandbox) -> None:
    wanted = [f"at-{number}" for number in range(5)]
    for name in wanted:
        real_sandbox.apply(manifest_of(name))
    pages = names(on(real_sandbox, page_size=2).ats())
    assert [len(page) for page in pages] == [2, 2, 1]
    assert list(itertools.chain(*pages)) == wanted


def test_the_status_of_an_at_written_meanwhile_is_left_alone(real_sandbox: RealSandbox) -> None:
    real_sandbox.apply(manifest_of())
    read = At(real_sandbox.at("cnrex"))
    real_sandbox.apply(manifest_of(suspend=True))
    with pytest.raises(Rejected) as error:
        on(real_sandbox).update_status(read, {"phase": "Pending"})
    assert (error.value.code, error.value.reason) == (409, "Conflict")


def test_the_status_of_a_recreated_at_is_left_alone(real_sandbox: RealSandbox) -> None:
    real_sandbox.apply(manifest_of())
    read = At(real_sandbox.at("cnrex"))
    real_sandbox.delete_at("cnrex")
    real_sandbox.apply(manifest_of())
    with pytest.raises(Rejected) as error:
        on(real_sandbox).update_status(read, {"phase": "Pending"})
    assert error.value.code == 409


def test_a_written_status_is_the_whole_status(real_sandbox: RealSandbox) -> None:
    real_sandbox.apply(manifest_of())
    real_sandbox.set_at_status("cnrex", {"phase": "Running", "reason": "Unschedulable"})
    on(real_sandbox).update_status(At(real_sandbox.at("cnrex")), {"phase": "Succeeded"})
    assert real_sandbox.at("cnrex")["status"] == {"phase": "Succeeded"}


def a_pod(sandbox: RealSandbox, *finalizers: str) -> Pod:
    """A Pod of that name, new, with these finalizers."""
    manifest = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "x", "namespace": sandbox.namespace, "finalizers": list(finalizers)},
        "spec": {"containers": [{"name": "x", "image": "x"}]},
    }
    return Pod.of(on(sandbox).create_pod(manifest))


def test_a_release_leaves_the_finalizers_of_others(real_sandbox: RealSandbox) -> None:
    its_pod = a_pod(real_sandbox, "example.com/a", api.FINALIZER, "example.com/b")
    cluster = on(real_sandbox)
    for _ in range(2):
        cluster.release_pod(its_pod)
        found = cluster.pod(real_sandbox.namespace, "x")
        assert found["metadata"]["finalizers"] == ["example.com/a", "example.com/b"]


@pytest.mark.parametrize("verb", ["release_pod", "delete_pod"])
def test_a_pod_that_was_written_since_is_left_alone_as_changed(
    real_sandbox: RealSandbox, verb: str
) -> None:
    its_pod = a_pod(real_sandbox, api.FINALIZER)
    real_sandbox.delete_pod("x")
    with pytest.raises(Rejected) as conflict:
        getattr(on(real_sandbox), verb)(its_pod, unchanged=True)
    assert conflict.value.code == 409
    assert Pod.of(on(real_sandbox).pod(real_sandbox.namespace, "x")).has_finalizer


@pytest.mark.parametrize("verb", ["release_pod", "delete_pod"])
def test_another_pod_of_that_name_is_left_alone(real_sandbox: RealSandbox, verb: str) -> None:
    first = a_pod(real_sandbox)
    on(real_sandbox).delete_pod(first)
    second = a_pod(real_sandbox, api.FINALIZER)
    with pytest.raises(Rejected) as error:
        getattr(on(real_sandbox), verb)(first)
    assert error.value.code == 409
    found = Pod.of(on(real_sandbox).pod(real_sandbox.namespace, "x"))
    assert (found.uid, found.has_finalizer, found.deleted) == (second.uid, True, None)


def test_an_event_at_every_limit_is_accepted(real_sandbox: RealSandbox) -> None:
    from cnat.core import events
    from cnat.core import status as statuses

    name = "a" * 199 + "-" + "b" * 53
    owner = at(name, metadata={"namespace": real_sandbox.namespace})
    refused = statuses.stalled(owner, INSTANT, INSTANT, "PreflightRejected", "é" * 2000)
    event = events.of_change(owner, refused, INSTANT)
    assert event is not None
    on(real_sandbox).create_event(event)
    (found,) = real_sandbox.events()
    assert found["note"] == "é" * 512
