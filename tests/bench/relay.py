"""A relay that counts bytes."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator


class Relay:
    """Passes TCP connections on, TLS and all. Attributes: `port`, `sent`, `received` (bytes)."""

    def __init__(self, target_port: int) -> None:
        self._target = ("127.0.0.1", target_port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.sent = 0
        self.received = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Take no further connections."""
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(self._target)
                for pump in (self._send, self._receive):
                    threading.Thread(target=pump, args=(near, far), daemon=True).start()

    def _send(self, near: socket.socket, far: socket.socket) -> None:
        for size in _pumped(near, far):
            self.sent += size

    def _receive(self, near: socket.socket, far: socket.socket) -> None:
        for size in _pumped(far, near):
            self.received += size


def _pumped(source: socket.socket, sink: socket.socket) -> Iterator[int]:
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            sink.sendall(data)
            yield len(data)
        sink.shutdown(socket.SHUT_WR)
