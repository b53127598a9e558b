"""The report for programs: JSON and YAML, as `schemas/report.json` describes them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

import yaml

from cnat.cli.report.model import Report, Row
from cnat.core.schedule import rfc3339
from cnat.engine.results import Failure
from cnat.manifests.problem import Place, Problem


def as_json(report: Report) -> Iterator[str]:
    """The text piece by piece: the whole of it would take 5 KB of memory a row."""
    encoder = json.JSONEncoder(indent=2, default=partial(_row, report))
    return encoder.iterencode(_document(report, list(report.rows)))


def as_yaml(report: Report) -> str:
    document = _document(report, [_row(report, row) for row in report.rows])
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True).rstrip()


def _document(report: Report, rows: Sequence[Row | dict[str, Any]]) -> dict[str, Any]:
    places = {(row.namespace, row.at): row.place for row in report.rows if row.place}
    return {
        "report": report.about,
        "asOf": rfc3339(report.as_of),
        "dryRun": report.dry_run,
        "failed": report.failed,
        "ats": report.ats,
        "counts": {kind.value: number for kind, number in report.by_kind.items()},
        "rows": rows,
        "failures": [
            *(_problem(problem) for problem in report.errors),
            *(_failure(each, places.get((each.namespace, each.at))) for each in report.failures),
        ],
        "warnings": [_problem(problem) for problem in report.warnings],
        "phases": dict(sorted(report.phases.items())),
        "waiting": report.waiting,
        "next": [
            {"namespace": each.namespace, "at": each.at, "due": rfc3339(each.instant)}
            for each in report.next
        ],
        "conflicts": report.conflicts,
        "deferred": report.deferred,
        "read": _camel_case(asdict(report.read)) if report.read else None,
    }


def _row(report: Report, row: Row) -> dict[str, Any]:
    run = row.run.document() if row.run else {}
    if not report.pod_name(row):
        run.pop("podName", None)
    told: dict[str, Any] = {
        "kind": row.kind.value,
        "namespace": row.namespace,
        "at": row.at,
        "due": rfc3339(row.due) if row.due else None,
        "why": row.why,
        "run": run or None,
    }
    if report.about == "list":
        told["attempts"] = [each.document() for each in row.attempts]
        told["history"] = [each.document() for each in row.history]
    else:
        told["writes"] = [
            {"action": change.action}
            | ({"target": report.target(change)} if report.target(change) else {})
            for change in row.writes
        ]
    return told | _place(row.place)


def _failure(failure: Failure, place: Place | None) -> dict[str, Any]:
    return {
        "namespace": failure.namespace,
        "at": failure.at,
        "action": failure.action,
        "reason": failure.reason,
        "message": failure.message,
        "onRecord": failure.on_record,
        **_place(place),
    }


def _problem(problem: Problem) -> dict[str, Any]:
    return {
        "action": "read",
        "reason": "Invalid" if problem.severity == "error" else "Doubtful",
        "message": problem.reason,
        "object": problem.name,
        "field": problem.field,
        **_place(problem.place),
    }


def _place(place: Place | None) -> dict[str, Any]:
    if place is None:
        return {}
    numbers = {"line": place.line, "column": place.column}
    return {"file": place.source} | {key: value for key, value in numbers.items() if value}


def _camel_case(fields: dict[str, Any]) -> dict[str, Any]:
    def name(words: str) -> str:
        first, *rest = words.split("_")
        return first + "".join(word.capitalize() for word in rest)

    return {name(key): value for key, value in fields.items()}
