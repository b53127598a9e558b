"""The options of the command: what they take, alone and together."""

from __future__ import annotations

import argparse
import math
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NoReturn

from cnat import __version__
from cnat.core import schedule
from cnat.engine import shard
from cnat.manifests import selector

PROGRAM = "cnat-reconcile"

OUTPUTS = ("text", "json", "yaml", "markdown", "html", "github", "junit")

_DURATION = re.compile(r"(?:(\d{1,5})d)?(?:(\d{1,6})h)?(?:(\d{1,7})m)?(?:(\d{1,9})s)?", re.ASCII)
_NAMESPACE = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Options:
    """What the user asks for.

    Attributes:
        dry_run: `client`, `server`, or None for a real pass; `client` wherever there are paths, and
            for a list.
        list: tell what is scheduled and what ran, instead of a pass.
        within: list only what is no farther away than that; None for all.
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
        default_starting_deadline: of Ats that set none; None for no limit.
        output, log_format: the names of renderers.
    """

    dry_run: str | None
    list: bool
    within: timedelta | None
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
    default_starting_deadline: timedelta | None
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
    changes_nothing = paths or given["list"]
    options = Options(paths=paths, dry_run="client" if changes_nothing else asked, **given)
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
    if options.list and (asked or options.detailed_exitcode or options.linger):
        raise UsageError("--list makes no pass: leave out what says how to make one")
    if options.within and not options.list:
        raise UsageError("--within shortens a list: add --list")
    if options.now and not (options.dry_run or options.local):
        raise UsageError("--now is for planning: add --dry-run or --list (or use --local)")
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


def _duration(text: str) -> timedelta:
    found = _DURATION.fullmatch(text)
    if found is None or not text:
        raise argparse.ArgumentTypeError(f"{text!r} is no duration; write it like 7d, 12h or 1h30m")
    days, hours, minutes, seconds = (int(each or 0) for each in found.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


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


_EXAMPLES = f"""\
examples:
  {PROGRAM} --dry-run                   what would a pass on this cluster do?
  {PROGRAM} -f manifests/ --strict      check manifests before a merge, without a cluster
  {PROGRAM} --list --within 7d          what is scheduled this week, and what ran

exit codes: 0 converged; 1 something failed, or a plan has what cannot start; 2 changes pending
(with --detailed-exitcode); 64 bad usage; 69 API server not reachable; 77 not permitted
"""


def _layout(prog: str) -> argparse.HelpFormatter:
    return argparse.RawDescriptionHelpFormatter(prog, max_help_position=30, width=100)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog=PROGRAM,
        usage="%(prog)s [flags] [PATH...]",
        description="Start the Ats that are due, record the outcome of those that ran, and exit.",
        epilog=_EXAMPLES,
        formatter_class=_layout,
        add_help=False,
        allow_abbrev=False,
    )
    _add_mode(parser.add_argument_group("what to do, instead of a pass"))
    _add_which(parser.add_argument_group("which Ats"))
    _add_limits(parser.add_argument_group("limits"))
    _add_output(parser.add_argument_group("output"))
    return parser


# What `ArgumentParser.add_argument_group` answers has no public name.
_Group = argparse._ArgumentGroup  # noqa: SLF001


def _add_mode(group: _Group) -> None:
    group.add_argument(
        "--dry-run",
        nargs="?",
        const="client",
        choices=["client", "server"],
        metavar="client|server",
        help="print the plan, change nothing; 'server' asks it about every write",
    )
    group.add_argument(
        "--list", action="store_true", help="what is scheduled and what ran, by time"
    )
    group.add_argument(
        "--within", type=_duration, metavar="DURATION", help="list no more than that: 7d, 1h30m"
    )
    group.add_argument("path", nargs="*", metavar="PATH", help=argparse.SUPPRESS)
    group.add_argument(
        "-f",
        "--filename",
        action="append",
        metavar="PATH",
        help="check and plan manifests, offline: file, folder, - for stdin; repeatable",
    )
    group.add_argument(
        "--against", metavar="cluster|PATH", help="lay them over a cluster or a dump, and plan that"
    )
    group.add_argument(
        "--strict", action="store_true", help="fail for what is doubtful in them, too"
    )
    group.add_argument(
        "--local", metavar="DIR", help="run for real, on a folder that stands in for a cluster"
    )
    group.add_argument(
        "--now", type=_instant, metavar="INSTANT", help="as of then: 2027-03-01T02:00:00Z"
    )


def _add_which(group: _Group) -> None:
    group.add_argument(
        "-n", "--namespace", type=_namespace, metavar="NS", help="only those of one namespace"
    )
    group.add_argument(
        "-A", "--all-namespaces", action="store_true", help="those of all namespaces (default)"
    )
    group.add_argument(
        "-l", "--selector", type=_selector, metavar="LABELS", help="only those with these labels"
    )
    group.add_argument("--kubeconfig", metavar="FILE", help="as for kubectl")
    group.add_argument("--context", metavar="NAME", help="as for kubectl")


def _add_limits(group: _Group) -> None:
    group.add_argument(
        "--concurrency", type=_positive, default=16, metavar="N", help="writes at once (16)"
    )
    group.add_argument(
        "--timeout",
        type=_seconds,
        default=50.0,
        metavar="SECONDS",
        help="then end, and leave the rest to the next pass (50)",
    )
    group.add_argument(
        "--page-size", type=_positive, default=500, metavar="N", help="objects a list page (500)"
    )
    group.add_argument(
        "--linger",
        type=_seconds,
        default=0.0,
        metavar="SECONDS",
        help="stay, and start what falls due meanwhile at its very instant",
    )
    group.add_argument(
        "--shard",
        type=_shard,
        default=shard.Shard(),
        metavar="I/N",
        help="only share I of N, from 0; auto/N in an Indexed Job",
    )
    group.add_argument(
        "--default-starting-deadline",
        type=_duration,
        metavar="DURATION",
        help="of Ats that set none: what is later than that is missed (1h, 7d)",
    )


def _add_output(group: _Group) -> None:
    group.add_argument(
        "-o",
        "--output",
        choices=OUTPUTS,
        default="text",
        metavar="FORMAT",
        help=", ".join(OUTPUTS),
    )
    group.add_argument(
        "--log-format", choices=["text", "json"], default="text", help="of the log on stderr"
    )
    group.add_argument("-v", "--verbose", action="store_true", help="tell more; with tracebacks")
    group.add_argument(
        "--detailed-exitcode", action="store_true", help="exit 2 when a plan has changes"
    )
    group.add_argument("--version", action="version", version=f"cnat {__version__}")
    group.add_argument("-h", "--help", action="help", help="show this")
