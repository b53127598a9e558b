"""The live cluster, over the Kubernetes API."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from urllib.parse import quote, urlencode

from kubernetes import client, config

from cnat import __version__
from cnat.cluster.credentials import Credentials
from cnat.cluster.deadline import Deadline
from cnat.cluster.protocol import Rejected, Unreachable
from cnat.cluster.server_clock import ServerClock
from cnat.cluster.transport import Transport
from cnat.core import api
from cnat.core.fields import Manifest
from cnat.core.objects import At, Pod

# Seconds that a page of a list may take: on a busy API server it takes long.
_LIST_TIMEOUT = 30.0
# The lists may take this part of the pass's time. What is left is for what they have shown so far,
# or a pass on a slow API server would come to nothing each time.
_LISTING = 0.75

_ATS = f"/apis/{api.GROUP}/{api.VERSION}"
_EVENTS = "/apis/events.k8s.io/v1"


class NotConfigured(Unreachable):
    """No usable cluster configuration. The text says what was looked for."""


def connect(kubeconfig: str | None, context: str | None, connections: int) -> client.ApiClient:
    """A client for the cluster that kubectl would talk to with the same two flags.

    In-cluster credentials count where there is neither a flag, nor KUBECONFIG, nor
    `~/.kube/config`.

    Args:
        connections: how many requests will be under way at once.

    Raises:
        NotConfigured: a named file or context doesn't exist or can't be used, or nothing is
            configured at all.
    """
    configuration = client.Configuration()
    wanted = kubeconfig or os.environ.get("KUBECONFIG") or ""
    # The user of a container may have no home, or one that it can't look into.
    default = Path(os.environ.get("HOME", "/"), ".kube/config")
    try:
        if wanted or context or os.access(default, os.R_OK):
            path = wanted or str(default)
            config.load_kube_config(path, context, client_configuration=configuration)
        else:
            config.load_incluster_config(client_configuration=configuration)
    except Exception as error:  # Whatever the client stumbles over in a file that is none.
        if kubeconfig and not os.access(kubeconfig, os.F_OK):
            raise NotConfigured(f"the kubeconfig {kubeconfig} does not exist") from error
        raise NotConfigured(_why_not(wanted or str(default), context, error)) from error
    configuration.retries = False  # One place retries: Transport, which knows the deadline.
    configuration.connection_pool_maxsize = connections
    connection = client.ApiClient(configuration)
    connection.user_agent = f"cnat/{__version__}"
    return connection


def _why_not(files: str, context: str | None, error: Exception) -> str:
    existing = [path for path in files.split(os.pathsep) if os.access(path, os.F_OK)]
    if existing:
        with suppress(Exception):
            known = [entry["name"] for entry in config.list_kube_config_contexts(files)[0]]
            if context and context not in known:
                return f"there is no context {context!r} in {files}, only {', '.join(known)}"
        return f"the kubeconfig {files} can't be used: {error}"
    if os.environ.get("KUBERNETES_SERVICE_HOST"):
        return f"the in-cluster configuration can't be used: {error}"
    return (
        f"no cluster is configured: {files} does not exist and this is no Pod; give --kubeconfig "
        "FILE, set KUBECONFIG, or plan without a cluster by -f FILE"
    )


class LiveCluster:
    """A `cnat.cluster.protocol.Cluster` on a Kubernetes API server; thread-safe.

    Args:
        connection: from `connect`.
        deadline: nothing is sent, and no retry waited for, beyond it.
        namespace: only this one; None for all.
        selector: label selector for the Ats, in kubectl's syntax.
        page_size: objects a list page.
        dry_run: send every write with `dryRun=All`.
        now: the time to plan for; by default the API server's.
    """

    def __init__(
        self,
        connection: client.ApiClient,
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
        credentials = Credentials(connection)
        self._transport = Transport(connection, credentials, deadline, self.clock)
        self._request = self._transport.request
        listing = deadline.part(_LISTING)
        self._list = Transport(connection, credentials, listing, self.clock).request
        self._scope = f"/namespaces/{quote(namespace)}" if namespace else ""
        self._selector = selector
        self._page_size = page_size
        self._dry_run = dry_run

    def now(self) -> datetime:
        return self._now()

    def pods(self) -> Iterator[list[Manifest]]:
        path = f"/api/v1{self._scope}/pods"
        try:
            yield from self._pages(path, api.POD_SELECTOR)
        except Rejected as error:
            if error.code != 404:
                raise
            raise self._transport.no_api_server(f"its answer to GET {path} is {error}") from error

    def ats(self) -> Iterator[list[Manifest]]:
        return self._pages(f"{_ATS}{self._scope}/ats", self._selector)

    def at(self, namespace: str, name: str) -> Manifest:
        return self._request("GET", f"{_ATS}/namespaces/{namespace}/ats/{name}")

    def pod(self, namespace: str, name: str) -> Manifest:
        # The name may come from a status, and a status holds whatever somebody wrote there.
        path = f"/api/v1/namespaces/{namespace}/pods/{quote(name, safe='')}"
        return self._request("GET", path)

    def create_pod(self, manifest: Manifest, *, dry_run: bool = False) -> Manifest:
        path = f"/api/v1/namespaces/{manifest['metadata']['namespace']}/pods"
        query = {"fieldValidation": "Strict"} | ({"dryRun": "All"} if dry_run else {})
        return self._write("POST", path, manifest, query)

    def update_status(self, at: At, status: Manifest) -> Manifest:
        removed = dict.fromkeys(at.raw.get("status") or {})
        patch = {
            "metadata": {"uid": at.uid, "resourceVersion": at.resource_version},
            "status": {**removed, **status},
        }
        path = f"{_ATS}/namespaces/{at.namespace}/ats/{at.name}/status"
        return self._write("PATCH", path, patch, content_type="application/merge-patch+json")

    def release_pod(self, pod: Pod) -> None:
        patch = {
            "metadata": {"uid": pod.uid, "$deleteFromPrimitiveList/finalizers": [api.FINALIZER]}
        }
        path = f"/api/v1/namespaces/{pod.namespace}/pods/{pod.name}"
        content_type = "application/strategic-merge-patch+json"
        try:
            self._write("PATCH", path, patch, content_type=content_type)
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

    def _pages(self, path: str, selector: str | None) -> Iterator[list[Manifest]]:
        """All objects under `path`, `limit` at a time.

        When the continue token has expired (410), the answer brings another that goes on from
        the same key at a later state (API concepts, "Retrieving large results sets in chunks").
        That suits both lists: what exists throughout is in them.
        """
        query: dict[str, str | int] = {"limit": self._page_size}
        if selector:
            query["labelSelector"] = selector
        while True:
            try:
                page = self._list("GET", f"{path}?{urlencode(query)}", timeout=_LIST_TIMEOUT)
            except Rejected as error:
                if error.code != 410 or not error.continuation:
                    raise
                query["continue"] = error.continuation
                continue
            items, metadata = page.get("items") or [], page.get("metadata")
            if not isinstance(items, list) or not isinstance(metadata, dict):
                raise self._transport.no_api_server(f"its answer to GET {path} is no list")
            yield items
            items.clear()  # The next page goes where this one was: one at a time is in memory.
            token = metadata.get("continue")
            if not token:
                return
            query["continue"] = token

    def _write(
        self,
        method: str,
        path: str,
        body: Manifest,
        query: Mapping[str, str] | None = None,
        content_type: str = "application/json",
    ) -> Manifest:
        query = dict(query or {})
        if method != "DELETE":
            query["fieldManager"] = api.MANAGER
        if self._dry_run:
            query["dryRun"] = "All"
        return self._request(method, f"{path}?{urlencode(query)}", body, content_type)
