"""Runs of the command as processes of their own, which can be killed, for some milliseconds each.

One process imports cnat and then forks: `python -m tests.exactly_once.runner SOCKET`. Each
connection to the socket is one run.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import signal
import socket
import socketserver
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from cnat.cli import logs, main  # noqa: F401  imported once for all runs
from cnat.cluster import live, transport  # noqa: F401
from cnat.core import plan
from cnat.local import store  # noqa: F401
from cnat.manifests import files, snapshot  # noqa: F401

_CRASHED = 70


@dataclass(frozen=True)
class Ended:
    """How a run ended.

    Attributes:
        code: the exit code, or minus the signal that killed it.
        output: what it wrote to stdout and stderr.
    """

    code: int
    output: str

    @property
    def killed(self) -> bool:
        return self.code == -signal.SIGKILL


class Run:
    """A run under way."""

    def __init__(self, connection: socket.socket, output: Path) -> None:
        self._replies = connection.makefile("r")
        self._connection = connection
        self._output = output
        self.pid: int = json.loads(self._replies.readline())["pid"]

    def wait(self) -> Ended:
        """Wait until it has ended."""
        status = json.loads(self._replies.readline())["status"]
        self._replies.close()
        self._connection.close()
        text = self._output.read_text(errors="replace")
        self._output.unlink()
        return Ended(os.waitstatus_to_exitcode(status), text)


class Runner:
    """Starts runs. Thread-safe."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def start(
        self,
        *arguments: str,
        shift: float = 0.0,
        patience: float | None = None,
        min_pod_age: float | None = None,
    ) -> Run:
        """Start `cnat-reconcile` with these arguments.

        Args:
            shift: how far its clock is ahead of the true time, in seconds.
            patience: seconds that it waits for an answer at most; None for as long as ever.
            min_pod_age: see `cnat.core.plan.MIN_POD_AGE_SECONDS`; None for what it always is.
        """
        handle, output = tempfile.mkstemp(dir=self._directory, suffix=".output")
        os.close(handle)
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(str(self._directory / "socket"))
        request = {
            "arguments": arguments,
            "shift": shift,
            "patience": patience,
            "min_pod_age": min_pod_age,
            "output": output,
        }
        connection.sendall(json.dumps(request).encode() + b"\n")
        return Run(connection, Path(output))


@contextlib.contextmanager
def running() -> Iterator[Runner]:
    """The process that forks, for as long as the block lasts."""
    with tempfile.TemporaryDirectory(prefix="cnat-runs-") as name:
        path = Path(name) / "socket"
        with subprocess.Popen(
            [sys.executable, "-m", __name__, str(path)], stdout=subprocess.PIPE
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            try:
                yield Runner(Path(name))
            finally:
                process.terminate()


class _Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        request = json.loads(self.rfile.readline())
        pid = os.fork()
        if not pid:
            _become(request)
        self._reply(pid=pid)
        _, status = os.waitpid(pid, 0)
        self._reply(status=status)

    def _reply(self, **values: int) -> None:
        self.wfile.write(json.dumps(values).encode() + b"\n")


class _Server(socketserver.ForkingMixIn, socketserver.UnixStreamServer):
    request_queue_size = 64
    parent = os.getppid()

    def service_actions(self) -> None:
        super().service_actions()
        if os.getppid() != self.parent:  # The tests are gone.
            sys.exit(1)


def _become(request: dict[str, Any]) -> NoReturn:
    """Be the command, in a process that was forked for it."""
    code = _CRASHED
    try:
        output = os.open(request["output"], os.O_WRONLY | os.O_TRUNC)
        os.dup2(output, 1)
        os.dup2(output, 2)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        if shift := request["shift"]:
            true_time = time.time
            time.time = lambda: true_time() + shift
        if request["min_pod_age"] is not None:
            plan.MIN_POD_AGE_SECONDS = request["min_pod_age"]
        if patience := request["patience"]:
            _make_impatient(patience)
        code = main.main(request["arguments"])
    except SystemExit as exit_:
        code = exit_.code if isinstance(exit_.code, int) else 1
    except BaseException:  # noqa: BLE001  as the interpreter would
        traceback.print_exc()
        code = 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _make_impatient(seconds: float) -> None:
    name = "_send"  # No flag sets what no user should.
    send = getattr(transport.Transport, name)

    def send_impatiently(*arguments: Any) -> Any:
        *others, timeout = arguments
        return send(*others, min(timeout, seconds))

    setattr(transport.Transport, name, send_impatiently)


def _serve(path: str) -> None:
    gc.freeze()  # The forks share what is imported.
    with _Server(path, _Handler) as server:
        print("ready", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    _serve(sys.argv[1])
