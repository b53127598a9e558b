"""Who has seen every Pod come: a watch, so that what was deleted since counts too."""

from __future__ import annotations

import contextlib
import json
import threading
import uuid
from collections import Counter
from collections.abc import Iterator
from typing import Any

import urllib3

from tests.support.controlplane.server import ControlPlane

_SECONDS_AT_MOST = 30.0


class PodWatch:
    """A watch on all Pods of a cluster, from when it is made to the cluster's end. Thread-safe."""

    def __init__(self, control_plane: ControlPlane) -> None:
        self._control_plane = control_plane
        self._pool = urllib3.PoolManager(
            ca_certs=str(control_plane.ca_file), maxsize=8, retries=False
        )
        self._seen: dict[tuple[str, str], str] = {}  # (namespace, uid): name
        self._came = threading.Condition()
        listed = self._request("GET", "/api/v1/pods?limit=1").json()
        version = listed["metadata"]["resourceVersion"]
        path = f"/api/v1/pods?watch=1&resourceVersion={version}&timeoutSeconds=86400"
        self._stream = self._request("GET", path, preload_content=False)
        threading.Thread(target=self._watch, daemon=True).start()

    def created(self, namespace: str) -> Counter[str]:
        """How often a Pod of each name was created in a namespace, up to now."""
        # The watch brings changes in the order in which they were made. So when it has brought
        # this Pod, it has brought all earlier ones.
        name = f"marker-{uuid.uuid4().hex[:12]}"
        container = {"name": "none", "image": "none"}
        marker = {"metadata": {"name": name}, "spec": {"containers": [container]}}
        pods = "/api/v1/namespaces/default/pods"
        uid = self._request("POST", pods, json=marker).json()["metadata"]["uid"]
        self._request("DELETE", f"{pods}/{name}")
        with self._came:
            came = self._came.wait_for(lambda: ("default", uid) in self._seen, _SECONDS_AT_MOST)
            assert came, "the watch has ended"
            del self._seen["default", uid]
            return Counter(pod for (where, _), pod in self._seen.items() if where == namespace)

    def forget(self, namespace: str) -> None:
        """Nobody will ask for this namespace again."""
        with self._came:
            for key in [key for key in self._seen if key[0] == namespace]:
                del self._seen[key]

    def _request(
        self, method: str, path: str, json: object = None, *, preload_content: bool = True
    ) -> urllib3.BaseHTTPResponse:
        response = self._pool.request(
            method,
            self._control_plane.server + path,
            headers={"Authorization": f"Bearer {self._control_plane.token}"},
            json=json,
            preload_content=preload_content,
            timeout=urllib3.Timeout(connect=_SECONDS_AT_MOST, read=None),
        )
        assert response.status < 300, response.data
        return response

    def _watch(self) -> None:
        with contextlib.suppress(urllib3.exceptions.HTTPError, ValueError, OSError):
            for line in _lines(self._stream):
                event = json.loads(line)
                metadata = event["object"]["metadata"]
                with self._came:
                    self._seen[metadata["namespace"], metadata["uid"]] = metadata["name"]
                    self._came.notify_all()


def _lines(stream: Any) -> Iterator[bytes]:
    rest = b""
    for chunk in stream.stream(2**16):
        *lines, rest = (rest + chunk).split(b"\n")
        yield from lines
