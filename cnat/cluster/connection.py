"""A connection to an API server: where it is, and who asks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from contextlib import suppress

import urllib3
from kubernetes import client

from cnat.cluster import boot_clock

# Seconds for which the headers are used again. The kubernetes client takes as long to say what
# they are as to send a small request.
_LIFETIME = 10.0


class Connection:
    """A pool of connections, and the headers that all requests have in common; thread-safe.

    Tokens expire. The kubernetes client knows when, and runs an exec plugin or reads a token file
    once more; but only when it is asked what the headers are.

    Args:
        configured: the kubernetes client, which knows where to and by which credentials.
        impersonation: headers that say in whose name the requests are.
        read_again: configures the client once more, where it would not look at a token file again.
    """

    def __init__(
        self,
        configured: client.ApiClient,
        impersonation: Iterable[tuple[str, str]] = (),
        read_again: Callable[[], object] = lambda: None,
    ) -> None:
        self.host: str = configured.configuration.host
        # Without the client's layer above it, which looks for other content types at each request.
        self.pool: urllib3.PoolManager = configured.rest_client.pool_manager
        self._configured = configured
        self._impersonation = tuple(impersonation)
        self._read_again = read_again
        self._lock = threading.Lock()
        self._headers = urllib3.HTTPHeaderDict()
        self._until = 0.0

    def headers(self) -> urllib3.HTTPHeaderDict:
        """Those of a request, to be added to. One may be there more than once."""
        with self._lock:  # Others wait for the one that runs the plugin.
            now = boot_clock.now()
            if now >= self._until:
                self._headers = self._ask()
                self._until = now + _LIFETIME
            return self._headers.copy()

    def close(self) -> None:
        self._configured.close()

    def _ask(self) -> urllib3.HTTPHeaderDict:
        with suppress(Exception):  # What was read before may still do. If not, the answer is 401.
            self._read_again()
        headers = urllib3.HTTPHeaderDict(self._configured.default_headers)
        for setting in self._configured.configuration.auth_settings().values():
            headers[setting["key"]] = setting["value"]
        for name, value in self._impersonation:
            headers.add(name, value)
        return headers
