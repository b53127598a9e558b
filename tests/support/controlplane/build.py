"""Build the control plane's executables from Go modules, once, into a cache outside the tree."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.controlplane import compiler, module, toolchain
from tests.support.controlplane.errors import AssetsError
from tests.support.controlplane.toolchain import Go

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


def cache(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the directory, outside the tree, of what is made once for the tests."""
    return Path(environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cnat"


def destination(environ: Mapping[str, str] = os.environ, program: Program = CONTROL_PLANE) -> Path:
    """Return where the executables of exactly these sources are, or will be once built.

    Raises:
        AssetsError: ``KUBERNETES`` is no release.
    """
    release = module.chosen(environ)
    digest = hashlib.sha256(repr(_flags(release)).encode())
    # What go.mod has for another release follows from its version.
    for name in module.FILES if release == module.pinned() else ("main.go",):
        digest.update((program.source / name).read_bytes())
    return cache(environ) / f"{program.name}-{release}-{digest.hexdigest()[:12]}"


def built(
    environ: Mapping[str, str] = os.environ,
    program: Program = CONTROL_PLANE,
    *,
    announce: Callable[[str], None] = compiler.tell,
) -> Path:
    """Return the directory of the executables, and build it first if it is not there.

    Builders that meet (two test runs at once) take turns, and the second finds the work done.

    Raises:
        AssetsError: ``KUBERNETES`` is no release, no usable Go toolchain, or the compiler failed.
    """
    release = module.chosen(environ)
    target = destination(environ, program)
    target.parent.mkdir(parents=True, exist_ok=True)
    with locked(target.with_name(target.name + ".lock")):
        if target.is_dir():
            return target
        announce(
            f"Building {', '.join(program.commands)} of Kubernetes {release} for the tests, once:"
            f" {program.effort}. It will be in {target}"
        )
        # Beside the target, so that the rename which makes it appear whole stays on one disk.
        # What a killed builder left there is removed: the lock says that nobody works on it.
        scratch = target.with_name(target.name + ".building")
        shutil.rmtree(scratch, ignore_errors=True)
        try:
            finished = scratch / "finished"
            finished.mkdir(parents=True)
            executable = finished / program.name
            _compile(release, program, executable, scratch, environ, announce)
            for command in program.commands:
                (finished / command).symlink_to(program.name)
            finished.rename(target)
        except AssetsError as error:
            raise AssetsError(
                f"{', '.join(program.commands)} can't be built: {error}\n"
                f"Mend that, or {program.otherwise}."
            ) from error
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    return target


def _flags(release: str) -> tuple[str, ...]:
    major, minor, _ = release.removeprefix("v").split(".")
    stamp = {
        "gitVersion": release,
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


def _compile(
    release: str,
    program: Program,
    executable: Path,
    scratch: Path,
    environ: Mapping[str, str],
    announce: Callable[[str], None],
) -> None:
    stages = compiler.Stages(announce)
    go = toolchain.go(program.source, scratch, environ, stages=stages)
    source = program.source
    if release != module.pinned():
        source = scratch / "go"
        shutil.copytree(program.source, source)
        module.write(release, source, go)
    temporary = scratch / "tmp"  # not /tmp, which may be a small one in memory
    temporary.mkdir()
    go = Go(go.executable, {**go.environ, "CGO_ENABLED": "0", "GOTMPDIR": str(temporary)})
    compiler.compile_program(go, source, ".", executable, flags=_flags(release), stages=stages)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock file, which builders that meet take turns with."""
    # The kernel lets go of it when its holder dies, however it dies.
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
