"""The command: options in, exit code out."""

from __future__ import annotations

import atexit
import gc
import logging
import signal
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

from cnat.cli import logs, verdict
from cnat.cli.flags import PROGRAM, UsageError
from cnat.cli.options import Options, parse
from cnat.cli.progress import Progress
from cnat.cli.report import planned
from cnat.cli.report.model import Kind, Report
from cnat.cli.show import show
from cnat.cluster.deadline import Deadline
from cnat.cluster.dry_run import DryRun
from cnat.cluster.protocol import Cluster, Source
from cnat.core.at import At
from cnat.engine.reconcile import reconcile
from cnat.engine.results import Waiting
from cnat.engine.settings import Settings

if TYPE_CHECKING:
    from cnat.manifests.problem import Counts, Place, Problem

# A list page is tens of thousands of Python objects without a cycle among them. At Python's own
# threshold of 700 a quarter of the pass would be spent looking for one.
_GC_THRESHOLD = 50_000

# A plan from files keeps no cluster waiting, so --timeout is not for it; a signal still ends it.
_OFFLINE_SECONDS = 86_400.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Ground:
    """What the options say to work on.

    Attributes:
        problems, read, empty: as in `cnat.cli.report.model.Report`.
        place: where the manifest of an At stands, by its namespace and name.
    """

    cluster: Cluster
    problems: Sequence[Problem] = ()
    read: Counts | None = None
    empty: bool = False
    place: Callable[[str, str], Place | None] = lambda _namespace, _at: None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: as in `sys.argv[1:]`, which is the default.

    Returns:
        The exit code, one of the EXIT_ constants of `cnat.cli.verdict`.
    """
    try:
        options = parse(arguments)
        logs.configure(options.log_format, options.verbose)
        return _run(options)
    except UsageError as error:
        text = logs.one_line(str(error))
        print(f"{PROGRAM}: {text}\nSee '{PROGRAM} --help'.", file=sys.stderr)
        return verdict.EXIT_USAGE
    except Exception as error:  # noqa: BLE001  A user is told, and only with -v shown the code.
        _log.debug("The pass ended here:", exc_info=error)
        code, text = verdict.on(error)
        logs.error(f"{PROGRAM}: {text}")
        return code


def _run(options: Options) -> int:
    gc.set_threshold(_GC_THRESHOLD)
    # Or the interpreter looks for cycles once more as it exits: 0.1 s among the modules imported.
    atexit.register(gc.freeze)
    deadline = Deadline(options.timeout)
    _end_on_signals(deadline)
    # A pass that is no dry run says what it does, line by line.
    with Progress(sys.stderr, shown=bool(options.dry_run)) as progress:
        ground = _ground(options, deadline, progress)
        if options.paths:
            deadline.extend(_OFFLINE_SECONDS)
        if options.list:
            report = _list(options, ground, progress)
        else:
            report = _make_pass(options, ground, deadline, progress)
    show(report, options)
    return _exit_code(report, options)


def _end_on_signals(deadline: Deadline) -> None:
    """SIGTERM and Ctrl-C end the pass early: what is in flight is finished."""

    def end(number: int, _: object) -> None:
        deadline.expire()
        signal.signal(number, signal.SIG_DFL)  # The second one doesn't wait for what is in flight.

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)


def _make_pass(options: Options, ground: Ground, deadline: Deadline, progress: Progress) -> Report:
    settings = Settings(
        concurrency=1 if options.dry_run else options.concurrency,
        linger=options.linger,
        every_at=options.selector is None,
        shard=options.shard,
        asks_server=options.dry_run != "client",
        default_starting_deadline=options.default_starting_deadline,
    )
    # A dry run tells what it found in its plan.
    progress.begin("changes planned")
    tell = progress.step if options.dry_run else logs.log
    results = reconcile(ground.cluster, deadline, settings, tell)
    as_of = ground.cluster.now()
    return Report(
        about="plan" if options.dry_run else "pass",
        as_of=as_of,
        ats=results.ats,
        rows=planned.rows(results.changes, results.failures, as_of, ground.place),
        failures=results.failures,
        phases=results.phases,
        waiting=results.waiting,
        next=[each for each in results.next if each.instant > as_of],
        conflicts=results.conflicts,
        deferred=results.deferred,
        dry_run=options.dry_run,
        problems=ground.problems,
        read=ground.read,
        strict=options.strict,
        empty=ground.empty,
        names_pods=not (options.paths or (options.local and options.dry_run)),
    )


def _list(options: Options, ground: Ground, progress: Progress) -> Report:
    from cnat.cli.report import listed

    pages = ground.cluster.ats(options.shard)
    first = next(pages, [])
    as_of = ground.cluster.now()  # Which an API server tells with its first answer.
    ats = (At.of(raw) for page in chain([first], pages) for raw in page)
    mine = progress.each((at for at in ats if at.uid in options.shard), "Ats listed")
    rows = listed.rows(
        mine,
        as_of,
        within=options.within,
        default_starting_deadline=options.default_starting_deadline,
        place=ground.place,
    )
    upcoming = [row for row in rows if row.kind == Kind.UPCOMING and row.due]
    return Report(
        about="list",
        as_of=as_of,
        ats=len(rows),
        rows=rows,
        phases=Counter(row.phase for row in rows),
        waiting=len(upcoming),
        next=[Waiting(row.due, row.namespace, row.at) for row in upcoming[:3] if row.due],
        problems=ground.problems,
        read=ground.read,
        strict=options.strict,
    )


def _exit_code(report: Report, options: Options) -> int:
    if report.failed:
        return verdict.EXIT_FAILED
    if options.detailed_exitcode and report.pending:
        return verdict.EXIT_CHANGES
    return verdict.EXIT_CONVERGED


def _ground(options: Options, deadline: Deadline, progress: Progress) -> Ground:
    """What the options say to work on.

    Each kind of cluster has dependencies that are slow to import and not needed by the others.
    """
    now = (lambda: options.now or datetime.now(UTC)) if options.now else None
    if options.paths:
        return _manifests(options, deadline, now, progress)
    if options.local:
        return _folder(options, options.local, now)
    return Ground(_live(options, deadline, now))


def _manifests(
    options: Options,
    deadline: Deadline,
    now: Callable[[], datetime] | None,
    progress: Progress,
) -> Ground:
    from cnat.manifests import files, gate, snapshot
    from cnat.manifests.problem import Counts

    counts = Counts()
    documents = progress.each(files.read_all(options.paths, counts), "objects read")
    held, problems = _held(options, deadline, now)
    source = snapshot.Snapshot(
        documents,
        now or (held.now if held else lambda: datetime.now(UTC)),
        counts=counts,
        check=partial(gate.check, default_starting_deadline=options.default_starting_deadline),
        against=held,
        namespace=options.namespace,
        selector=options.selector,
    )
    ran = any(at.get("status") for page in source.ats() for at in page) or any(source.pods())
    alone = not (ran or held)
    return Ground(
        DryRun(source, now), [*problems, *source.problems], source.counts, alone, source.place
    )


def _held(
    options: Options, deadline: Deadline, now: Callable[[], datetime] | None
) -> tuple[Source | None, Sequence[Problem]]:
    """What --against names, and what can't be read of it."""
    from cnat.manifests import files, snapshot
    from cnat.manifests.problem import Counts

    if not options.against:
        return None, []
    if options.against == "cluster":
        # Labels may be what the manifests change, so they don't choose what is there.
        return _live(replace(options, selector=None), deadline, now), []
    dump = snapshot.Snapshot(
        files.read_all([options.against], Counts()),
        now or (lambda: datetime.now(UTC)),
        namespace=options.namespace,
    )
    return dump, [problem for problem in dump.problems if problem.severity == "error"]


def _folder(options: Options, folder: str, now: Callable[[], datetime] | None) -> Ground:
    from cnat.local import store

    cluster = store.LocalCluster(
        folder,
        now or (lambda: datetime.now(UTC)),
        namespace=options.namespace,
        selector=options.selector,
        page_size=options.page_size,
        dry_run=bool(options.dry_run),
    )
    return Ground(DryRun(cluster, now) if options.dry_run else cluster, cluster.problems)


def _live(options: Options, deadline: Deadline, now: Callable[[], datetime] | None) -> Cluster:
    from cnat.cluster import live
    from cnat.cluster.connect import NotConfigured, connect

    try:
        connection = connect(options.kubeconfig, options.context, options.concurrency)
    except NotConfigured as error:
        if options.kubeconfig or options.context:
            raise UsageError(str(error)) from error
        raise
    cluster = live.LiveCluster(
        connection,
        deadline,
        namespace=options.namespace,
        selector=options.selector,
        page_size=options.page_size,
        dry_run=options.dry_run == "server",
        now=now,
    )
    return DryRun(cluster, now) if options.dry_run == "client" else cluster
