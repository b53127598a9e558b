"""An API server that is slow or refuses work: what a pass does then, and what the next one."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import urllib3

from cnat.cluster import live
from cnat.cluster.connect import connect
from cnat.cluster.deadline import Deadline
from cnat.cluster.protocol import ClusterError, OutOfTime
from cnat.engine.reconcile import reconcile
from cnat.engine.results import Results
from cnat.engine.settings import Settings
from tests.support.controlplane.server import ControlPlane
from tests.support.sandbox import RealSandbox, at

ROOT = Path(__file__).parents[2]
# What ends in the end, whatever breaks.
PATIENCE = 60.0
PAGE_SIZE = 3


@dataclass(frozen=True)
class Trouble:
    """What becomes of a request.

    Attributes:
        delay: seconds before it is sent on.
        refused: the Retry-After of the 429 that it gets instead.
        drip: seconds between the bytes of the answer.
    """

    delay: float = 0.0
    refused: str | None = None
    drip: float = 0.0


FINE = Trouble()


@dataclass
class Weather:
    """A proxy to the API server. Attributes: `trouble` makes it, `created` counts Pods by name."""

    control_plane: ControlPlane
    directory: Path
    trouble: Callable[[str, str], Trouble] = lambda _method, _path: FINE
    created: Counter[str] = field(default_factory=Counter)
    over: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def served(self) -> Iterator[Path]:
        """The kubeconfig to go through it with."""
        upstream = urllib3.PoolManager(ca_certs=str(self.control_plane.ca_file), maxsize=16)
        weather = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one_request(self) -> None:
                try:
                    super().handle_one_request()
                except ConnectionError:  # The client has given up.
                    self.close_connection = True

            def pass_on(self) -> None:
                weather.pass_on(self, upstream)

            do_GET = do_POST = do_PATCH = do_DELETE = pass_on  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield self.control_plane.kubeconfig_for(
                self.control_plane.token,
                server=f"http://127.0.0.1:{server.server_port}",
                path=self.directory / "weather.kubeconfig",
            )
        finally:
            self.over.set()
            server.shutdown()
            server.server_close()
            thread.join()

    def pass_on(self, request: BaseHTTPRequestHandler, upstream: urllib3.PoolManager) -> None:
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        trouble = self.trouble(request.command, request.path)
        self.over.wait(trouble.delay)
        if trouble.refused is not None:
            text = b'{"kind": "Status", "reason": "TooManyRequests", "message": "busy"}'
            _answer(request, 429, text, {"Retry-After": trouble.refused})
            return
        passed = ("Authorization", "Content-Type", "Accept")
        answer = upstream.request(
            request.command,
            self.control_plane.server + request.path,
            body=body or None,
            headers={name: request.headers[name] for name in passed if name in request.headers},
        )
        if request.command == "POST" and answer.status == 201 and "dryRun" not in request.path:
            document = answer.json()
            if document["kind"] == "Pod":
                self.created[document["metadata"]["name"]] += 1
        _answer(request, answer.status, answer.data, {}, self._drop(trouble.drip))

    def _drop(self, pause: float) -> Callable[[], object] | None:
        return (lambda: self.over.wait(pause)) if pause else None


def _answer(
    request: BaseHTTPRequestHandler,
    code: int,
    body: bytes,
    headers: dict[str, str],
    drop: Callable[[], object] | None = None,
) -> None:
    request.send_response(code)
    for name, value in {**headers, "Content-Length": str(len(body))}.items():
        request.send_header(name, value)
    request.end_headers()
    if drop is None:
        request.wfile.write(body)
        return
    for byte in body:
        request.wfile.write(bytes([byte]))
        drop()


@pytest.fixture
def weather(real_sandbox: RealSandbox, tmp_path: Path) -> Weather:
    return Weather(real_sandbox.control_plane, tmp_path)


def reconciled(
    sandbox: RealSandbox,
    kubeconfig: Path,
    deadline: Deadline | None = None,
    concurrency: int = 4,
) -> Results:
    connection = connect(str(kubeconfig), None, concurrency)
    deadline = deadline or Deadline(30.0)
    cluster = live.LiveCluster(
        connection, deadline, namespace=sandbox.namespace, page_size=PAGE_SIZE
    )
    try:
        return reconcile(cluster, deadline, Settings(concurrency=concurrency))
    finally:
        connection.close()


def due(sandbox: RealSandbox, count: int) -> list[str]:
    names = [f"at-{number:02}" for number in range(count)]
    for name in names:
        sandbox.apply(at(name))
    return names


def started(results: Results) -> list[str]:
    return sorted(change.at for change in results.changes if change.action == "create pod")


def creates(method: str, path: str) -> bool:
    return method == "POST" and "/pods?" in path


def each_once(weather: Weather, names: list[str]) -> bool:
    return len(weather.created) == len(names) and set(weather.created.values()) == {1}


def test_what_is_refused_is_sent_again_when_the_server_says(
    real_sandbox: RealSandbox, weather: Weather
) -> None:
    names = due(real_sandbox, 4)
    lock, tried = threading.Lock(), Counter[str]()

    def busy(method: str, path: str) -> Trouble:
        with lock:
            tried[method] += 1
            refused = creates(method, path) and tried[method] <= len(names)
        return Trouble(refused="0.1") if refused else FINE

    weather.trouble = busy
    with weather.served() as kubeconfig:
        results = reconciled(real_sandbox, kubeconfig)
    assert (started(results), results.failures, results.deferred) == (names, [], 0)
    assert each_once(weather, names)


def test_what_is_refused_for_longer_than_the_pass_lasts_is_the_next_ones(
    real_sandbox: RealSandbox, weather: Weather
) -> None:
    names = due(real_sandbox, 5)
    weather.trouble = lambda *request: Trouble(refused="60") if creates(*request) else FINE
    with weather.served() as kubeconfig:
        results = reconciled(real_sandbox, kubeconfig)
        assert (started(results), results.deferred) == ([], len(names))
        weather.trouble = lambda *_: FINE
        assert started(reconciled(real_sandbox, kubeconfig)) == names
    assert each_once(weather, names)


def test_slow_answers_leave_work_for_the_next_pass_and_start_nothing_twice(
    real_sandbox: RealSandbox, weather: Weather
) -> None:
    names = due(real_sandbox, 12)
    weather.trouble = lambda *request: Trouble(delay=1.0) if creates(*request) else FINE
    with weather.served() as kubeconfig:
        results = reconciled(real_sandbox, kubeconfig, Deadline(3.0), concurrency=2)
        assert results.deferred
        assert not results.failures
        weather.trouble = lambda *_: FINE
        reconciled(real_sandbox, kubeconfig)
    assert each_once(weather, names)
    assert {real_sandbox.at(name)["status"]["phase"] for name in names} == {"Running"}


def test_a_page_that_does_not_come_holds_up_only_what_is_on_it(
    real_sandbox: RealSandbox, weather: Weather
) -> None:
    names = due(real_sandbox, 3 * PAGE_SIZE)

    def second_page(method: str, path: str) -> Trouble:
        late = method == "GET" and "/ats?" in path and "continue=" in path
        return Trouble(delay=PATIENCE) if late else FINE

    weather.trouble = second_page
    with weather.served() as kubeconfig:
        results = reconciled(real_sandbox, kubeconfig, Deadline(8.0))
        assert started(results) == names[:PAGE_SIZE]
        (failure,) = results.failures
        assert (failure.action, failure.reason) == ("list", "OutOfTime")
        weather.trouble = lambda *_: FINE
        assert started(reconciled(real_sandbox, kubeconfig)) == names[PAGE_SIZE:]
    assert each_once(weather, names)


@pytest.mark.parametrize("trouble", [Trouble(delay=PATIENCE), Trouble(drip=0.05)])
def test_lists_that_never_come_end_the_pass_with_nothing_changed(
    real_sandbox: RealSandbox, weather: Weather, trouble: Trouble
) -> None:
    due(real_sandbox, 2)
    weather.trouble = lambda *_: trouble
    with weather.served() as kubeconfig, pytest.raises(OutOfTime):
        reconciled(real_sandbox, kubeconfig, Deadline(1.0))
    assert not weather.created


def test_a_server_that_refuses_even_the_lists_is_left_alone(
    real_sandbox: RealSandbox, weather: Weather
) -> None:
    weather.trouble = lambda *_: Trouble(refused="60")
    with weather.served() as kubeconfig, pytest.raises(ClusterError, match="busy"):
        reconciled(real_sandbox, kubeconfig)


def test_the_command_says_what_it_left_and_fails(
    real_sandbox: RealSandbox, weather: Weather
) -> None:
    due(real_sandbox, 2)
    weather.trouble = lambda *request: Trouble(refused="60") if creates(*request) else FINE
    with weather.served() as kubeconfig:
        process = _command(real_sandbox, kubeconfig)
        output, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert "2 deferred to the next pass" in output
    assert "Traceback" not in errors


class Waited(Deadline):
    """One that tells that somebody waits."""

    def __init__(self) -> None:
        super().__init__(2 * PATIENCE)
        self.waiting = threading.Event()

    def sleep(self, seconds: float) -> None:
        self.waiting.set()
        super().sleep(seconds)


def test_the_end_of_time_ends_the_wait_for_a_busy_server(
    real_sandbox: RealSandbox, weather: Weather
) -> None:
    due(real_sandbox, 1)

    def busy(_method: str, path: str) -> Trouble:
        return Trouble(refused=str(1.5 * PATIENCE)) if "/status" in path else FINE

    weather.trouble = busy
    deadline = Waited()
    with weather.served() as kubeconfig, ThreadPoolExecutor(1) as pool:
        ends = pool.submit(reconciled, real_sandbox, kubeconfig, deadline)
        assert deadline.waiting.wait(PATIENCE)
        deadline.expire()  # As SIGTERM does.
        results = ends.result(PATIENCE)
    assert (len(started(results)), results.failures, results.deferred) == (1, [], 1)


def _command(sandbox: RealSandbox, kubeconfig: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "reconcile.py", f"--kubeconfig={kubeconfig}", "-n", sandbox.namespace],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
