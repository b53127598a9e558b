"""The machine that the node is, seen from outside: it has power, loses it, loses a process.

From within the namespace of all of it, one process after another can be seen and ended.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.node import machine
from tests.support.node.errors import NodeError

if TYPE_CHECKING:
    from collections.abc import Sequence

# As root/usr/local/sbin/init calls them, and itself.
CONTAINERD = "containerd"
KUBELET = "/opt/kubelet"
_INIT = "/usr/local/sbin/init"

_SPACES = ("--mount", "--pid", "--uts", "--ipc", "--fork", "--kill-child")


def switch_on(boot: Sequence[str], disk: Path) -> None:
    """Boot, and again after each end, until this process ends.

    Args:
        boot: boot.sh and its arguments.
        disk: what it says goes to boot.log there.
    """

    def stay_on() -> None:
        while True:
            machine.fresh_cgroups()
            with (disk / "boot.log").open("ab") as log:
                subprocess.run(
                    ["unshare", *_SPACES, *boot],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    check=False,
                )
            time.sleep(1)

    threading.Thread(target=stay_on, daemon=True).start()


def cut() -> None:
    """End all that runs on the node, at once, and return when nothing does any more."""
    # The first process of a namespace is the last to go.
    kill(_INIT)


def kill(command: str) -> None:
    """End CONTAINERD or KUBELET without a word; the node's init starts it again."""
    process = os.pidfd_open(_pid(command))
    signal.pidfd_send_signal(process, signal.SIGKILL)
    select.select([process], [], [])
    os.close(process)


def _pid(command: str) -> int:
    """The oldest process of that command; scripts have their name behind the shell's."""
    for pid in sorted(int(path.name) for path in Path("/proc").glob("[0-9]*")):
        with contextlib.suppress(OSError):
            if command in Path(f"/proc/{pid}/cmdline").read_text().split("\0")[:2]:
                return pid
    raise NodeError(f"{command} doesn't run on the node")
