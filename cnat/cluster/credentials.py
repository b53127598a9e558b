"""Who asks: the headers by which the API server knows it."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from kubernetes import client

from cnat.cluster import boot_clock

# Seconds for which the headers are used again. The kubernetes client takes as long to say what
# they are as to send a small request.
_LIFETIME = 10.0


class Credentials:
    """The headers that each request over a connection has in common; thread-safe.

    Tokens expire. The kubernetes client knows when, and runs an exec plugin or reads a token file
    once more; but only when it is asked what the headers are.

    Args:
        connection: from `cnat.cluster.live.connect`.
    """

    def __init__(self, connection: client.ApiClient) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        self._headers: Mapping[str, str] = {}
        self._until = 0.0

    def headers(self) -> Mapping[str, str]:
        with self._lock:  # Others wait for the one that runs the plugin.
            now = boot_clock.now()
            if now >= self._until:
                settings = self._connection.configuration.auth_settings().values()
                tokens = {setting["key"]: setting["value"] for setting in settings}
                self._headers = {**self._connection.default_headers, **tokens}
                self._until = now + _LIFETIME
            return self._headers
