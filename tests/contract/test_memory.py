"""A pass over Ats as large as etcd takes them, in the memory that the CronJob gives it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from cnat.core import status
from cnat.core.at import At
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


def new(size: int) -> At:
    """An At of so many bytes."""
    command = ["/bin/sh", "-c", "#" * size]
    return at("at-000", containers=[{"name": "shell", "image": "busybox", "command": command}])


def converged(size: int) -> At:
    """One for which nothing is to be done."""
    suspended = At({**new(size).raw, "spec": {**new(size).raw["spec"], "suspend": True}})
    earned = status.suspended(suspended, INSTANT, INSTANT).document()
    return At({**suspended.raw, "status": earned})


def limit() -> int:
    """Bytes that the container may have."""
    cronjob = yaml.safe_load((ROOT / "kustomize/cronjob/cronjob.yaml").read_text())
    (container,) = cronjob["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    return int(container["resources"]["limits"]["memory"].removesuffix("Mi")) * MIB


def named(at: bytes, number: int) -> bytes:
    return at.replace(b"at-000", b"at-%03d" % number)


class Lists(BaseHTTPRequestHandler):
    """An API server with these Ats, and no Pods: it knows `limit` and `continue`."""

    protocol_version = "HTTP/1.1"
    ats: list[bytes]

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query = {key: value for key, (value,) in parse_qs(url.query).items()}
        ats = self.ats if url.path.endswith("/ats") else []
        self.send_response(200)
        self.send_header("Connection", "close")
        self.end_headers()
        if "limit" not in query:
            number = int(url.path[-3:])
            self.wfile.write(named(self.ats[number], number))
            return
        first, limit = int(query.get("continue", 0)), int(query["limit"])
        self.wfile.write(b'{"items": [')
        for number, each in enumerate(ats[first : first + limit], first):
            self.wfile.write((b"," if number > first else b"") + named(each, number))
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


@pytest.mark.parametrize("made", [converged, new])
def test_the_largest_ats_among_small_ones_fit_into_the_memory_of_the_cronjob(
    server: str, tmp_path: Path, made: Callable[[int], At], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new ones are planned only: what waits for its turn counts, too."""
    small, large = (json.dumps(made(size).raw).encode() for size in (1000, MIB))
    monkeypatch.setattr(Lists, "ats", [small] * 600 + [large] * 120, raising=False)
    path = kubeconfig(tmp_path / "kubeconfig", server)
    flags = [f"--kubeconfig={path}", "--timeout=600", *["--dry-run"] * (made is new)]
    ran = subprocess.run(
        [sys.executable, "-c", MEASURED, *flags],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    report, _, measured = ran.stdout.partition("VmHWM:")
    assert "720 Ats" in report
    assert int(measured.split()[0]) * 1024 < limit()
