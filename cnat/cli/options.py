"""The options of the command, as they go together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cnat.cli.flags import UsageError, parser
from cnat.core.shard import Shard


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
    shard: Shard
    default_starting_deadline: timedelta | None
    output: str
    log_format: str
    verbose: bool
    detailed_exitcode: bool


def parse(arguments: Sequence[str] | None) -> Options:
    """The options, made consistent.

    Args:
        arguments: as in `sys.argv[1:]`, which is the default.

    Raises:
        UsageError: they aren't what the command takes.
        SystemExit: they ask for the help or the version, which have been printed.
    """
    given = vars(parser().parse_args(arguments))
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
