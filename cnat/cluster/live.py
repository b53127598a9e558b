"""The live cluster, over the Kubernetes API."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from urllib.parse import quote, urlencode

from cnat.cluster import table
from cnat.cluster.connection import Connection
from cnat.cluster.deadline import Deadline
from cnat.cluster.pages import documents, pages
from cnat.cluster.protocol import NoIndex, NotInstalled, Rejected
from cnat.cluster.server_clock import ServerClock
from cnat.cluster.transport import Transport
from cnat.core import api
from cnat.core.at import At
from cnat.core.fields import Manifest
from cnat.core.observed_pod import Pod
from cnat.core.settled import Row
from cnat.core.shard import EVERY_AT, Shard

# The lists may take this part of the pass's time. What is left is for what they have shown so far,
# or a pass on a slow API server would come to nothing each time.
_LISTING = 0.75

_log = logging.getLogger(__name__)

_ATS = f"/apis/{api.GROUP}/{api.VERSION}"
_CRD = f"ats.{api.GROUP}"
_CRD_PATH = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{_CRD}"
_EVENTS = "/apis/events.k8s.io/v1"
_UNRECORDED = {"labelSelector": api.UNRECORDED_POD_SELECTOR}


class LiveCluster:
    """A `cnat.cluster.protocol.Cluster` on a Kubernetes API server; thread-safe.

    Args:
        connection: from `cnat.cluster.connect.connect`.
        deadline: nothing is sent, and no retry waited for, beyond it.
        namespace: only this one; None for all.
        selector: label selector for the Ats, in kubectl's syntax.
        page_size: objects a list page at most.
        dry_run: send every write with `dryRun=All`.
        now: the time to plan for; by default the API server's.
    """

    def __init__(
        self,
        connection: Connection,
        deadline: Deadline,
        *,
        namespace: str | None = None,
        selector: str | None = None,
        page_size: int = 500,
        dry_run: bool = False,
        now: Callable[[], datetime] | None = None,
    ) -> None:
        self.clock = ServerClock()
        self._now = now or self.clock.now
        self._transport = Transport(connection, deadline, self.clock)
        self._request = self._transport.request
        self._lists = Transport(connection, deadline.part(_LISTING), self.clock)
        self._scope = f"/namespaces/{quote(namespace)}" if namespace else ""
        self._selector = selector
        self._page_size = page_size
        self._dry_run = dry_run
        self._has_index = not dry_run  # A plan tells what comes next, too: the Ats have to say it.

    def now(self) -> datetime:
        return self._now()

    def pods(self) -> Iterator[list[Manifest]]:
        path = f"/api/v1{self._scope}/pods"
        try:
            yield from pages(self._lists, path, _UNRECORDED, self._page_size)
        except Rejected as error:
            if error.code != 404:
                raise
            raise self._transport.no_api_server(f"its answer to GET {path} is {error}") from error

    def ats(self, shard: Shard = EVERY_AT) -> Iterator[list[Manifest]]:
        path = f"{_ATS}{self._scope}/ats"
        with self._if_installed():
            yield from pages(self._lists, path, self._selectors(shard), self._page_size)

    def index(self, shard: Shard = EVERY_AT) -> Iterator[list[Row]]:
        if not self._has_index:
            raise NoIndex
        try:
            with self._if_installed():
                for page in self._tables(f"{_ATS}{self._scope}/ats", self._selectors(shard)):
                    yield table.rows(page)
        except table.NotATable as error:
            self._has_index = False
            _log.warning(
                "each pass reads all Ats whole, which takes ten times as long: %s; "
                "apply kustomize/crd of this release",
                error,
            )
            raise NoIndex from error

    def pod_names(self) -> Iterator[list[str]]:
        try:
            for page in self._tables(f"/api/v1{self._scope}/pods", _UNRECORDED):
                yield table.names(page)
        except table.NotATable as error:
            raise NoIndex from error

    def _tables(self, path: str, query: Mapping[str, str | None]) -> Iterator[Manifest]:
        """A list as pages of columns: a row has some 200 bytes, whatever its object weighs."""
        query = {**query, "includeObject": "None"}
        most = self._page_size
        return documents(self._lists, path, query, most, table.ACCEPT, first=most)

    def _selectors(self, shard: Shard) -> dict[str, str | None]:
        """Which Ats are asked for. An API server that knows no shardSelector leaves it unread."""
        return {"labelSelector": self._selector, "shardSelector": shard.selector}

    @contextmanager
    def _if_installed(self) -> Iterator[None]:
        """Raises NotInstalled for a 404 that says that there is no CRD."""
        try:
            yield
        except Rejected as error:
            if error.code != 404 or not self._lacks_crd():
                raise
            raise NotInstalled(
                f"the cluster has no CRD {_CRD}, so it has no Ats, and the Pods of those that it "
                "had are let go once they are a minute old; to use cnat here, install it: "
                "kubectl apply -k kustomize/crd"
            ) from error

    def _lacks_crd(self) -> bool:
        """Whether Ats are gone for good: the CRD itself is read from etcd, whatever is served.

        Of an API server that only doesn't serve Ats yet, and where we may not look, that is no.
        """
        try:
            self._lists.request("GET", _CRD_PATH)
        except Rejected as error:
            return error.code == 404 and f'"{_CRD}" not found' in error.message
        return False

    def at(self, namespace: str, name: str) -> Manifest:
        return self._request("GET", f"{_ATS}/namespaces/{namespace}/ats/{name}")

    def pod(self, namespace: str, name: str) -> Manifest:
        # The name may come from a status, and a status holds whatever somebody wrote there.
        path = f"/api/v1/namespaces/{namespace}/pods/{quote(name, safe='')}"
        return self._request("GET", path)

    def create_pod(self, manifest: Manifest, *, dry_run: bool = False) -> Manifest:
        path = f"/api/v1/namespaces/{manifest['metadata']['namespace']}/pods"
        query = self._query(dry_run) | {"fieldValidation": "Strict"}
        return self._transport.create(f"{path}?{urlencode(query)}", manifest)

    def update_status(self, at: At, status: Manifest) -> Manifest:
        removed = dict.fromkeys(at.raw.get("status") or {})
        patch = {
            "metadata": {"uid": at.uid, "resourceVersion": at.resource_version},
            "status": {**removed, **status},
        }
        path = f"{_ATS}/namespaces/{at.namespace}/ats/{at.name}/status"
        return self._write("PATCH", path, patch, content_type="application/merge-patch+json")

    def release_pod(self, pod: Pod, *, listed: bool = False, unchanged: bool = False) -> None:
        metadata = {
            "uid": pod.uid,
            "$deleteFromPrimitiveList/finalizers": [api.FINALIZER],
            "labels": {api.RECORDED: None if listed else "true"},
        }
        if unchanged:
            metadata["resourceVersion"] = pod.resource_version
        path = f"/api/v1/namespaces/{pod.namespace}/pods/{pod.name}"
        content_type = "application/strategic-merge-patch+json"
        try:
            self._write("PATCH", path, {"metadata": metadata}, content_type=content_type)
        except Rejected as error:
            if error.code == 422 and "metadata.uid" in error.message:  # Another Pod by that name.
                raise Rejected(409, "Conflict", error.message) from error
            raise

    def delete_pod(self, pod: Pod, *, unchanged: bool = False) -> None:
        path = f"/api/v1/namespaces/{pod.namespace}/pods/{pod.name}"
        version = {"resourceVersion": pod.resource_version} if unchanged else {}
        options: dict[str, object] = {"preconditions": {"uid": pod.uid, **version}}
        if self._dry_run:  # Of a DELETE with a body, the API server ignores the query.
            options["dryRun"] = ["All"]
        self._write("DELETE", path, options)

    def create_event(self, event: Manifest) -> None:
        path = f"{_EVENTS}/namespaces/{event['metadata']['namespace']}/events"
        self._write("POST", path, event)

    def _write(
        self, method: str, path: str, body: Manifest, content_type: str = "application/json"
    ) -> Manifest:
        return self._request(method, f"{path}?{urlencode(self._query())}", body, content_type)

    def _query(self, dry_run: bool = False) -> dict[str, str]:
        """What each write is sent with."""
        query = {"fieldManager": api.MANAGER}
        return query | {"dryRun": "All"} if dry_run or self._dry_run else query
