"""Requests to the API server: sent, tried again while there is time, decoded."""

from __future__ import annotations

import json
from typing import Any, NamedTuple, NoReturn

import tenacity
import urllib3

from cnat.cluster import boot_clock
from cnat.cluster.connection import Connection
from cnat.cluster.deadline import Deadline
from cnat.cluster.protocol import ClusterError, OutOfTime, Rejected, Unanswered, Unreachable
from cnat.cluster.server_clock import ServerClock
from cnat.core.fields import Manifest

# Seconds that an answer may take before the request is sent again: one that takes longer is stuck.
ANSWER_SECONDS = 10.0
# That to a create may take longer. The API server gives a webhook up to 30 s
# (admissionregistration.k8s.io/v1, timeoutSeconds), and goes on without it where it may be ignored.
ADMISSION_SECONDS = 34.0
# Seconds after which no try of a create is waited for any longer, nor another begun: a run that the
# first one started may since have ended. See `cnat.core.plan.MIN_POD_AGE_SECONDS` for the sum.
CREATE_SECONDS = 38.0
_ATTEMPTS = 5
# Bytes of an answer that are read at once, at most.
_CHUNK = 1 << 18


class TooLarge(ClusterError):
    """The answer has more bytes than were allowed it."""


JSON = "application/json"


class _TimedOut(Unreachable):
    """Sent, and not answered in time."""


class _Answer(NamedTuple):
    """A document, and in how many bytes it came."""

    document: Manifest
    size: int


class Transport:
    """Requests over a connection; thread-safe.

    Args:
        connection: from `cnat.cluster.connect.connect`.
        deadline: nothing is sent, and no retry waited for, beyond it.
        clock: learns the server's time from each answer.
    """

    def __init__(self, connection: Connection, deadline: Deadline, clock: ServerClock) -> None:
        self._connection = connection
        self._deadline = deadline
        self._clock = clock
        self._retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(_worth_retrying),
            wait=_wait,
            stop=_give_up,
            retry_error_callback=_given_up,
            sleep=deadline.sleep,
        )

    def request(
        self,
        method: str,
        path: str,
        body: Manifest | None = None,
        content_type: str = JSON,
        timeout: float = ANSWER_SECONDS,
    ) -> Manifest:
        """Send a request that may be sent again whenever, and decode the answer.

        Args:
            path: with the query.
            timeout: seconds until it counts as unanswered and is tried again.

        Raises:
            Rejected: the answer says no; where it is about the server's state (429, 5xx), it has
                said so to several tries.
            Unreachable: there was no answer to several tries.
            OutOfTime: the deadline didn't leave time for (all) tries.
        """
        answer: _Answer = self._retrying(
            self._send, method, path, body, content_type, JSON, None, self._deadline, timeout
        )
        return answer.document

    def read(
        self, path: str, timeout: float, at_most: int | None, accept: str = JSON
    ) -> tuple[Manifest, int]:
        """GET what may be large. Answers it, and in how many bytes it came.

        Args:
            path: with the query.
            timeout: seconds until it counts as unanswered and is tried again.
            at_most: bytes.
            accept: the media type of the answer, a kind of JSON.

        Raises:
            TooLarge: it has more bytes than that.
            Rejected, Unreachable, OutOfTime: as for `request`.
        """
        answer: _Answer = self._retrying(
            self._send, "GET", path, None, JSON, accept, at_most, self._deadline, timeout
        )
        return answer

    def create(self, path: str, body: Manifest) -> Manifest:
        """Create an object that admission may take long over, and decode the answer.

        Args:
            path: with the query.

        Raises:
            Unanswered: `CREATE_SECONDS` have passed, and the API server still thought about it.
            OutOfTime: the deadline didn't leave that time, or the API server asked to be left alone
                for longer.
            Rejected, Unreachable: as for `request`.
        """
        in_full = self._deadline.remaining >= CREATE_SECONDS
        within = self._deadline.at_most(CREATE_SECONDS)
        try:
            answer: _Answer = self._retrying(
                self._send, "POST", path, body, JSON, JSON, None, within, ADMISSION_SECONDS
            )
        except OutOfTime as error:
            if in_full and isinstance(error.__cause__, _TimedOut):
                raise Unanswered(
                    f"the API server did not answer within {CREATE_SECONDS:.0f} s, as where an "
                    "admission webhook for Pods is slow; see their timeoutSeconds and "
                    "failurePolicy; it is tried again with each pass"
                ) from error
            raise
        return answer.document

    def _send(
        self,
        method: str,
        path: str,
        body: Manifest | None,
        content_type: str,
        accept: str,
        at_most: int | None,
        deadline: Deadline,
        timeout: float,
    ) -> _Answer:
        remaining = deadline.remaining
        if not remaining:
            raise OutOfTime("the pass had to end before this request")
        timeout = min(timeout, remaining)
        headers = self._connection.headers()
        headers["Accept"] = accept
        headers["Content-Type"] = content_type
        sent = self._clock.local()
        until = boot_clock.now() + timeout
        try:
            answer = self._connection.pool.urlopen(
                method,
                self._connection.host + path,
                body=None if body is None else json.dumps(body),
                headers=headers,
                timeout=urllib3.Timeout(total=timeout),
                preload_content=False,
            )
            content = self._read(answer, at_most, until)
        except urllib3.exceptions.ReadTimeoutError as error:
            raise _TimedOut(f"cannot reach {self._connection.host}: {_cause(error)}") from error
        except urllib3.exceptions.HTTPError as error:
            raise Unreachable(f"cannot reach {self._connection.host}: {_cause(error)}") from error
        received = self._clock.local()
        document = _decoded(content)
        refused = answer.status >= 300
        # Not a load balancer's 502, which has a time of its own.
        if document is not None and (not refused or document.get("kind") == "Status"):
            self._clock.observe(answer.headers.get("Date"), sent, received)
        if refused:
            raise _rejection(answer, document or {}, content)
        if document is None:
            raise self.no_api_server(f"its answer to {method} {path} is no JSON object")
        return _Answer(document, len(content))

    def no_api_server(self, why: str) -> Unreachable:
        """The error for what answers, but not as the Kubernetes API does."""
        return Unreachable(f"{self._connection.host} is no Kubernetes API server: {why}")

    def _read(
        self, response: urllib3.BaseHTTPResponse, at_most: int | None, until: float
    ) -> bytearray:
        """The body. urllib3's own time-out is for each piece that arrives, however small."""
        body = bytearray()
        while piece := response.read1(_CHUNK):
            body += piece
            if at_most is not None and len(body) > at_most:
                response.close()
                raise TooLarge(f"the answer has more than {at_most} bytes")
            if boot_clock.now() > until:
                response.close()
                raise _TimedOut(f"{self._connection.host} answers too slowly")
        return body


def _give_up(state: tenacity.RetryCallState) -> bool:
    deadline: Deadline = state.args[-2]
    return state.attempt_number >= _ATTEMPTS or state.upcoming_sleep >= deadline.remaining


def _given_up(state: tenacity.RetryCallState) -> NoReturn:
    error = state.outcome.exception() if state.outcome else None
    if error is None:
        raise AssertionError("given up on a success")
    if state.attempt_number < _ATTEMPTS:
        raise OutOfTime(f"the pass ran out of time: {error}") from error
    raise error


def _decoded(content: bytearray) -> Manifest | None:
    """The JSON object that it is; None for anything else."""
    try:
        document = json.loads(content)
    except ValueError:
        return None
    return document if isinstance(document, dict) else None


def _rejection(answer: Any, document: Manifest, content: bytearray) -> Rejected:
    metadata = document.get("metadata")
    continuation = metadata.get("continue", "") if isinstance(metadata, dict) else ""
    try:
        retry_after = float(answer.headers.get("Retry-After", ""))
    except ValueError:
        retry_after = None
    details = document.get("details")
    causes = details.get("causes") if isinstance(details, dict) else None
    said = content[:200].decode(errors="replace").strip()
    return Rejected(
        answer.status,
        str(document.get("reason") or answer.reason or answer.status),
        str(document.get("message") or f"HTTP {answer.status} {answer.reason}: {said}"),
        continuation,
        retry_after,
        frozenset(str(cause.get("reason")) for cause in causes or ()),
    )


def _worth_retrying(error: BaseException) -> bool:
    return isinstance(error, Unreachable) or (isinstance(error, Rejected) and error.transient)


_backoff = tenacity.wait_exponential(multiplier=0.1, max=5.0) + tenacity.wait_random(0.0, 0.1)


def _wait(state: tenacity.RetryCallState) -> float:
    """Seconds until the next try: what the server asked for (RFC 9110, 10.2.3), or a back-off."""
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, Rejected) and error.retry_after is not None:
        return error.retry_after
    return _backoff(state)


def _cause(error: BaseException) -> str:
    """The innermost cause of a urllib3 error, which says what the outer ones only wrap."""
    while True:
        # `ProtocolError("Connection aborted.", cause)` has it among its arguments only.
        inner = error.__cause__ or (error.args[-1] if error.args else None)
        if not isinstance(inner, Exception) or inner is error:
            break
        error = inner
    text = str(error)
    return text.rpartition(": ")[2] if "object at 0x" in text else text
