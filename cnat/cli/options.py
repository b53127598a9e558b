"""The options of the command: what they take, alone and together."""

from __future__ import annotations

import argparse
import math
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NoReturn

from cnat import __version__
from cnat.core import schedule
from cnat.engine import shard
from cnat.manifests import selector

PROGRAM = "cnat-reconcile"

_NAMESPACE = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Options:
    """What the user asks for.

    Attributes:
        dry_run: `client`, `server`, or None for a real pass; `client` wherever there are paths.
        paths: manifests to plan from; "-" is standard input.
        against: what to lay them over: `cluster`, or the path of a dump; None for nothing.
        strict: whether what is doubtful about them fails.
        local: the folder to run on, instead of a cluster.
        now: plan as of then, in UTC; None for the cluster's own time.
        namespace: only its Ats; None for those of all.
        selector: only Ats with such labels, in kubectl's syntax; None for all.
        kubeconfig, context: as for kubectl.
        concurrency: writes at once.
        timeout, linger: seconds.
        page_size: objects a list page.
        shard: the share of the Ats to answer for.
        output, log_format: the names of renderers.
    """

    dry_run: str | None
    paths: tuple[str, ...]
    against: str | None
    strict: bool
    local: str | None
    now: datetime | None
    namespace: str | None
    selector: str | None
    kubeconfig: str | None
    context: str | None
    concurrency: int
    timeout: float
    page_size: int
    linger: float
    shard: shard.Shard
    output: str
    log_format: str
    verbose: bool
    detailed_exitcode: bool


class UsageError(Exception):
    """Options that make no sense, alone or together. The text says which, and what would."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(message)


def parse(arguments: Sequence[str] | None) -> Options:
    """The options, made consistent.

    Args:
        arguments: as in `sys.argv[1:]`, which is the default.

    Raises:
        UsageError: they aren't what the command takes.
        SystemExit: they ask for the help or the version, which have been printed.
    """
    given = vars(_parser().parse_args(arguments))
    paths = (*(given.pop("filename") or ()), *given.pop("path"))
    if given.pop("all_namespaces"):
        given["namespace"] = None
    asked = given.pop("dry_run")
    options = Options(paths=paths, dry_run="client" if paths else asked, **given)
    _check(options, asked)
    return options


def _check(options: Options, asked: str | None) -> None:
    """Raises UsageError where options don't go together; `asked` is --dry-run as it was given."""
    offline = bool(options.paths)
    if offline and options.local:
        raise UsageError("-f plans from manifests and --local runs on a folder: give one of them")
    asks_cluster = not (offline or options.local) or options.against == "cluster"
    if not asks_cluster and (options.kubeconfig or options.context):
        raise UsageError(
            "--kubeconfig and --context name a cluster; -f and --local use none "
            "(-f does with --against cluster)"
        )
    if (options.against or options.strict) and not offline:
        flag = "--against" if options.against else "--strict"
        raise UsageError(f"{flag} is for manifests: add -f PATH")
    if (offline or options.local) and asked == "server":
        raise UsageError("--dry-run=server asks an API server; with -f and --local there is none")
    if options.now and not (options.dry_run or options.local):
        raise UsageError("--now is for planning: add --dry-run (or use --local)")
    if options.detailed_exitcode and not options.dry_run:
        raise UsageError("--detailed-exitcode tells about a plan: add --dry-run")
    if options.linger and (options.dry_run or options.now):
        raise UsageError(
            "--linger waits for instants to come; it makes no sense with --dry-run, -f or --now"
        )


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


def _instant(text: str) -> datetime:
    try:
        return schedule.instant(text)
    except schedule.ScheduleError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


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
        prog=PROGRAM,
        description="Start the Ats that are due, record the outcome of those that ran, and exit.",
        epilog="Exit codes: 0 converged, and what cannot start has it in its status; 1 the pass "
        "failed somewhere, or a dry run found what cannot start; 2 changes pending (with "
        "--detailed-exitcode); 64 bad usage; 69 API server not reachable; 77 not permitted.",
        allow_abbrev=False,
    )
    parser.add_argument("path", nargs="*", metavar="PATH", help="the same as -f PATH")
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
        "--against",
        metavar="cluster|PATH",
        help="lay the manifests over what a cluster or a dump holds: what would this merge do?",
    )
    mode.add_argument(
        "--strict", action="store_true", help="with -f: fail for what is doubtful, too"
    )
    mode.add_argument(
        "--local",
        metavar="DIR",
        help="run against a folder of YAML files that stands in for the cluster",
    )
    mode.add_argument(
        "--now",
        type=_instant,
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
