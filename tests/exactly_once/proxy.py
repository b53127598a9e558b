"""A proxy between cnat and the API server that does the harm it is told to, at the request it is
told to.

cnat talks plain HTTP to it; it talks HTTPS to the API server. Each session, that is each run of
cnat, has a port of its own, so that no request of a killed run is taken for one of the next.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import signal
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from email.utils import formatdate, parsedate_to_datetime
from enum import Enum
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import urllib3

from tests.support.controlplane.server import ControlPlane

_SECONDS_AT_MOST = 60.0
_PASSED = ("Content-Type", "Date", "Retry-After")


class Fault(Enum):
    """What may happen to a request."""

    KILL_BEFORE = "SIGKILL before the request is sent on"
    KILL_AFTER = "SIGKILL after it took effect and before the answer"
    CONFLICT = "409 instead"
    TOO_MANY = "429 with Retry-After instead"
    ERROR = "500 instead"
    UNAVAILABLE = "503 instead"
    DROP_BEFORE = "connection dropped before it took effect"
    DROP_AFTER = "connection dropped after it took effect"
    HANG = "took effect, and no answer ever"
    LATE = "took effect only when the client had given up"
    CUT = "half of the answer's body"
    EXPIRED = "410 for a continue token"


@dataclass(frozen=True)
class Request:
    """A request, as the API server's RBAC would call it.

    Attributes:
        verb: get, list, create, patch or delete.
        resource: with its subresource: `pods`, `ats`, `ats/status`, `events`.
        name: of the object, "" where the request has none.
        dry_run: it persists nothing.
    """

    verb: str
    resource: str
    name: str
    dry_run: bool
    continued: bool

    @property
    def kind(self) -> str:
        """All requests that differ in the object only."""
        marks = {"dry run": self.dry_run, "continued": self.continued}
        return " ".join([self.verb, self.resource, *(mark for mark, on in marks.items() if on)])

    @classmethod
    def of(cls, method: str, target: str) -> Request:
        url = urlsplit(target)
        query = parse_qs(url.query)
        parts = url.path.strip("/").split("/")
        parts = parts[2:] if parts[0] == "api" else parts[3:]
        if parts[0] == "namespaces" and len(parts) > 2:
            parts = parts[2:]
        resource, name, subresource = [*parts, "", ""][:3]
        verb = {"GET": "get" if name else "list", "POST": "create"}.get(method, method.lower())
        return cls(
            verb,
            f"{resource}/{subresource}".rstrip("/"),
            name,
            dry_run="dryRun" in query,
            continued="continue" in query,
        )


@dataclass(frozen=True)
class Strike:
    """A fault at the k-th request, from 1; of those of that kind only, if one is given."""

    fault: Fault
    k: int
    kind: str | None = None


@dataclass
class Answered:
    """A request, and the API server's status code; None if it was never sent on."""

    request: Request
    code: int | None = None

    @property
    def wrote(self) -> bool:
        """Whether it was a write and took effect."""
        reads = self.request.verb in {"get", "list"}
        return not reads and not self.request.dry_run and self.code is not None and self.code < 300


@dataclass(frozen=True)
class _Message:
    """What went over a connection: start line, headers, body."""

    start: str
    headers: list[tuple[str, str]]
    body: bytes


class FaultProxy:
    """Sessions to one API server, over one pool of connections. Thread-safe."""

    def __init__(self, control_plane: ControlPlane, directory: Path) -> None:
        """`directory` is for kubeconfigs."""
        self._control_plane = control_plane
        self._directory = directory
        url = urlsplit(control_plane.server)
        self._upstream = urllib3.HTTPSConnectionPool(
            str(url.hostname),
            url.port,
            maxsize=64,
            ca_certs=str(control_plane.ca_file),
            retries=False,
            timeout=_SECONDS_AT_MOST,
        )

    @contextlib.contextmanager
    def session(
        self, *strikes: Strike, date_shift: float = 0.0, at_first: Callable[[], None] = lambda: None
    ) -> Iterator[Session]:
        """A port for one run of cnat. At the end all that it sent has been dealt with.

        Args:
            date_shift: seconds to add to what the Date headers say.
            at_first: is called when its first request has arrived, before that is dealt with.
        """
        with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
            server = f"http://127.0.0.1:{listener.getsockname()[1]}"
            path = self._directory / f"{listener.getsockname()[1]}.kubeconfig"
            kubeconfig = self._control_plane.kubeconfig_for(
                self._control_plane.token, server=server, path=path
            )
            session = Session(self, listener, kubeconfig, strikes, date_shift, at_first)
            try:
                yield session
            finally:
                session.close()
                path.unlink()

    def forward(self, message: _Message) -> urllib3.BaseHTTPResponse:
        method, target, _ = message.start.split(" ")
        # Header fields may be repeated, but cnat's aren't.
        headers = {k: v for k, v in message.headers if k.lower() not in {"host", "connection"}}
        return self._upstream.urlopen(
            method, target, message.body or None, headers, decode_content=False
        )


class Session:
    """What one run of cnat asked, and what became of it.

    Attributes:
        kubeconfig: for that run.
        victim: its process id, to be set as soon as it is known.
        answered: all its requests in the order of their arrival.
        struck: the faults that were applied.
    """

    def __init__(
        self,
        proxy: FaultProxy,
        listener: socket.socket,
        kubeconfig: Path,
        strikes: tuple[Strike, ...],
        date_shift: float,
        at_first: Callable[[], None],
    ) -> None:
        self.kubeconfig = kubeconfig
        self.victim: Future[int] = Future()
        self.answered: list[Answered] = []
        self.struck: list[Fault] = []
        self._proxy = proxy
        self._listener = listener
        self._strikes = strikes
        self._date_shift = date_shift
        self._at_first = at_first
        self._lock = threading.Lock()
        self._connections: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()

    @property
    def writes(self) -> list[Request]:
        """The writes that took effect."""
        return [entry.request for entry in self.answered if entry.wrote]

    def close(self) -> None:
        """Take no more, and wait until what is under way has reached the API server."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._acceptor.join()
        for connection in self._connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            thread = threading.Thread(target=self._serve, args=[connection], daemon=True)
            self._connections.append(connection)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError, _Gone), connection.makefile("rb") as stream:
            while message := _read(stream):
                self._handle(connection, message)

    def _handle(self, connection: socket.socket, message: _Message) -> None:
        method, target, _ = message.start.split(" ")
        request = Request.of(method, target)
        entry = Answered(request)
        with self._lock:
            if not self.answered:
                self._at_first()
            self.answered.append(entry)
            fault = self._due(request)
            if fault:
                self.struck.append(fault)
        match fault:
            case None:
                connection.sendall(self._answer(entry, message))
            case Fault.KILL_BEFORE:
                self._kill()
            case Fault.KILL_AFTER:
                self._answer(entry, message)
                self._kill()
            case Fault.DROP_BEFORE:
                _reset(connection)
            case Fault.DROP_AFTER:
                self._answer(entry, message)
                _reset(connection)
            case Fault.HANG:
                self._answer(entry, message)
                _wait_until_left(connection)
            case Fault.LATE:
                _wait_until_left(connection)
                self._answer(entry, message)
            case Fault.CUT:
                answer = self._answer(entry, message)
                head, _, body = answer.partition(b"\r\n\r\n")
                connection.sendall(head + b"\r\n\r\n" + body[: len(body) // 2])
                raise _Gone
            case _:
                connection.sendall(self._instead(fault, target))

    def _due(self, request: Request) -> Fault | None:
        for strike in self._strikes:
            alike = [entry for entry in self.answered if strike.kind in {None, entry.request.kind}]
            if len(alike) == strike.k and alike[-1].request is request:
                return strike.fault
        return None

    def _kill(self) -> None:
        os.kill(self.victim.result(_SECONDS_AT_MOST), signal.SIGKILL)
        raise _Gone

    def _answer(self, entry: Answered, message: _Message) -> bytes:
        response = self._proxy.forward(message)
        entry.code = response.status
        headers = {name: response.headers[name] for name in _PASSED if name in response.headers}
        return self._wire(response.status, headers, response.data)

    def _instead(self, fault: Fault, target: str) -> bytes:
        code, document, headers = _REFUSALS[fault]
        metadata = {"continue": _moved_on(target)} if fault is Fault.EXPIRED else {}
        status = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": metadata,
            "status": "Failure",
            **document,
            "code": code,
        }
        return self._wire(code, headers, json.dumps(status).encode())

    def _wire(self, code: int, headers: Mapping[str, str], body: bytes) -> bytes:
        date = headers.get("Date")
        moment = parsedate_to_datetime(date).timestamp() if date else time.time()
        fields = {
            **headers,
            "Date": formatdate(moment + self._date_shift, usegmt=True),
            "Content-Length": str(len(body)),
        }
        head = [f"HTTP/1.1 {code} {HTTPStatus(code).phrase}"]
        head += [f"{name}: {value}" for name, value in fields.items()]
        return "\r\n".join([*head, "", ""]).encode("latin-1") + body


class _Gone(Exception):
    """The connection is of no more use."""


_REFUSALS: Mapping[Fault, tuple[int, dict[str, Any], dict[str, str]]] = {
    Fault.CONFLICT: (
        409,
        {
            "reason": "Conflict",
            "message": "Operation cannot be fulfilled: the object has been modified; please apply "
            "your changes to the latest version and try again",
        },
        {},
    ),
    Fault.TOO_MANY: (
        429,
        {
            "reason": "TooManyRequests",
            "message": "too many requests, please try again later",
            "details": {"retryAfterSeconds": 0},
        },
        {"Retry-After": "0"},
    ),
    Fault.ERROR: (
        500,
        {"reason": "InternalError", "message": "Internal error occurred: etcdserver: leader lost"},
        {},
    ),
    Fault.UNAVAILABLE: (
        503,
        {"reason": "ServiceUnavailable", "message": "apiserver is shutting down"},
        {},
    ),
    Fault.EXPIRED: (
        410,
        {
            "reason": "Expired",
            "message": "The provided continue parameter is too old to display a consistent list "
            "result. You can start a new list without the continue parameter, or use the continue "
            "token in this response to retrieve the remainder of the results. Continuing with the "
            "provided token results in an inconsistent list - objects that were created, modified, "
            "or deleted between the time the first chunk was returned and now may show up in the "
            "list.",
        },
        {},
    ),
}


def _moved_on(target: str) -> str:
    """The token that the API server would send along with the 410, for the same key onward.

    k8s.io/apiserver, `handleCompactedErrorForPaging`: resourceVersion -1 means "now".
    """
    query = dict(parse_qsl(urlsplit(target).query))
    token = query["continue"]
    padded = token + "=" * (-len(token) % 4)
    value = json.loads(base64.urlsafe_b64decode(padded))
    text = json.dumps({**value, "rv": -1}).encode()
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


def _read(stream: Any) -> _Message | None:
    """The next message of a connection; None at its end."""
    start = stream.readline().decode("latin-1").rstrip()
    if not start:
        return None
    headers = []
    while line := stream.readline().decode("latin-1").rstrip():
        name, _, value = line.partition(":")
        headers.append((name, value.strip()))
    length = next((int(value) for name, value in headers if name.lower() == "content-length"), 0)
    body = stream.read(length)
    return _Message(start, headers, body) if len(body) == length else None


def _reset(connection: socket.socket) -> None:
    """Close with RST, as a load balancer that has lost its state."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raise _Gone


def _wait_until_left(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.settimeout(_SECONDS_AT_MOST)
        connection.recv(1)
