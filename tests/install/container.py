"""Run a command as a container runtime would: in a file system of its own, and as nobody."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

NEEDS = "Linux, util-linux, and to be root or to be allowed user namespaces"

# Arguments: the new root, `SOURCE TARGET` pairs up to `--`, and what to run there.
_SETUP = r"""
set -eu
root=$1
shift
mount -t tmpfs -o mode=755 tmpfs "$root"
while [ "$1" != -- ]; do
  if [ -d "$1" ]; then
    mkdir -p "$root$2"
  else
    mkdir -p "$root$(dirname "$2")"
    touch "$root$2"
  fi
  mount --rbind "$1" "$root$2"
  mount -o remount,bind,ro "$root$2"
  shift 2
done
shift
mount -o remount,bind,ro "$root"
exec "$@"
"""

# Libraries, certificates and time zones, the kernel's files. No program, and so no shell.
_BASE = ("/lib", "/lib64", "/usr/lib", "/etc/ssl", "/usr/share/zoneinfo", "/proc", "/dev/urandom")

# As in the base image.
PATH = "/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"


def available() -> bool:
    """Whether `run` can be used here."""
    tools = ("unshare", "mount", "chroot", "setpriv")
    if sys.platform != "linux" or not all(shutil.which(tool, path=PATH) for tool in tools):
        return False
    interpreter = str(Path(sys.executable).resolve())
    return run([interpreter, "-c", ""], env={}, uid=1, mounts={}).returncode == 0


def run(
    command: Sequence[str],
    *,
    env: Mapping[str, str],
    uid: int,
    mounts: Mapping[str, Path],
    timeout: float = 30.0,
) -> subprocess.CompletedProcess[str]:
    """Run a command where it sees only Python, what is mounted for it, and no file it can write.

    Args:
        command: starts with the path of an interpreter that is ours or a virtual environment of it.
        env: the environment, beside PATH.
        uid: of the process, and its gid. It has no capabilities, and can't gain any.
        mounts: files and folders, by their path in there.
        timeout: seconds until it is killed, which raises subprocess.TimeoutExpired.
    """
    pairs = dict(mounts)
    for path in _python(Path(command[0])):
        if not any(Path(path).is_relative_to(mount) for mount in mounts):
            pairs[path] = Path(path)
    # In their order, so that one below another isn't hidden by it.
    words = [word for target in sorted(pairs) for word in (str(pairs[target]), target)]
    with tempfile.TemporaryDirectory(prefix="cnat-container-") as root:
        inner, outer = _identity(uid, root)
        return subprocess.run(
            [*outer, "/bin/sh", "-c", _SETUP, "setup", root, *words, "--", *inner, *command],
            cwd="/",
            env={"PATH": PATH, **env},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )


def _identity(uid: int, root: str) -> tuple[list[str], list[str]]:
    """Commands that become that user in that root, and that are allowed the mounts for it."""
    if os.geteuid() == 0:
        become = ["chroot", f"--userspec=+{uid}:+{uid}", "--groups=", root]
        return ["setpriv", "--no-new-privs", *become], ["unshare", "--mount"]
    become = ["unshare", "--user", f"--map-user={uid}", f"--map-group={uid}", f"--root={root}"]
    return ["setpriv", "--no-new-privs", *become], ["unshare", "--mount", "--user", "-r"]


def _python(interpreter: Path) -> Iterable[str]:
    """What a Python program needs of this machine."""
    yield from (path for path in _BASE if Path(path).exists())
    yield str(interpreter)
    while interpreter.is_symlink():
        interpreter = interpreter.parent / interpreter.readlink()
        yield str(interpreter)
    yield f"{sys.base_prefix}/lib"
