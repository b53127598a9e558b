"""The report for programs: JSON and YAML."""

from __future__ import annotations

import json
from dataclasses import asdict

import yaml

from cnat.cli.report.model import Report
from cnat.core.schedule import rfc3339


def as_json(report: Report) -> str:
    return json.dumps(_document(report), indent=2)


def as_yaml(report: Report) -> str:
    return yaml.safe_dump(_document(report), sort_keys=False, allow_unicode=True).rstrip()


def _document(report: Report) -> dict[str, object]:
    results = report.results
    changes = [asdict(change) for change in report.changes]
    for change in changes:
        del change["seconds"], change["instant"], change["run"]
    failures = [asdict(failure) for failure in results.failures]
    for failure in failures:
        failure["onRecord"] = failure.pop("on_record")
        del failure["instant"]
    return {
        "asOf": rfc3339(report.as_of),
        "dryRun": report.dry_run,
        "ats": results.ats,
        "changes": changes,
        "failures": failures,
        "conflicts": results.conflicts,
        "deferred": results.deferred,
    }
