"""The command: flags in, exit code out."""

from __future__ import annotations

import argparse
import gc
import logging
import os
import shutil
import signal
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from cnat.cli import logs
from cnat.cli.options import PROGRAM, UsageError, parse
from cnat.cli.report import Report
from cnat.cluster.deadline import Deadline
from cnat.cluster.dry_run import Rehearsal
from cnat.cluster.protocol import Cluster, ClusterError, OutOfTime, Rejected, Source, Unreachable
from cnat.engine.reconcile import Settings, reconcile
from cnat.engine.results import Change, Failure

# A list page is tens of thousands of Python objects without a cycle among them. At Python's own
# threshold of 700 a quarter of the pass would be spent looking for one.
_GC_THRESHOLD = 50_000

# Codes 64 and up have the meaning that sysexits.h gives them.
EXIT_CONVERGED = 0
EXIT_FAILED = 1
EXIT_CHANGES = 2
EXIT_USAGE = 64
EXIT_UNREACHABLE = 69
EXIT_NOT_PERMITTED = 77

_log = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: as in `sys.argv[1:]`, which is the default.

    Returns:
        The exit code, one of the EXIT_ constants.
    """
    try:
        flags = parse(arguments)
        logs.configure(flags.log_format, flags.verbose)
        return _run(flags)
    except UsageError as error:
        text = logs.one_line(str(error))
        print(f"{PROGRAM}: {text}\nSee '{PROGRAM} --help'.", file=sys.stderr)
        return EXIT_USAGE
    except Exception as error:  # noqa: BLE001  A user is told, and only with -v shown the code.
        _log.debug("The pass ended here:", exc_info=error)
        code, text = _verdict(error)
        logs.complain(f"{PROGRAM}: {text}")
        return code


def _run(flags: argparse.Namespace) -> int:
    gc.set_threshold(_GC_THRESHOLD)
    deadline = Deadline(flags.timeout)

    def end(number: int, _: object) -> None:
        deadline.expire()
        signal.signal(number, signal.SIG_DFL)  # The second one doesn't wait for what is in flight.

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    unreadable: list[str] = []
    cluster = _cluster(flags, deadline, unreadable)
    dry_run = flags.dry_run
    settings = Settings(
        concurrency=1 if dry_run else flags.concurrency,
        linger=flags.linger,
        every_at=flags.selector is None,
        shard=flags.shard,
    )
    results = reconcile(cluster, deadline, settings, _silent if dry_run else logs.log)
    report = Report(results, cluster.now(), dry_run)
    for problem in unreadable:
        logs.complain(problem)
    terminal = sys.stdout.isatty()
    width = shutil.get_terminal_size().columns if terminal else None
    shown = _show(report.render(flags.output, width, terminal and not os.environ.get("NO_COLOR")))
    if report.failed or unreadable or not shown:
        return EXIT_FAILED
    if flags.detailed_exitcode and dry_run and results.changes:
        return EXIT_CHANGES
    return EXIT_CONVERGED


def _show(text: str) -> bool:
    """Print the report; False if its reader has left (`| head`)."""
    try:
        print(text, flush=True)
    except OSError as error:
        # What is still in the buffer would fail again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            raise ClusterError(f"the report can't be written: {error.strerror}") from error
        return False
    return True


def _silent(_: Change | Failure) -> None:
    """A dry run tells what it found in its plan."""


def _cluster(flags: argparse.Namespace, deadline: Deadline, unreadable: list[str]) -> Cluster:
    """What the flags say to work on. Documents that can't be read are told in `unreadable`."""
    now: Callable[[], datetime] | None = (lambda: flags.now) if flags.now else None
    # Each kind of cluster has dependencies that are slow to import and not needed by the others.
    source: Source
    if flags.filename:
        from cnat.manifests import files, snapshot

        documents = [entry for path in flags.filename for entry in files.read(path)]
        source = snapshot.Snapshot(
            documents,
            now or (lambda: datetime.now(UTC)),
            namespace=flags.namespace,
            selector=flags.selector,
        )
        unreadable += [str(problem) for problem in source.problems]
        return Rehearsal(source, now)
    if flags.local:
        from cnat.local import store

        embedded = store.LocalCluster(
            flags.local,
            now=now or (lambda: datetime.now(UTC)),
            namespace=flags.namespace,
            selector=flags.selector,
            page_size=flags.page_size,
            dry_run=bool(flags.dry_run),
        )
        unreadable += [str(problem) for problem in embedded.problems]
        return Rehearsal(embedded, now) if flags.dry_run else embedded
    from cnat.cluster import live

    try:
        connection = live.connect(flags.kubeconfig, flags.context, flags.concurrency)
    except live.NotConfigured as error:
        if flags.kubeconfig or flags.context:
            raise UsageError(str(error)) from error
        raise
    cluster = live.LiveCluster(
        connection,
        deadline,
        namespace=flags.namespace,
        selector=flags.selector,
        page_size=flags.page_size,
        dry_run=flags.dry_run == "server",
        now=now,
    )
    return Rehearsal(cluster, now) if flags.dry_run == "client" else cluster


def _verdict(error: Exception) -> tuple[int, str]:
    """Exit code and text for a pass that couldn't even read its lists."""
    if not isinstance(error, ClusterError):
        text = f"{type(error).__name__}: {error}"
        return EXIT_FAILED, f"{text} (this is a bug; please report it with what -v shows)"
    if isinstance(error, Rejected):
        if error.code == 401:
            return EXIT_NOT_PERMITTED, (
                f"the API server does not accept the credentials ({error}); "
                "log in again, or give another --kubeconfig or --context"
            )
        if error.code == 403:
            return EXIT_NOT_PERMITTED, f"{error}; see kustomize/rbac for the permissions needed"
        if error.code == 404:
            return EXIT_FAILED, (
                "the cluster does not know Ats; install the CRD: kubectl apply -k kustomize/crd"
            )
        if not error.transient:
            return EXIT_FAILED, str(error)
    if isinstance(error, Unreachable):
        return EXIT_UNREACHABLE, str(error)
    if isinstance(error, Rejected):
        return EXIT_UNREACHABLE, f"the API server can't answer: {error}; try again later"
    if isinstance(error, OutOfTime):
        return EXIT_UNREACHABLE, f"{error}; nothing was changed"
    return EXIT_FAILED, str(error)
