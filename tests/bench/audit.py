"""What the API server was asked, by its own word: the audit log."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

# The log is written after the client has its answer.
_SECONDS_TO_SETTLE = 0.5


@dataclass(frozen=True)
class Request:
    """One request.

    Attributes:
        kind: verb and resource: `list ats`, `create pods (dry run)`.
        name: of the object.
        received, answered: POSIX times.
    """

    kind: str
    name: str
    code: int
    received: float
    answered: float


class Audit:
    """The requests of one user, as they come."""

    def __init__(self, log: Path, user: str) -> None:
        self._log = log
        self._mark = f'"username":"{user}"'.encode()
        self._position = 0

    def new(self) -> list[Request]:
        """Those since the last call, in the order in which they came in."""
        time.sleep(_SECONDS_TO_SETTLE)
        return sorted(self._read(), key=lambda request: request.received)

    def _read(self) -> Iterator[Request]:
        with self._log.open("rb") as log:
            log.seek(self._position)
            for line in log:
                if not line.endswith(b"\n"):
                    break
                self._position += len(line)
                if self._mark in line:
                    yield _request(json.loads(line))


def counts(requests: list[Request]) -> dict[str, int]:
    """How many of each kind."""
    return dict(sorted(Counter(request.kind for request in requests).items()))


def _request(event: dict[str, Any]) -> Request:
    about = event.get("objectRef", {})
    resource = "/".join(filter(None, [about.get("resource"), about.get("subresource")]))
    dry_run = " (dry run)" if "dryRun=All" in event["requestURI"] else ""
    return Request(
        f"{event['verb']} {resource}{dry_run}",
        str(about.get("name", "")),
        event.get("responseStatus", {}).get("code", 0),
        datetime.fromisoformat(event["requestReceivedTimestamp"]).timestamp(),
        datetime.fromisoformat(event["stageTimestamp"]).timestamp(),
    )
