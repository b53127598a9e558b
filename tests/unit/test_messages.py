"""Every message that a user can meet instead of a report: what happened, to what, what to do."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from cnat.cli import flags as command_flags
from cnat.cli import options, verdict
from cnat.cluster.connect import NotConfigured
from cnat.cluster.protocol import (
    ClusterError,
    NotInstalled,
    OutOfTime,
    Rejected,
    Unreachable,
)

CODE = Path(__file__).parents[2] / "cnat"

# The flags, what is wrong with which of them, and what would do.
USAGE = [
    ("--bogus", "unrecognized arguments: --bogus", "--help"),
    ("-o xml", "argument -o/--output: invalid choice: 'xml'", "'markdown'"),
    ("-f", "argument -f/--filename", "expected one argument"),
    ("-n a/b", "'a/b' can't be the name of a namespace", "--help"),
    ("-l a=b=c", "'a=b=c' is no label selector", "write a=b, a!=b, a in (b, c), a, !a, a>1 or a<1"),
    ("-l a=/", "'/' in 'a=/' can't be a label's value", "--help"),
    ("-l a>99999999999999999999", "the number in 'a>99", "is too large for a label selector"),
    ("--concurrency 0", "'0' is no whole number", "of at least 1"),
    ("--timeout x", "'x' is no number of seconds", "between 0 and a day"),
    ("--list --within 7", "'7' is no duration", "write it like 7d, 12h or 1h30m"),
    ("--dry-run --now soon", "'soon' is not an RFC 3339 time", "write it like 2027-03-01T"),
    ("--shard 3/3", "'3/3' is no share", "write I/N with I from 0 to N-1, or auto/N"),
    ("--shard auto/3", "'auto' needs JOB_COMPLETION_INDEX", "which Pods of an Indexed Job have"),
    ("-f x --local y", "-f plans from manifests and --local runs on a folder", "give one"),
    (
        "-f x --context y",
        "--kubeconfig and --context name a cluster; -f and --local use none",
        "(-f does with --against cluster)",
    ),
    ("--strict", "--strict is for manifests", "add -f PATH"),
    ("-f x --dry-run=server", "--dry-run=server asks an API server", "with -f and --local there"),
    ("--list --linger 5", "--list makes no pass", "leave out what says how to make one"),
    ("--within 7d", "--within shortens a list", "add --list"),
    ("--now 2027-03-01T00:00:00Z", "--now is for planning", "add --dry-run or --list (or use --lo"),
    ("--detailed-exitcode", "--detailed-exitcode tells about a plan", "add --dry-run"),
    (
        "--linger 5 --dry-run",
        "--linger waits for instants to come",
        "it makes no sense with --dry-run, -f or --now",
    ),
]

AT, REACH = "http://127.0.0.1:1", "is that the cluster that you mean (--context)?"
# What went wrong, the exit code, and what its message must have: what, to which object, what next.
ERRORS: list[tuple[Exception, int, tuple[str, str, str]]] = [
    (
        Rejected(401, "Unauthorized", "Unauthorized"),
        77,
        ("does not accept the credentials", "the API server", "log in again, or give another"),
    ),
    (
        Rejected(403, "Forbidden", "pods is forbidden: User x"),
        77,
        ("is forbidden", "pods", "see kustomize/rbac for the permissions needed"),
    ),
    (
        Rejected(404, "NotFound", "not found"),
        1,
        ("does not know Ats", "the cluster", "kubectl apply -k kustomize/crd"),
    ),
    (
        NotInstalled(
            "the cluster has no CRD ats.x, so it has no Ats, and the Pods of those that it had "
            "are let go once they are a minute old; to use cnat here, install it: "
            "kubectl apply -k kustomize/crd"
        ),
        1,
        ("has no CRD", "the cluster", "kubectl apply -k kustomize/crd"),
    ),
    (
        Rejected(400, "BadRequest", "unable to parse"),
        1,
        ("unable to parse", "refuses to list Ats and Pods", "its log says more"),
    ),
    (
        Rejected(503, "ServiceUnavailable", "etcd is down"),
        69,
        ("can't answer: etcd is down", "the API server", "try again later"),
    ),
    (Unreachable(f"cannot reach {AT}: refused"), 69, ("cannot reach", AT, REACH)),
    (Unreachable(f"{AT} answers too slowly"), 69, ("answers too slowly", AT, REACH)),
    *(
        (Unreachable(f"{AT} is no Kubernetes API server: {why}"), 69, ("is no Kube", AT, REACH))
        for why in (
            "its answer to GET /api/v1/pods is no list",
            "its answer to GET /api/v1/pods is no JSON object",
        )
    ),
    (
        OutOfTime("the pass ran out of time: slow down"),
        69,
        ("ran out of time", "the pass", "nothing was changed, the next pass goes on (--timeout"),
    ),
    (
        OutOfTime("the pass had to end before this request"),
        69,
        ("had to end", "the pass", "the next pass goes on"),
    ),
    (
        ClusterError("the report can't be written: No space left on device"),
        1,
        ("can't be written", "the report", "No space left on device"),
    ),
    (
        ClusterError("x is no folder; create it and put manifests of Ats into it"),
        1,
        ("is no folder", "x", "create it and put manifests of Ats into it"),
    ),
    (
        NotConfigured(
            "no cluster is configured: x does not exist and this is no Pod; give --kubeconfig "
            "FILE, set KUBECONFIG, or plan without a cluster by -f FILE"
        ),
        69,
        ("no cluster is configured", "x", "give --kubeconfig FILE, set KUBECONFIG, or plan"),
    ),
    (
        NotConfigured("the kubeconfig x does not exist"),
        69,
        ("does not exist", "the kubeconfig x", REACH),
    ),
    (
        NotConfigured("the kubeconfig x can't be used: bad YAML"),
        69,
        ("can't be used", "the kubeconfig x", REACH),
    ),
    (
        NotConfigured("there is no context 'a' in x, only b"),
        69,
        ("there is no context", "'a'", "only b"),
    ),
    (
        NotConfigured("the in-cluster configuration can't be used: no token"),
        69,
        ("can't be used", "the in-cluster configuration", REACH),
    ),
    (
        NotConfigured(
            "the context 'a' logs in as the user 'b', who is not in x; add that user, or choose "
            "another --context"
        ),
        69,
        ("who is not in x", "the context 'a'", "add that user, or choose another --context"),
    ),
    (
        NotConfigured(
            "there is no program 'p', by which the user 'u' of the kubeconfig x logs in; install "
            "it, or choose another --context"
        ),
        69,
        ("there is no program", "'p'", "install it"),
    ),
    (
        NotConfigured(
            "the program 'p', by which the user 'u' of the kubeconfig x logs in, gives no "
            "credentials; run it by hand to see why"
        ),
        69,
        ("gives no credentials", "the program 'p'", "run it by hand to see why"),
    ),
    (KeyError("spec"), 1, ("KeyError", "spec", "this is a bug; please report it with what -v")),
]


def usage(flags: str) -> str:
    """What is said to these flags, and below it."""
    with pytest.raises(command_flags.UsageError) as error:
        options.parse(flags.split(" "))
    return f"{error.value}\nSee '{command_flags.PROGRAM} --help'."


@pytest.mark.parametrize(("flags", "wrong", "right"), USAGE)
def test_flags_that_make_no_sense_are_told_with_what_would_do(
    flags: str, wrong: str, right: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("JOB_COMPLETION_INDEX", raising=False)
    message = usage(flags)
    assert wrong in message
    assert right in message


@pytest.mark.parametrize(("error", "code", "parts"), ERRORS)
def test_a_pass_that_cannot_begin_tells_what_happened_to_what_and_what_to_do(
    error: Exception, code: int, parts: tuple[str, str, str]
) -> None:
    told, message = verdict.on(error)
    assert told == code
    for part in parts:
        assert part in message


def literals(path: str) -> Iterator[str]:
    """The texts that a module raises errors with, as far as they stand in its code."""
    for node in ast.walk(ast.parse((CODE / path).read_text())):
        is_why = isinstance(node, ast.FunctionDef) and node.name.startswith("_why")
        if isinstance(node, ast.Raise) or is_why:
            for text in ast.walk(node):
                if isinstance(text, ast.Constant) and isinstance(text.value, str):
                    yield text.value


@pytest.mark.parametrize(
    "path",
    [
        "cli/flags.py",
        "cli/options.py",
        "cli/show.py",
        "cluster/connect.py",
        "cluster/live.py",
        "cluster/transport.py",
        "core/shard.py",
        "manifests/selector.py",
    ],
)
def test_no_message_is_missing_from_these_tables(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("JOB_COMPLETION_INDEX", raising=False)
    told = " ".join([*map(usage, (flags for flags, *_ in USAGE)), *(str(e) for e, *_ in ERRORS)])
    # What is shorter is a name or a joint; prose in doc comments begins with a capital.
    texts = {text for text in literals(path) if len(text) > 12 and not re.match(r"\s*[A-Z]", text)}
    missing = {text for text in texts if text.strip() not in told}
    assert missing == KNOWN_ELSEWHERE.get(path, set())


# Told on an At and tried again, not instead of a report; or never, being a bug.
KNOWN_ELSEWHERE = {
    "cluster/transport.py": {
        "the API server did not answer within ",
        (
            " s, as where an admission webhook for Pods is slow; see their timeoutSeconds and "
            "failurePolicy; it is tried again with each pass"
        ),
        "given up on a success",
        "the answer has more than ",  # A page that is asked for anew, with fewer objects.
    },
}
