"""Ports on loopback, and when what listens there is ready."""

from __future__ import annotations

import random
import socket
import ssl
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.controlplane.process import Process

# Below what systems give out for outgoing connections (Linux: from 32768), else one of the control
# plane's own connections can take the port between our look and the server's bind.
_PORTS = range(20000, 32768)

# Seconds until a process that lives but is not ready counts as failed. On an idle machine all three
# together need 4; a busy one has been seen to need ten times that.
_PATIENCE = 120.0
_POLL = 0.05


def free_ports(count: int) -> list[int]:
    """Return that many different TCP ports on which nothing listens."""
    free: list[int] = []
    for port in random.sample(_PORTS, len(_PORTS)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        free.append(port)
        if len(free) == count:
            return free
    raise OSError(f"no {count} free ports on loopback in {_PORTS}")


def wait_until_ok(
    url: str, process: Process, *, ca_file: Path | None = None, token: str | None = None
) -> None:
    """Return as soon as a GET of ``url`` is answered with 200.

    Args:
        url: What to ask for.
        process: The one to wait for.
        ca_file: PEM to verify the server with; it may appear only while we wait.
        token: Bearer token to send.

    Raises:
        ControlPlaneError: ``process`` ended, or there was no such answer within two minutes.
    """
    request = urllib.request.Request(url)
    if token is not None:
        request.add_header("Authorization", f"Bearer {token}")
    last: object = "nothing asked yet"
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        process.check()
        try:
            handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]
            if ca_file is not None:
                context = ssl.create_default_context(cafile=ca_file)
                handlers.append(urllib.request.HTTPSHandler(context=context))
            urllib.request.build_opener(*handlers).open(request, timeout=5).close()
        except OSError as error:  # refused, an HTTP error, or no ca_file so far
            last = error
            time.sleep(_POLL)
        else:
            return
    raise process.failure(f"{url} was not ready within {_PATIENCE:.0f} s, the last answer: {last}")
