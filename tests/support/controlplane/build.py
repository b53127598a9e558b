"""Build the control plane's executables from Go modules, once, into a cache outside the tree."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.controlplane import toolchain
from tests.support.controlplane.errors import AssetsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


@dataclass(frozen=True)
class Program:
    """One executable with a name for each command that it acts as.

    Attributes:
        name: of the executable.
        source: its Go module, which pins the release.
        commands: the names that it is called by.
        effort: what a build takes, for whoever waits for it.
        otherwise: what to do instead of building it.
    """

    name: str
    source: Path
    commands: tuple[str, ...]
    effort: str
    otherwise: str


CONTROL_PLANE = Program(
    "controlplane",
    Path(__file__).parent / "go",
    ("etcd", "kube-apiserver", "kube-controller-manager", "kubectl"),
    effort="about 4 minutes on 2 cores and 6 GB of disk meanwhile",
    otherwise="point KUBEBUILDER_ASSETS at a directory with them",
)
NODE = Program(
    "node",
    Path(__file__).parents[1] / "node/go",
    ("kubelet", "kube-scheduler"),
    effort="about 2 minutes on 2 cores, after the control plane",
    otherwise="name a cluster that has a node in KUBECONFIG",
)

# Both modules have a copy of the version: the servers' and the clients'.
_VERSION_PACKAGES = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")


def kubernetes_version(program: Program = CONTROL_PLANE) -> str:
    """Return the pinned release, as in ``v1.36.3``."""
    go_mod = program.source / "go.mod"
    found = re.search(r"\n\tk8s\.io/kubernetes (v\S+)\n", go_mod.read_text())
    if found is None:
        raise AssetsError(f"{go_mod} requires no k8s.io/kubernetes")
    return found[1]


def cache(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the directory, outside the tree, of what is made once for the tests."""
    return Path(environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cnat"


def destination(environ: Mapping[str, str] = os.environ, program: Program = CONTROL_PLANE) -> Path:
    """Return where the executables of exactly these sources are, or will be once built."""
    version = kubernetes_version(program)
    digest = hashlib.sha256(repr(_flags(version)).encode())
    for name in ("go.mod", "go.sum", "main.go"):
        digest.update((program.source / name).read_bytes())
    return cache(environ) / f"{program.name}-{version}-{digest.hexdigest()[:12]}"


def built(
    environ: Mapping[str, str] = os.environ,
    program: Program = CONTROL_PLANE,
    *,
    announce: Callable[[str], None] = print,
) -> Path:
    """Return the directory of the executables, and build it first if it is not there.

    Builders that meet (two test runs at once) take turns, and the second finds the work done.

    Raises:
        AssetsError: No usable Go toolchain, or the compiler failed.
    """
    target = destination(environ, program)
    target.parent.mkdir(parents=True, exist_ok=True)
    with locked(target.with_name(target.name + ".lock")):
        if target.is_dir():
            return target
        announce(
            f"Building {', '.join(program.commands)} of Kubernetes"
            f" {kubernetes_version(program)} for the tests, once: {program.effort}."
            f" It will be in {target}"
        )
        # Beside the target, so that the rename which makes it appear whole stays on one disk.
        # What a killed builder left there is removed: the lock says that nobody works on it.
        scratch = target.with_name(target.name + ".building")
        shutil.rmtree(scratch, ignore_errors=True)
        try:
            finished = scratch / "finished"
            finished.mkdir(parents=True)
            _compile(finished / program.name, program, scratch, environ)
            for command in program.commands:
                (finished / command).symlink_to(program.name)
            finished.rename(target)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    return target


def _flags(version: str) -> tuple[str, ...]:
    major, minor, _ = version.removeprefix("v").split(".")
    stamp = {
        "gitVersion": version,
        "gitMajor": major,
        "gitMinor": minor,
        "gitCommit": "unknown",  # a module does not say, and its default breaks user agents
        "gitTreeState": "archive",
    }
    settings = " ".join(
        f"-X {package}.{key}={value}"
        for package in _VERSION_PACKAGES
        for key, value in stamp.items()
    )
    return (
        "-mod=readonly",
        "-trimpath",
        "-buildvcs=false",
        # Nobody debugs it: that saves an eighth of the processor time and a tenth of the disk.
        "-gcflags=all=-dwarf=false",
        f"-ldflags=-s -w {settings}",
    )


def _compile(executable: Path, program: Program, scratch: Path, environ: Mapping[str, str]) -> None:
    go = toolchain.go(program.source, scratch, environ)
    temporary = scratch / "tmp"  # not /tmp, which may be a small one in memory
    temporary.mkdir()
    # People work on the machine meanwhile; it has to be usable.
    result = subprocess.run(
        [
            str(go.executable),
            "build",
            *_flags(kubernetes_version(program)),
            f"-o={executable}",
            ".",
        ],
        cwd=program.source,
        env={**go.environ, "CGO_ENABLED": "0", "GOTMPDIR": str(temporary)},
        preexec_fn=lambda: os.nice(10),
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        tail = "\n".join(result.stderr.splitlines()[-20:])
        raise AssetsError(
            f"{go.executable} build of {', '.join(program.commands)} failed in {program.source}:\n"
            f"{tail}\nMend that, or {program.otherwise}."
        )


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock file, which builders that meet take turns with."""
    # The kernel lets go of it when its holder dies, however it dies.
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
