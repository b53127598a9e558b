"""An HTTP server whose answers are prepared: what no healthy API server can be made to do."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.support.factories import at


@dataclass
class Answer:
    """One answer of the other side; a str is sent as it is, anything else as JSON.

    Code 0 is no answer at all. `hold` is called when it has been asked for, before it is given;
    `drop`, if there is one, after each byte of the body.
    """

    body: object = field(default_factory=dict)
    code: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    hold: Callable[[], object] = lambda: None
    drop: Callable[[], object] | None = None


@dataclass
class Asked:
    """One request as it arrived."""

    method: str
    path: str
    query: dict[str, str]
    headers: Mapping[str, str]
    body: Any


class FakeServer:
    """An HTTP server that gives prepared answers, in their order, and notes what was asked."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.asked: list[Asked] = []

    @contextmanager
    def served(self) -> Iterator[str]:
        fake_server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                fake_server.answer(self)

            do_GET = do_POST = do_PATCH = do_DELETE = answer  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            server.server_close()
            thread.join()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        url = urlsplit(request.path)
        length = int(request.headers.get("Content-Length") or 0)
        query = {key: value for key, (value,) in parse_qs(url.query).items()}
        body = json.loads(request.rfile.read(length)) if length else None
        headers = {key.lower(): value for key, value in request.headers.items()}
        self.asked.append(Asked(request.command, url.path, query, headers, body))
        answer = self.answers.pop(0)
        answer.hold()
        text = answer.body if isinstance(answer.body, str) else json.dumps(answer.body)
        if not answer.code:
            request.close_connection = True
            return
        request.send_response_only(answer.code)
        for name, value in {"Content-Length": str(len(text.encode())), **answer.headers}.items():
            request.send_header(name, value)
        request.end_headers()
        body = text.encode()
        if answer.drop is None:
            request.wfile.write(body)
            return
        with suppress(ConnectionError):  # Who asked has left.
            for byte in body:
                request.wfile.write(bytes([byte]))
                answer.drop()


def page(*names: str, token: str = "") -> Answer:
    items = [at(name).raw for name in names]
    return Answer({"kind": "AtList", "metadata": {"continue": token}, "items": items})


def status(code: int, reason: str, message: str = "", **metadata: str) -> Answer:
    body = {"kind": "Status", "reason": reason, "message": message or reason, "metadata": metadata}
    return Answer(body, code)


def kubeconfig(
    path: Path,
    server: str = "https://example.com",
    context: str = "here",
    user: Mapping[str, object] = MappingProxyType({"token": "secret"}),
) -> Path:
    path.parent.mkdir(exist_ok=True)
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": dict(user)}],
        "contexts": [{"name": context, "context": {"cluster": "c", "user": "u"}}],
        "current-context": context,
    }
    path.write_text(json.dumps(document))
    return path
