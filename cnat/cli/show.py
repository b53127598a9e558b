"""The report on stdout, as it is asked for."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from itertools import islice

from cnat.cli import logs
from cnat.cli.options import Options
from cnat.cli.report.model import Report
from cnat.cluster.protocol import ClusterError

# What is printed in these is read where it is printed; what else is printed is often put away, and
# what is wrong with manifests must be seen nevertheless.
_FOR_PEOPLE = frozenset({"text", "github"})

# Pieces written at once. One by one, 10,000 rows of JSON took 0.5 s longer.
_PIECES = 10_000


def show(report: Report, options: Options) -> None:
    """Print the report.

    Raises:
        ClusterError: it can't be written. A reader that has left (`| head`) has seen enough.
    """
    if options.output not in _FOR_PEOPLE:
        for problem in report.problems:
            logs.error(str(problem))
    pieces = _rendered(report, options)
    try:
        while text := "".join(islice(pieces, _PIECES)):
            sys.stdout.write(text)
        print(flush=True)
    except OSError as error:
        # What is still in the buffer would fail again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            raise ClusterError(f"the report can't be written: {error.strerror}") from error


def _rendered(report: Report, options: Options) -> Iterator[str]:
    """The report as it is asked for, piece by piece. Only that renderer is imported."""
    match options.output:
        case "json":
            from cnat.cli.report import document

            yield from document.as_json(report)
        case "yaml":
            from cnat.cli.report import document

            yield document.as_yaml(report)
        case "markdown":
            from cnat.cli.report import markdown

            yield markdown.render(report)
        case "html":
            from cnat.cli.report import html

            yield html.render(report)
        case "github":
            from cnat.cli.report import github

            yield github.render(report)
        case "junit":
            from cnat.cli.report import junit

            yield junit.render(report)
        case _:
            from cnat.cli.report import text

            terminal = sys.stdout.isatty()
            width = shutil.get_terminal_size().columns if terminal else None
            colour = terminal and not os.environ.get("NO_COLOR")
            yield text.render(report, text.Style(width, colour, options.verbose))
