"""The flags of the command: what each takes, and the help that fits a screen."""

from __future__ import annotations

import argparse
import math
import os
import re
from datetime import datetime, timedelta
from typing import NoReturn

from cnat import __version__
from cnat.core import schedule, shard
from cnat.manifests import selector

PROGRAM = "cnat-reconcile"

OUTPUTS = ("text", "json", "yaml", "markdown", "html", "github", "junit")

_DURATION = re.compile(r"(?:(\d{1,5})d)?(?:(\d{1,6})h)?(?:(\d{1,7})m)?(?:(\d{1,9})s)?", re.ASCII)
_NAMESPACE = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


class UsageError(Exception):
    """Options that make no sense, alone or together. The text says which, and what would."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(message)


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


def parser() -> argparse.ArgumentParser:
    """What reads them; it raises UsageError where argparse would end the process."""
    flags = _Parser(
        prog=PROGRAM,
        usage="%(prog)s [flags] [PATH...]",
        description="Start the Ats that are due, record the outcome of those that ran, and exit.",
        epilog=_EXAMPLES,
        formatter_class=_layout,
        add_help=False,
        allow_abbrev=False,
    )
    _add_mode(flags.add_argument_group("what to do, instead of a pass"))
    _add_which(flags.add_argument_group("which Ats"))
    _add_limits(flags.add_argument_group("limits"))
    _add_output(flags.add_argument_group("output"))
    return flags


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
        default=shard.EVERY_AT,
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
