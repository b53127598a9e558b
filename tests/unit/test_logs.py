"""What goes to stderr."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest

from cnat.cli import logs
from cnat.engine.results import Change, Failure

CHANGE = Change("create pod", "default", "cnrex", "cnrex-1e0ce9ed", "due now", 0.123456)
FAILURE = Failure("default", "cnrex", "start", "PreflightRejected", "exceeded quota")
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"


@pytest.fixture(autouse=True)
def _loggers() -> Iterator[None]:
    """Leave the loggers of this process as they were."""
    loggers = [logging.getLogger(), logging.getLogger("cnat")]
    before = [(each, each.handlers, each.level) for each in loggers]
    yield
    for each, handlers, level in before:
        each.handlers = handlers
        each.setLevel(level)


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    out, err = capsys.readouterr()
    assert out == ""
    return err.splitlines()


def test_a_change_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("text", verbose=False)
    logs.log(CHANGE)
    (line,) = lines(capsys)
    assert re.fullmatch(f"{TIME} default/cnrex: create pod cnrex-1e0ce9ed due now", line)


def test_a_failure_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("text", verbose=False)
    logs.log(FAILURE)
    (line,) = lines(capsys)
    assert re.fullmatch(
        f"{TIME} error: default/cnrex: cannot start: PreflightRejected: exceeded quota", line
    )


def test_what_concerns_no_single_at_names_none(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("text", verbose=False)
    logs.log(Failure("", "", "list", "Expired", "too old"))
    (line,) = lines(capsys)
    assert re.fullmatch(f"{TIME} error: cannot list: Expired: too old", line)


def test_what_is_wrong_with_the_command_has_no_time(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("text", verbose=False)
    logs.error("cnat-reconcile: 100 % wrong")
    assert lines(capsys) == ["cnat-reconcile: 100 % wrong"]


def as_json(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    (line,) = lines(capsys)
    document: dict[str, Any] = json.loads(line)
    assert re.fullmatch(TIME, document.pop("time"))
    return document


def test_a_change_is_an_object(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("json", verbose=False)
    logs.log(CHANGE)
    assert as_json(capsys) == {
        "level": "info",
        "message": "default/cnrex: create pod cnrex-1e0ce9ed due now",
        "namespace": "default",
        "at": "cnrex",
        "action": "create pod",
        "target": "cnrex-1e0ce9ed",
        "reason": "due now",
        "latency": 0.1235,
    }


def test_a_failure_is_an_object(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("json", verbose=False)
    logs.log(FAILURE)
    assert as_json(capsys) == {
        "level": "error",
        "message": "default/cnrex: cannot start: PreflightRejected: exceeded quota",
        "namespace": "default",
        "at": "cnrex",
        "action": "start",
        "reason": "PreflightRejected",
    }


def test_what_there_is_nothing_to_say_of_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("json", verbose=False)
    logs.log(Change("set status", "default", "cnrex", "Running", "", 0.0))
    assert "reason" not in (found := as_json(capsys))
    assert found["latency"] == 0.0


def test_what_is_wrong_with_the_command_is_an_object_too(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs.configure("json", verbose=False)
    logs.error("cnat-reconcile: no")
    assert as_json(capsys) == {"level": "error", "message": "cnat-reconcile: no"}


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_a_message_of_several_lines_stays_one_line(
    log_format: str, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure(log_format, verbose=False)
    logs.log(Failure("default", "cnrex", "start", "StartRejected", "one\n  two\r\nthree"))
    assert len(lines(capsys)) == 1


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("one\n\ttwo", "one two"),
        ("\x1b[2Jgone", "\\x1b[2Jgone"),
        ("über 東京", "über 東京"),
        ("a\x00b\u202ec", "a\\x00b\\u202ec"),
        ("", ""),
    ],
)
def test_text_from_anywhere_cannot_command_a_terminal(text: str, line: str) -> None:
    assert logs.one_line(text) == line


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_details_are_for_the_verbose(log_format: str, capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(log_format, verbose=False)
    logging.getLogger("cnat.engine.workers").debug("detail")
    assert lines(capsys) == []
    logs.configure(log_format, verbose=True)
    logging.getLogger("cnat.engine.workers").debug("detail")
    (line,) = lines(capsys)
    assert "detail" in line


def test_a_traceback_follows_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("text", verbose=True)
    logging.getLogger("cnat.cli.main").debug("here", exc_info=ValueError("bad"))
    first, *_, last = lines(capsys)
    assert re.fullmatch(f"{TIME} debug: here", first)
    assert last == "ValueError: bad"


def test_a_traceback_is_part_of_its_object(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("json", verbose=True)
    logging.getLogger("cnat.cli.main").debug("here", exc_info=ValueError("bad"))
    assert as_json(capsys) == {"level": "debug", "message": "here", "exception": "ValueError: bad"}


def test_libraries_log_in_the_same_format(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("json", verbose=False)
    logging.error("exec: process returned 1")  # noqa: LOG015  as the kubernetes client does
    assert as_json(capsys)["message"] == "exec: process returned 1"


def test_libraries_are_heard_only_when_they_warn(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("text", verbose=True)
    logging.getLogger("urllib3").info("chatter")
    assert lines(capsys) == []


def test_a_second_configuration_replaces_the_first(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("text", verbose=False)
    logs.configure("text", verbose=False)
    logs.log(CHANGE)
    assert len(lines(capsys)) == 1
