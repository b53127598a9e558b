"""What goes to stderr, one line each: for people or for machines."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime

from cnat.core.schedule import rfc3339
from cnat.engine.results import Change, Failure

_FIELDS = ("namespace", "at", "action", "target", "reason", "latency")

_log = logging.getLogger("cnat")


def configure(log_format: str, verbose: bool) -> None:
    """Send the log of this process to stderr, that of its libraries included.

    Args:
        log_format: `text`, or `json` for one object a line with `time` (RFC 3339, UTC), `level`,
            `message`, and for changes `namespace`, `at`, `action`, `target`, `reason` and
            `latency` (seconds).
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if log_format == "json" else _Text())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    _log.setLevel(logging.DEBUG if verbose else logging.INFO)


def error(text: str) -> None:
    """Tell the user what is wrong with the command or its input: as text, without a time."""
    _log.error("%s", text, extra={"bare": True})


def one_line(text: str) -> str:
    """A text from anywhere in one line, and without what a terminal would take for a command."""
    line = " ".join(text.split())
    if line.isprintable():
        return line
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in line
    )


def log(event: Change | Failure) -> None:
    """Log what a pass has done, or failed to do, to one object."""
    where: dict[str, object] = {
        "namespace": event.namespace,
        "at": event.at,
        "action": event.action,
    }
    name = f"{event.namespace}/{event.at}: " if event.at else ""
    if isinstance(event, Change):
        what = " ".join(filter(None, [event.action, event.target, event.detail]))
        told = {"target": event.target, "reason": event.detail, "latency": round(event.seconds, 4)}
        _log.info("%s%s", name, what, extra=where | told)
    else:
        parts = (name, event.action, event.reason, event.message)
        _log.error("%scannot %s: %s: %s", *parts, extra=where | {"reason": event.reason})


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = one_line(record.getMessage())
        if not hasattr(record, "bare"):
            level = "" if record.levelno == logging.INFO else f"{record.levelname.lower()}: "
            line = f"{_time(record)} {level}{line}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
        }
        line |= {
            name: value
            for name in _FIELDS
            if (value := getattr(record, name, None)) not in {None, ""}
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)


def _time(record: logging.LogRecord) -> str:
    return rfc3339(datetime.fromtimestamp(record.created, UTC).replace(microsecond=0))
