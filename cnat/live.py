"""The live cluster, over the Kubernetes API."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import tenacity
import urllib3
from kubernetes import client, config

from cnat import __version__, api
from cnat.api import At, Manifest, Pod
from cnat.clock import ServerClock
from cnat.cluster import OutOfTime, Rejected, Unreachable
from cnat.deadline import Deadline

# Seconds that one request may take before it is sent again: a page of a big list takes long on
# a busy API server, a write that takes this long is stuck.
_LIST_TIMEOUT = 30.0
_WRITE_TIMEOUT = 10.0
_ATTEMPTS = 5

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
    except config.ConfigException as error:
        raise NotConfigured(_why_not(wanted or str(default), context, error)) from error
    configuration.retries = False  # One place retries: LiveCluster, which knows the deadline.
    configuration.connection_pool_maxsize = connections
    connection = client.ApiClient(configuration)
    connection.user_agent = f"cnat/{__version__}"
    return connection


def _why_not(files: str, context: str | None, error: Exception) -> str:
    existing = [path for path in files.split(os.pathsep) if os.access(path, os.F_OK)]
    if existing:
        about = f" (context {context!r})" if context else ""
        return f"the kubeconfig {files}{about} can't be used: {error}"
    if os.environ.get("KUBERNETES_SERVICE_HOST"):
        return f"the in-cluster configuration can't be used: {error}"
    return (
        f"no cluster is configured: {files} does not exist and this is no Pod; give --kubeconfig "
        "FILE, set KUBECONFIG, or plan without a cluster by -f FILE"
    )


class LiveCluster:
    """A `cnat.cluster.Cluster` on a Kubernetes API server; thread-safe.

    Args:
        connection: from `connect`.
        deadline: nothing is sent, and no retry waited for, beyond it.
        namespace: only this one; None for all.
        selector: label selector for the Ats, in kubectl's syntax.
        page_size: objects a list page.
        dry_run: send every write with `dryRun=All`.
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
    ) -> None:
        self.clock = ServerClock()
        self._connection = connection
        self._deadline = deadline
        self._scope = f"/namespaces/{quote(namespace)}" if namespace else ""
        self._selector = selector
        self._page_size = page_size
        self._dry_run = dry_run
        self._retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(_worth_retrying),
            wait=_wait,
            stop=self._give_up,
            sleep=deadline.sleep,
            reraise=True,
        )

    def now(self) -> datetime:
        return self.clock.now()

    def pods(self) -> Iterator[list[Manifest]]:
        return self._pages(f"/api/v1{self._scope}/pods", api.POD_SELECTOR)

    def ats(self) -> Iterator[list[Manifest]]:
        return self._pages(f"{_ATS}{self._scope}/ats", self._selector)

    def at(self, namespace: str, name: str) -> Manifest:
        return self._request("GET", f"{_ATS}/namespaces/{namespace}/ats/{name}")

    def pod(self, namespace: str, name: str) -> Manifest:
        return self._request("GET", f"/api/v1/namespaces/{namespace}/pods/{name}")

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

    def release_pod(self, pod: Pod) -> Manifest:
        patch = {
            "metadata": {"uid": pod.uid, "$deleteFromPrimitiveList/finalizers": [api.FINALIZER]}
        }
        path = f"/api/v1/namespaces/{pod.namespace}/pods/{pod.name}"
        content_type = "application/strategic-merge-patch+json"
        return self._write("PATCH", path, patch, content_type=content_type)

    def delete_pod(self, pod: Pod) -> None:
        path = f"/api/v1/namespaces/{pod.namespace}/pods/{pod.name}"
        self._write("DELETE", path, {"preconditions": {"uid": pod.uid}})

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
                page = self._request("GET", f"{path}?{urlencode(query)}", timeout=_LIST_TIMEOUT)
            except Rejected as error:
                if error.code != 410 or not error.continuation:
                    raise
                query["continue"] = error.continuation
                continue
            items: list[Manifest] = page.get("items") or []
            yield items
            items.clear()  # The next page goes where this one was: one at a time is in memory.
            token = page["metadata"].get("continue")
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

    def _request(
        self,
        method: str,
        path: str,
        body: Manifest | None = None,
        content_type: str = "application/json",
        timeout: float = _WRITE_TIMEOUT,
    ) -> Manifest:
        return self._retrying(self._send, method, path, body, content_type, timeout)

    def _send(
        self, method: str, path: str, body: Manifest | None, content_type: str, timeout: float
    ) -> Manifest:
        remaining = self._deadline.remaining
        if not remaining:
            raise OutOfTime("the pass ran out of time before this request")
        headers = {"Accept": "application/json", "Content-Type": content_type}
        headers.update(self._connection.default_headers)
        self._connection.update_params_for_auth(
            headers, [], ["BearerToken"], path, method, body, request_auth=None
        )
        host = self._connection.configuration.host
        sent = time.time()
        try:
            answer = self._connection.rest_client.request(
                method, host + path, headers, body, _request_timeout=min(timeout, remaining)
            )
            content = answer.read()
        except client.ApiException as error:  # The client's word for a TLS failure.
            raise Unreachable(
                f"cannot reach {self._connection.configuration.host}: {error.reason}"
            ) from error
        except urllib3.exceptions.HTTPError as error:
            raise Unreachable(
                f"cannot reach {self._connection.configuration.host}: {_cause(error)}"
            ) from error
        self.clock.observe(answer.headers.get("Date"), sent, time.time())
        try:
            document: dict[str, Any] = json.loads(content)
        except ValueError as error:
            if answer.status < 300:
                raise Unreachable(f"the answer to {method} {path} is no JSON: {error}") from error
            document = {"message": content[:200].decode(errors="replace").strip()}
        if answer.status >= 300:
            raise _rejection(answer, document)
        return document

    def _give_up(self, state: tenacity.RetryCallState) -> bool:
        return state.attempt_number >= _ATTEMPTS or state.upcoming_sleep >= self._deadline.remaining


def _rejection(answer: Any, document: Manifest) -> Rejected:
    metadata = document.get("metadata")
    continuation = metadata.get("continue", "") if isinstance(metadata, dict) else ""
    try:
        retry_after = float(answer.headers.get("Retry-After", ""))
    except ValueError:
        retry_after = None
    return Rejected(
        answer.status,
        str(document.get("reason") or answer.reason or answer.status),
        str(document.get("message") or f"HTTP {answer.status} {answer.reason}"),
        continuation,
        retry_after,
    )


def _worth_retrying(error: BaseException) -> bool:
    return isinstance(error, Unreachable) or (isinstance(error, Rejected) and error.transient)


_backoff = tenacity.wait_exponential(multiplier=0.1, max=5.0) + tenacity.wait_random(0.0, 0.1)


def _wait(state: tenacity.RetryCallState) -> float:
    """Seconds until the next try: what the server asked for (RFC 9110, 10.2.3), or a back-off."""
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, Rejected) and error.retry_after is not None:
        return error.retry_after
    return _backoff(state)


def _cause(error: BaseException) -> str:
    """The innermost cause of a urllib3 error, which says what the outer ones only wrap."""
    while error.__cause__ is not None and error.__cause__ is not error:
        error = error.__cause__
    text = str(error)
    return text.rpartition(": ")[2] if "object at 0x" in text else text
