"""The command: flags in, exit code out."""

from __future__ import annotations

import argparse
import gc
import logging
import math
import os
import re
import shutil
import signal
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import NoReturn

from cnat import __version__, logs, schedule, selector, shard
from cnat.apply import Applier, Change, Failure
from cnat.cluster import Cluster, ClusterError, OutOfTime, Rejected, Source, Unreachable
from cnat.deadline import Deadline
from cnat.reconciler import reconcile
from cnat.rehearsal import Rehearsal
from cnat.report import Report

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

_NAMESPACE = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")

_log = logging.getLogger(__name__)


class UsageError(Exception):
    """Flags that make no sense, alone or together. The text says which, and what would."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(message)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: as in `sys.argv[1:]`, which is the default.

    Returns:
        The exit code, one of the EXIT_ constants.
    """
    parser = _parser()
    try:
        flags = parser.parse_args(arguments)
        logs.configure(flags.log_format, flags.verbose)
        return _run(flags)
    except UsageError as error:
        text = logs.one_line(str(error))
        print(f"{parser.prog}: {text}\nSee '{parser.prog} --help'.", file=sys.stderr)
        return EXIT_USAGE
    except Exception as error:  # noqa: BLE001  A user is told, and only with -v shown the code.
        _log.debug("The pass ended here:", exc_info=error)
        code, text = _verdict(error)
        logs.complain(f"{parser.prog}: {text}")
        return code


def _run(flags: argparse.Namespace) -> int:
    _check_together(flags)
    gc.set_threshold(_GC_THRESHOLD)
    deadline = Deadline(flags.timeout)

    def end(number: int, _: object) -> None:
        deadline.expire()
        signal.signal(number, signal.SIG_DFL)  # The second one doesn't wait for what is in flight.

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    now = _fixed(flags.now)
    unreadable: list[str] = []
    cluster = _cluster(flags, deadline, now, unreadable)
    dry_run = flags.dry_run
    applier = Applier(
        cluster,
        deadline,
        concurrency=1 if dry_run else flags.concurrency,
        report=_silent if dry_run else logs.log,
        linger=flags.linger,
    )
    results = reconcile(cluster, applier, whole=flags.selector is None, shard=flags.shard)
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


def _fixed(text: str | None) -> Callable[[], datetime] | None:
    if text is None:
        return None
    try:
        instant = schedule.instant(text)
    except schedule.ScheduleError as error:
        raise UsageError(f"--now: {error}") from error
    return lambda: instant


def _check_together(flags: argparse.Namespace) -> None:
    offline = bool(flags.filename)
    if offline and flags.local:
        raise UsageError("-f plans from manifests and --local runs on a folder: give one of them")
    if (offline or flags.local) and (flags.kubeconfig or flags.context):
        raise UsageError("--kubeconfig and --context name a cluster; -f and --local use none")
    if (offline or flags.local) and flags.dry_run == "server":
        raise UsageError("--dry-run=server asks an API server; with -f and --local there is none")
    if offline:
        flags.dry_run = "client"
    if flags.now and not (flags.dry_run or flags.local):
        raise UsageError("--now is for planning: add --dry-run (or use --local)")
    if flags.detailed_exitcode and not flags.dry_run:
        raise UsageError("--detailed-exitcode tells about a plan: add --dry-run")
    if flags.linger and (flags.dry_run or flags.now):
        raise UsageError(
            "--linger waits for instants to come; it makes no sense with --dry-run, -f or --now"
        )
    if flags.all_namespaces:
        flags.namespace = None


def _cluster(
    flags: argparse.Namespace,
    deadline: Deadline,
    now: Callable[[], datetime] | None,
    unreadable: list[str],
) -> Cluster:
    """What the flags say to work on. Documents that can't be read are told in `unreadable`."""
    # Each kind of cluster has dependencies that are slow to import and not needed by the others.
    source: Source
    if flags.filename:
        from cnat import manifests, snapshot

        documents = [entry for path in flags.filename for entry in manifests.read(path)]
        source = snapshot.Snapshot(
            documents,
            now or (lambda: datetime.now(UTC)),
            namespace=flags.namespace,
            selector=flags.selector,
        )
        unreadable += [str(problem) for problem in source.problems]
        return Rehearsal(source, now)
    if flags.local:
        from cnat import local

        embedded = local.LocalCluster(
            flags.local,
            now=now or (lambda: datetime.now(UTC)),
            namespace=flags.namespace,
            selector=flags.selector,
            page_size=flags.page_size,
            dry_run=bool(flags.dry_run),
        )
        unreadable += [str(problem) for problem in embedded.problems]
        return Rehearsal(embedded, now) if flags.dry_run else embedded
    from cnat import live

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


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number of at least 1")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < 86_400:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds between 0 and a day")
    return seconds


def _namespace(text: str) -> str:
    if not _NAMESPACE.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} can't be the name of a namespace")
    return text


def _shard(text: str) -> shard.Shard:
    try:
        return shard.parse(text, os.environ)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _selector(text: str) -> str:
    try:
        selector.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return text


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="cnat-reconcile",
        description="Start the Ats that are due, record the outcome of those that ran, and exit.",
        epilog="Exit codes: 0 converged; 1 something failed, the rest was done; 2 changes pending "
        "(with --detailed-exitcode); 64 bad usage; 69 API server not reachable; 77 not permitted.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"cnat {__version__}")

    mode = parser.add_argument_group("what to do")
    mode.add_argument(
        "--dry-run",
        nargs="?",
        const="client",
        choices=["client", "server"],
        help="print the plan, change nothing; 'server' also sends every write with dryRun=All",
    )
    mode.add_argument(
        "-f",
        "--filename",
        action="append",
        metavar="PATH",
        help="plan offline from manifests (a file, a folder, - for stdin); repeatable",
    )
    mode.add_argument(
        "--local",
        metavar="DIR",
        help="run against a folder of YAML files that stands in for the cluster",
    )
    mode.add_argument(
        "--now",
        metavar="INSTANT",
        help="plan as of then (RFC 3339); with a dry run or --local",
    )

    which = parser.add_argument_group("which Ats")
    which.add_argument(
        "-n", "--namespace", type=_namespace, metavar="NS", help="only those of one namespace"
    )
    which.add_argument(
        "-A", "--all-namespaces", action="store_true", help="those of all namespaces (default)"
    )
    which.add_argument(
        "-l",
        "--selector",
        type=_selector,
        metavar="SELECTOR",
        help="only those with these labels; Pods of deleted Ats are then not looked after",
    )
    which.add_argument("--kubeconfig", metavar="FILE", help="as for kubectl")
    which.add_argument("--context", metavar="NAME", help="as for kubectl")

    limits = parser.add_argument_group("limits")
    limits.add_argument(
        "--concurrency", type=_positive, default=16, metavar="N", help="writes at once (16)"
    )
    limits.add_argument(
        "--timeout",
        type=_seconds,
        default=50.0,
        metavar="SECONDS",
        help="end after this long and leave the rest to the next pass (50)",
    )
    limits.add_argument(
        "--page-size", type=_positive, default=500, metavar="N", help="objects a list page (500)"
    )

    limits.add_argument(
        "--linger",
        type=_seconds,
        default=0.0,
        metavar="SECONDS",
        help="then stay this long, and start what falls due meanwhile at its very instant",
    )
    limits.add_argument(
        "--shard",
        type=_shard,
        default=shard.Shard(),
        metavar="I/N",
        help="only share I of N, numbered from 0, of the Ats; auto/N in an Indexed Job",
    )

    output = parser.add_argument_group("output")
    output.add_argument(
        "-o",
        "--output",
        choices=["text", "json", "yaml"],
        default="text",
        help="of the plan or summary on stdout",
    )
    output.add_argument(
        "--log-format", choices=["text", "json"], default="text", help="of the log on stderr"
    )
    output.add_argument("-v", "--verbose", action="store_true", help="log more, with tracebacks")
    output.add_argument(
        "--detailed-exitcode", action="store_true", help="exit 2 when a dry run has changes"
    )
    return parser
