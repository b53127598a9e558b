"""A registry on loopback: what containerd pulls from, whatever registry an image names.

https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md#pull
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from tests.support.node.images import MANIFEST_TYPE, Images

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def serving(images: Images, port: int) -> Iterator[None]:
    """Serve ``images`` on that port of loopback while the block lasts."""
    server = ThreadingHTTPServer(
        ("127.0.0.1", port), type("Handler", (_Handler,), {"images": images})
    )
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    images: Images
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if url.path == "/v2/":
            self._head(200, "application/json", 2)
            self.wfile.write(b"{}")
            return
        # containerd says here which registry it has been told to pull from.
        (host,) = parse_qs(url.query).get("ns", ["docker.io"])
        found = re.fullmatch(r"/v2/(.+)/(manifests|blobs)/(.+)", url.path)
        if not found:
            self._missing("NAME_UNKNOWN")
            return
        name, kind, reference = found.groups()
        if ":" not in reference:
            reference = self.images.digest(f"{host}/{name}:{reference}") or ""
        blob = self.images.blob(reference) if reference else None
        if blob is None:
            self._missing("MANIFEST_UNKNOWN")
            return
        media_type = MANIFEST_TYPE if kind == "manifests" else "application/octet-stream"
        self._head(200, media_type, blob.stat().st_size, {"Docker-Content-Digest": reference})
        if self.command == "GET":
            with blob.open("rb") as file:
                shutil.copyfileobj(file, self.wfile)

    do_HEAD = do_GET  # noqa: N815  the name that http.server calls

    def log_message(self, *_: object) -> None:
        pass

    def _missing(self, code: str) -> None:
        message = code.lower().replace("_", " ")
        body = json.dumps({"errors": [{"code": code, "message": message}]}).encode()
        self._head(404, "application/json", len(body))
        if self.command == "GET":
            self.wfile.write(body)

    def _head(
        self, status: int, media_type: str, length: int, headers: dict[str, str] | None = None
    ) -> None:
        self.send_response(status)
        for name, value in {
            "Content-Type": media_type,
            "Content-Length": str(length),
            **(headers or {}),
        }.items():
            self.send_header(name, value)
        self.end_headers()
