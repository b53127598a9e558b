"""A pass over Ats as large as etcd takes them, in the memory that the CronJob gives it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from cnat.core import status
from tests.support.factories import INSTANT, at
from tests.support.fake_server import kubeconfig

ROOT = Path(__file__).parents[2]
# Not the resource usage, in which the size of the process that it was forked from counts, too.
MEASURED = """
from pathlib import Path
from cnat.cli.main import main
code = main()
print(Path("/proc/self/status").read_text())
raise SystemExit(code)
"""
MIB = 2**20


def converged(name: str, size: int) -> dict[str, Any]:
    """An At of so many bytes for which nothing is to be done."""
    command = ["/bin/sh", "-c", "#" * size]
    containers = [{"name": "shell", "image": "busybox", "command": command}]
    found = at(name, suspend=True, containers=containers)
    earned = status.suspended(found, INSTANT, INSTANT).document()
    return {**found.raw, "status": earned}


def limit() -> int:
    """Bytes that the container may have."""
    cronjob = yaml.safe_load((ROOT / "kustomize/cronjob/cronjob.yaml").read_text())
    (container,) = cronjob["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    return int(container["resources"]["limits"]["memory"].removesuffix("Mi")) * MIB


SMALL, LARGE = (json.dumps(converged("at-000", size)).encode() for size in (1000, MIB))


class Lists(BaseHTTPRequestHandler):
    """An API server with these Ats, and no Pods: it knows `limit` and `continue`."""

    protocol_version = "HTTP/1.1"
    ats = [SMALL] * 600 + [LARGE] * 120

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query = {key: value for key, (value,) in parse_qs(url.query).items()}
        ats = self.ats if url.path.endswith("/ats") else []
        first, limit = int(query.get("continue", 0)), int(query["limit"])
        self.send_response(200)
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(b'{"items": [')
        for number, each in enumerate(ats[first : first + limit], first):
            comma = b"," if number > first else b""
            self.wfile.write(comma + each.replace(b"at-000", b"at-%03d" % number))
        more = {"continue": str(first + limit)} if first + limit < len(ats) else {}
        self.wfile.write(b'], "metadata": %s}' % json.dumps(more).encode())

    def handle(self) -> None:
        with suppress(ConnectionError):  # The client has read enough.
            super().handle()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Lists)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_the_largest_ats_among_small_ones_fit_into_the_memory_of_the_cronjob(
    server: str, tmp_path: Path
) -> None:
    path = kubeconfig(tmp_path / "kubeconfig", server)
    ran = subprocess.run(
        [sys.executable, "-c", MEASURED, f"--kubeconfig={path}", "--timeout=600"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    report, _, measured = ran.stdout.partition("VmHWM:")
    assert "720 Ats" in report
    assert int(measured.split()[0]) * 1024 < limit()
