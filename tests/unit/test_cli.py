"""The command, as a user runs it."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pytest
import yaml

from cnat import __version__
from cnat.cli import main as command
from cnat.core.shard import Shard
from tests.support.controlplane.server import ControlPlane
from tests.support.factories import DUE, SUCCEEDED
from tests.support.fake_server import Answer, FakeServer, kubeconfig, page, status
from tests.support.sandbox import Manifest, RealSandbox, at, resource_versions

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "kustomize/samples/at_cnrex.yaml"
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z"


@dataclass(frozen=True)
class Ran:
    """What came of a command."""

    code: int
    out: str
    err: str


Run = Callable[..., Ran]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """The command in this process, whose signal handlers and loggers it leaves as they were."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    signals = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    loggers = [logging.getLogger(), logging.getLogger("cnat")]
    before = [(each, each.handlers, each.level) for each in loggers]

    def main(*arguments: object) -> Ran:
        code = command.main([str(argument) for argument in arguments])
        return Ran(code, *capsys.readouterr())

    yield main
    for number, handler in signals.items():
        signal.signal(number, handler)
    for each, handlers, level in before:
        each.handlers = handlers
        each.setLevel(level)
    monkeypatch.undo()
    time.tzset()


def environment(**changes: str) -> dict[str, str]:
    """That of a user: nothing of this process's Python, and no cluster but what is named."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    for name in ("KUBECONFIG", "NO_COLOR", "COLUMNS", "KUBERNETES_SERVICE_HOST"):
        kept.pop(name, None)
    return kept | {"TZ": "UTC"} | changes


def spawned(
    *arguments: object,
    stdin: int | None = None,
    stdout: int | IO[str] = subprocess.PIPE,
    env: Mapping[str, str] | None = None,
) -> subprocess.Popen[str]:
    """The command in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "reconcile.py", *map(str, arguments)],
        cwd=ROOT,
        stdin=stdin,
        stdout=stdout,
        stderr=subprocess.PIPE,
        env=env or environment(),
        text=True,
    )


def ended(process: subprocess.Popen[str], given: str | None = None) -> Ran:
    out, err = process.communicate(given, timeout=60)
    return Ran(process.returncode, out, err)


@pytest.fixture
def on(real_sandbox: RealSandbox, run: Run) -> Run:
    """The command on the real control plane, in a namespace of its own."""

    def main(*arguments: object) -> Ran:
        return run(
            "--kubeconfig", real_sandbox.kubeconfig, "-n", real_sandbox.namespace, *arguments
        )

    return main


def rows(plan: str) -> list[list[str]]:
    """The cells of a plan's table; the names of Ats are without their namespace."""
    (table,) = (part for part in plan.split("\n\n") if part.startswith("ACTION"))
    cells = [re.split(r"\s{2,}", line) for line in table.splitlines()[1:]]
    return [[kind, at.partition("/")[2] or at, *rest] for kind, at, *rest in cells]


# Doing it


def test_a_pass_says_what_it_does_line_by_line_and_sums_it_up(
    on: Run, real_sandbox: RealSandbox
) -> None:
    real_sandbox.apply(at())
    ran = on()
    (pod,) = real_sandbox.pods()
    name, where = pod["metadata"]["name"], f"{real_sandbox.namespace}/cnrex"
    assert ran.code == 0
    assert re.fullmatch(rf"1 At as of {TIME}: 1 start\n", ran.out)
    assert re.fullmatch(
        rf"{TIME} {where}: create pod {name} due {DUE}\n{TIME} {where}: set status Running\n",
        ran.err,
    )


def test_a_second_pass_has_nothing_to_do(on: Run, real_sandbox: RealSandbox) -> None:
    real_sandbox.apply(at())
    on()
    ran = on()
    assert (ran.code, ran.err) == (0, "")
    assert re.fullmatch(rf"1 At as of {TIME}: nothing to do\n", ran.out)


def test_what_cannot_start_is_told_on_its_at_and_fails_neither_the_rest_nor_the_pass(
    on: Run, real_sandbox: RealSandbox
) -> None:
    real_sandbox.apply(at("bad", containers=[{"name": "shell"}] * 2))
    real_sandbox.apply(at("good"))
    ran = on()
    assert ran.code == 0
    assert re.search(r"error: .*/bad: cannot start: StartRejected: Pod .* is invalid", ran.err)
    assert ran.out.endswith(": 1 start, 1 cannot start\n")


# Which Ats


def test_a_namespace_is_kept_to(run: Run, real_sandbox: RealSandbox) -> None:
    with RealSandbox.opened(real_sandbox.control_plane) as other:
        real_sandbox.apply(at())
        other.apply(at())
        ran = run("--kubeconfig", real_sandbox.kubeconfig, "-n", other.namespace)
        assert ran.out.startswith("1 At ")
        assert len(other.pods()) == 1
    assert real_sandbox.pods() == []


@pytest.mark.parametrize("flags", [[], ["-A"], ["-n", "default", "-A"]])
def test_all_namespaces_are_the_default(
    run: Run, real_sandbox: RealSandbox, flags: list[str]
) -> None:
    real_sandbox.apply(at())
    ran = run("--kubeconfig", real_sandbox.kubeconfig, "--dry-run", "-o", "json", *flags)
    namespaces = {row["namespace"] for row in json.loads(ran.out)["rows"]}
    assert real_sandbox.namespace in namespaces


def labelled(name: str, team: str) -> Manifest:
    manifest = at(name)
    manifest["metadata"]["labels"] = {"team": team}
    return manifest


def test_a_selector_chooses_by_label(on: Run, real_sandbox: RealSandbox) -> None:
    real_sandbox.apply(labelled("mine", "a"))
    real_sandbox.apply(labelled("yours", "b"))
    ran = on("--dry-run", "-l", "team in (a)")
    assert [row[1] for row in rows(ran.out)] == ["mine"]


def test_a_selector_leaves_the_pods_of_others_alone(on: Run, real_sandbox: RealSandbox) -> None:
    real_sandbox.apply(labelled("mine", "a"))
    real_sandbox.apply(labelled("yours", "b"))
    on()
    before = resource_versions(real_sandbox, "mine", "yours")
    assert on("-l", "team=a").out.endswith(": nothing to do\n")
    assert resource_versions(real_sandbox, "mine", "yours") == before


# Planning

NOW = "2999-01-01T00:00:00Z"


SIXTY_YEARS = 60 * 365 * 86_400


@pytest.fixture
def mixed(on: Run, real_sandbox: RealSandbox) -> RealSandbox:
    """A namespace with Ats in each state, some of them edited since the last pass."""

    def end(name: str) -> None:
        real_sandbox.set_pod_status(real_sandbox.at(name)["status"]["podName"], SUCCEEDED)

    real_sandbox.apply(at("ended", ttlSecondsAfterFinished=SIXTY_YEARS))
    real_sandbox.apply(at("ending"))
    real_sandbox.apply(at("running"))
    on()
    end("ended")
    real_sandbox.apply(at("armed", schedule=NOW))
    on()
    end("ending")
    real_sandbox.apply(at("due"))
    real_sandbox.apply(at("coming", schedule="3000-01-01T00:00:00Z"))
    real_sandbox.apply(at("missed", startingDeadlineSeconds=60))
    real_sandbox.apply(at("suspended", suspend=True))
    return real_sandbox


ALL = ("armed", "coming", "due", "ended", "ending", "missed", "running", "suspended")
PLAN = [
    ["start", "due", "2023-05-21 02:00 UTC", "overdue, so it starts at once"],
    ["start", "armed", "2999-01-01 00:00 UTC", "its instant has come"],
    ["record", "ending", "2023-05-21 02:00 UTC", "Succeeded"],
    [
        "clean up",
        "ended",
        "2023-05-21 02:00 UTC",
        "the time to live of its Pod is over: the Pod is deleted",
    ],
    ["hold", "suspended", "2023-05-21 02:00 UTC", "starts nothing while spec.suspend is true"],
    ["hold", "coming", "3000-01-01 00:00 UTC", "waits for its instant"],
    ["miss", "missed", "2023-05-21 02:00 UTC", "not started within 60 s of"],
]


def test_a_plan_is_the_same_offline_and_with_the_servers_advice_and_changes_nothing(
    on: Run, run: Run, mixed: RealSandbox, tmp_path: Path
) -> None:
    dump = tmp_path / "dump.yaml"
    kubectl = mixed.control_plane.kubectl
    dump.write_text(kubectl("get", "ats,pods", "-o", "yaml", "-n", mixed.namespace).stdout)
    before = resource_versions(mixed, *ALL)
    client = on("--dry-run", "--now", NOW)
    server = on("--dry-run=server", "--now", NOW)
    offline = run("-f", dump, "--now", NOW)
    assert resource_versions(mixed, *ALL) == before
    assert client == server
    assert rows(client.out) == rows(offline.out)
    assert (client.code, client.err) == (0, "")
    found = [[*row[:3], row[4].partition(" 2023")[0]] for row in rows(client.out)]
    assert found == PLAN
    assert client.out.splitlines()[-2:] == [
        (
            f"8 Ats as of {NOW}: 2 starts, 1 record, 1 clean-up, 2 held, 1 missed "
            "(dry run: nothing was changed)"
        ),
        f"1 waits for its instant; next: {mixed.namespace}/coming in 1y (3000-01-01 00:00 UTC)",
    ]


@pytest.mark.parametrize(
    ("now", "starts"),
    [
        ("2023-05-21T01:59:59Z", []),
        ("2023-05-21T02:00:00Z", ["due", "missed"]),
        ("2023-05-21T02:01:01Z", ["due"]),
        ("2998-12-31T23:59:59.999999Z", ["due"]),
        ("2999-01-01T08:00:00+08:00", ["due", "armed"]),
        ("3000-01-01T00:00:00Z", ["due", "armed", "coming"]),
    ],
)
def test_a_plan_as_of_then_says_what_will_start(
    on: Run, mixed: RealSandbox, now: str, starts: list[str]
) -> None:
    before = resource_versions(mixed, *ALL)
    ran = on("--dry-run", "--now", now, "-o", "json")
    plan = json.loads(ran.out)
    assert [row["at"] for row in plan["rows"] if row["kind"] == "start"] == starts
    assert resource_versions(mixed, *ALL) == before


@pytest.mark.usefixtures("mixed")
@pytest.mark.parametrize(
    ("now", "deleted"), [("2083-05-06T02:00:06Z", []), ("2083-05-06T02:00:07Z", ["ended"])]
)
def test_a_plan_as_of_then_says_what_will_be_cleaned_up(
    on: Run, now: str, deleted: list[str]
) -> None:
    plan = json.loads(on("--dry-run", "--now", now, "-o", "json").out)
    writes = {row["at"]: [write["action"] for write in row["writes"]] for row in plan["rows"]}
    assert [at for at, actions in writes.items() if "delete pod" in actions] == deleted


def test_the_server_says_what_it_would_refuse(on: Run, real_sandbox: RealSandbox) -> None:
    real_sandbox.apply(at(containers=[{"name": "shell"}] * 2))
    before = resource_versions(real_sandbox, "cnrex")
    ran = on("--dry-run=server")
    assert ran.code == 1
    (row,) = rows(ran.out)
    assert row[0] == "refuse"
    assert row[-1].startswith("StartRejected: Pod ")
    assert resource_versions(real_sandbox, "cnrex") == before


def test_changes_pending_have_an_exit_code_for_those_who_ask(
    on: Run, real_sandbox: RealSandbox
) -> None:
    real_sandbox.apply(at())
    assert on("--dry-run").code == 0
    assert on("--dry-run", "--detailed-exitcode").code == 2
    assert on("--dry-run=server", "--detailed-exitcode").code == 2
    on()
    assert on("--dry-run", "--detailed-exitcode").code == 0


def test_a_failure_weighs_more_than_changes(on: Run, real_sandbox: RealSandbox) -> None:
    real_sandbox.apply(at("bad", schedule="2027-03-28T02:30:00", timeZone="Europe/Berlin"))
    real_sandbox.apply(at("good"))
    assert on("--dry-run", "--detailed-exitcode").code == 1


# Listing


def test_a_list_tells_by_time_of_a_cluster_and_of_its_dump_and_changes_nothing(
    on: Run, run: Run, mixed: RealSandbox, tmp_path: Path
) -> None:
    dump = tmp_path / "dump.yaml"
    kubectl = mixed.control_plane.kubectl
    dump.write_text(kubectl("get", "ats", "-o", "yaml", "-n", mixed.namespace).stdout)
    before = resource_versions(mixed, *ALL)
    live = json.loads(on("--list", "--now", "2998-01-01T00:00:00Z", "-o", "json").out)
    assert resource_versions(mixed, *ALL) == before
    assert [(row["kind"], row["at"]) for row in live["rows"]] == [
        ("overdue", "due"),
        ("overdue", "missed"),
        ("running", "ending"),
        ("running", "running"),
        ("upcoming", "armed"),
        ("upcoming", "coming"),
        ("suspended", "suspended"),
        ("past", "ended"),
    ]
    offline = run("--list", "-f", dump, "--now", "2998-01-01T00:00:00Z", "-o", "json")
    assert [
        {key: value for key, value in row.items() if key not in {"file", "line", "column"}}
        for row in json.loads(offline.out)["rows"]
    ] == live["rows"]


def test_a_folder_can_be_listed_and_stays_as_it_is(run: Run, tmp_path: Path) -> None:
    (tmp_path / "at.yaml").write_text(AT)
    ran = run("--local", tmp_path, "--list")
    assert ran.code == 0
    assert ran.out.startswith("Running and overdue (1)\n")
    assert [path.name for path in tmp_path.iterdir()] == ["at.yaml"]


def test_a_list_is_shortened_to_what_is_near(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(yaml.safe_dump(at("far", schedule=NOW)))
    (tmp_path / "b.yaml").write_text(yaml.safe_dump(at("near", schedule="2027-03-02T00:00:00Z")))
    flags = ("--list", "-f", tmp_path, "--now", "2027-03-01T00:00:00Z", "-o", "json")
    assert len(json.loads(run(*flags).out)["rows"]) == 2
    (row,) = json.loads(run(*flags, "--within", "24h").out)["rows"]
    assert row["at"] == "near"


@pytest.mark.parametrize(
    ("output", "beginning"),
    [
        ("json", "{"),
        ("yaml", "report: list"),
        ("markdown", "### "),
        ("html", "<!doctype html>"),
        ("github", "::warning "),
        ("junit", "<?xml "),
    ],
)
def test_each_output_is_at_hand(run: Run, tmp_path: Path, output: str, beginning: str) -> None:
    (tmp_path / "at.yaml").write_text(AT)
    ran = run("--list", "-f", tmp_path / "at.yaml", "-o", output)
    assert ran.code == 0
    assert ran.out.startswith(beginning)


# From manifests


AT = yaml.safe_dump(at())


def test_manifests_are_planned_without_a_cluster(run: Run, tmp_path: Path) -> None:
    (tmp_path / "at.yaml").write_text(AT)
    ran = run("-f", tmp_path / "at.yaml")
    assert ran.code == 0
    assert [row[:2] for row in rows(ran.out)] == [["start", "cnrex"]]
    assert ran.out.startswith("Planned as on a cluster where none of these Ats has been yet;")
    assert [path.name for path in tmp_path.iterdir()] == ["at.yaml"]


def test_files_and_folders_add_up(run: Run, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/one.json").write_text(json.dumps(at("one")))
    (tmp_path / "two.yaml").write_text(yaml.safe_dump(at("two")))
    ran = run("-f", tmp_path / "folder", "-f", tmp_path / "two.yaml")
    assert ran.out.splitlines()[-1].startswith("2 Ats ")


def test_a_malformed_document_is_told_and_keeps_nothing_else_from_being_planned(
    run: Run, tmp_path: Path
) -> None:
    path = tmp_path / "at.yaml"
    bad = AT.replace("image:", "imgae:").replace("name: cnrex", "name: bad")
    path.write_text(f"{AT}---\n{bad}---\na: [\n---\n{AT.replace('cnrex', 'last')}")
    ran = run("-f", path, "--now", DUE)
    field = "spec.containers[0].imgae"
    assert ran.code == 1
    assert [line for line in ran.out.splitlines() if line.startswith(str(path))] == [
        f'{path}:17:5: At bad, {field}: unknown field "imgae"; did you mean "image"?',
        f"{path}:22:1: did not find expected node content",
    ]
    assert [row[1] for row in rows(ran.out)] == ["cnrex", "last"]


def test_a_file_that_is_not_there_is_told(run: Run) -> None:
    ran = run("-f", "/absent.yaml")
    assert (ran.code, ran.err) == (1, "")
    assert ran.out.startswith("/absent.yaml: can't be read: No such file or directory\n")


def test_manifests_come_through_a_pipe_too() -> None:
    ran = ended(spawned("-f", "-", "-o", "json", "--now", DUE, stdin=subprocess.PIPE), AT)
    assert (ran.code, ran.err) == (0, "")
    assert json.loads(ran.out)["rows"][0]["kind"] == "start"


# Without its packages


def test_without_its_packages_it_says_in_one_line_how_to_install_them() -> None:
    without = [sys.executable, "-S", "reconcile.py"]
    ran = subprocess.run(
        without, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stdout) == (1, "")
    (line,) = ran.stderr.splitlines()
    assert line.endswith("install what is needed: python -m pip install -r requirements.lock")


# On a folder


def test_a_folder_stands_in_for_the_cluster(run: Run, tmp_path: Path) -> None:
    (tmp_path / "at.yaml").write_text(AT)
    plan = run("--local", tmp_path, "--dry-run", "--detailed-exitcode")
    assert plan.code == 2
    assert sorted(path.name for path in tmp_path.iterdir() if path.suffix) == ["at.yaml"]
    assert run("--local", tmp_path).out.endswith(": 1 start\n")
    assert run("--local", tmp_path).out.endswith(": nothing to do\n")


def test_a_folder_has_the_time_that_is_given(run: Run, tmp_path: Path) -> None:
    (tmp_path / "at.yaml").write_text(yaml.safe_dump(at(schedule=NOW)))
    assert "1 held" in run("--local", tmp_path, "--now", "2998-01-01T00:00:00Z").out
    assert "1 start" in run("--local", tmp_path, "--now", NOW).out


def test_a_folder_that_is_not_there_is_told(run: Run) -> None:
    ran = run("--local", "/absent")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("cnat-reconcile: /absent is no folder; create it")


def test_what_cannot_be_read_in_a_folder_is_told(run: Run, tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("a: [")
    ran = run("--local", tmp_path)
    assert ran.code == 1
    assert ran.out.startswith(f"{tmp_path}/bad.yaml:2:1: ")


# For machines


def test_json_is_alone_on_stdout_and_the_log_on_stderr(on: Run, real_sandbox: RealSandbox) -> None:
    real_sandbox.apply(at())
    ran = on("-o", "json", "--log-format", "json")
    document = json.loads(ran.out)
    assert (document["ats"], document["report"], document["failures"]) == (1, "pass", [])
    created, recorded = (json.loads(line) for line in ran.err.splitlines())
    name = real_sandbox.pods()[0]["metadata"]["name"]
    assert created["latency"] > 0.0
    assert re.fullmatch(TIME, created["time"])
    for key in ("latency", "time", "level", "message"):
        del created[key]
    assert created == {
        "namespace": real_sandbox.namespace,
        "at": "cnrex",
        "action": "create pod",
        "target": name,
        "reason": f"due {DUE}",
    }
    assert (recorded["action"], recorded["target"]) == ("set status", "Running")


def test_yaml_reads_the_same_as_json(on: Run, real_sandbox: RealSandbox) -> None:
    real_sandbox.apply(at())
    as_yaml = yaml.safe_load(on("--dry-run", "--now", NOW, "-o", "yaml").out)
    as_json = json.loads(on("--dry-run", "--now", NOW, "-o", "json").out)
    assert as_yaml == as_json


def test_with_json_logs_every_line_on_stderr_is_an_object(run: Run, tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text(f"{AT.replace('image:', 'imgae:')}---\na: [\n")
    ran = run("-f", tmp_path / "bad.yaml", "--log-format", "json", "-o", "json")
    assert len([json.loads(line) for line in ran.err.splitlines()]) == 2
    ran = run("--local", "/absent", "--log-format", "json", "-v")
    assert "is no folder" in json.loads(ran.err.splitlines()[-1])["message"]
    assert "Traceback" in json.loads(ran.err.splitlines()[0])["exception"]


# On a terminal


def on_terminal(*arguments: object, columns: int = 200, **changes: str) -> str:
    """What the command prints on a terminal of that width."""
    here, there = pty.openpty()
    fcntl.ioctl(there, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = spawned(*arguments, stdout=there, env=environment(TERM="xterm", **changes))
    os.close(there)
    printed = b""
    while True:
        try:
            piece = os.read(here, 4096)
        except OSError:  # How Linux says that nobody is on the other side any longer.
            break
        if not piece:
            break
        printed += piece
    os.close(here)
    assert ended(process).code == 0
    return printed.decode().replace("\r\n", "\n")


def test_on_a_terminal_a_plan_has_colours_and_fits() -> None:
    printed = on_terminal("-f", SAMPLE, columns=80)
    assert "\033[36mstart " in printed
    assert max(map(len, re.sub(r"\033\[\d+m", "", printed).splitlines())) <= 80


def test_no_color_is_respected() -> None:
    assert "\033" not in on_terminal("-f", SAMPLE, NO_COLOR="1")


def test_an_empty_no_color_means_nothing() -> None:
    assert "\033" in on_terminal("-f", SAMPLE, NO_COLOR="")


def test_elsewhere_a_plan_has_neither_colours_nor_cuts() -> None:
    ran = ended(spawned("-f", SAMPLE, env=environment(COLUMNS="20")))
    assert "\033" not in ran.out
    assert "2023-05-21 02:00 UTC" in ran.out


def test_a_reader_who_leaves_is_no_trouble() -> None:
    read, write = os.pipe()
    os.close(read)
    ran = ended(spawned("-f", SAMPLE, "--now", DUE, stdout=write))
    os.close(write)
    assert (ran.code, ran.err) == (0, "")


@pytest.mark.skipif(
    not Path("/dev/full").exists(), reason="only Linux has a device that is always full"
)
def test_a_full_disk_is_told() -> None:
    with Path("/dev/full").open("w") as full:
        ran = ended(spawned("-f", SAMPLE, "--now", DUE, stdout=full))
    assert ran.code == 1
    assert ran.err == "cnat-reconcile: the report can't be written: No space left on device\n"


# What is late


@pytest.mark.parametrize(
    ("deadline", "kind"), [("1h", "miss"), ("36500d", "start"), ("0s", "miss")]
)
def test_what_is_later_than_the_default_deadline_would_be_missed(
    run: Run, deadline: str, kind: str
) -> None:
    ran = run("-f", SAMPLE, "--default-starting-deadline", deadline, "-o", "json")
    assert [row["kind"] for row in json.loads(ran.out)["rows"]] == [kind]


def test_what_would_be_missed_is_told_with_how_late_it_is(run: Run) -> None:
    ran = run("-f", SAMPLE, "--now", "2024-07-06T02:00:00Z", "--default-starting-deadline", "1h")
    assert "412 days late" in ran.out


# What is wrong with the flags


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--bogus"], "unrecognized arguments: --bogus"),
        (["--dry-run=maybe"], "argument --dry-run: invalid choice: 'maybe'"),
        (["--dry"], "unrecognized arguments: --dry"),
        (["-o", "xml"], "argument -o/--output: invalid choice: 'xml'"),
        (["-f"], "argument -f/--filename: expected one argument"),
        (["-n", ""], "argument -n/--namespace: '' can't be the name of a namespace"),
        (["-n", "a/b"], "argument -n/--namespace: 'a/b' can't be the name of a namespace"),
        (["-l", "a b"], "argument -l/--selector: 'a b' is no label selector; write a=b,"),
        (["--concurrency", "0"], "argument --concurrency: '0' is no whole number of at least 1"),
        (["--page-size", "x"], "argument --page-size: 'x' is no whole number of at least 1"),
        (["--timeout", "nan"], "argument --timeout: 'nan' is no number of seconds between 0 and"),
        (["--timeout", "x"], "argument --timeout: 'x' is no number of seconds between 0 and a day"),
        (["--dry-run", "--now", "soon"], "argument --now: 'soon' is not an RFC 3339 time; write"),
        (["--now", NOW], "--now is for planning: add --dry-run or --list (or use --local)"),
        (["--detailed-exitcode"], "--detailed-exitcode tells about a plan: add --dry-run"),
        (["-f", "x", "--local", "y"], "-f plans from manifests and --local runs on a folder"),
        (["-f", "x", "--context", "y"], "--kubeconfig and --context name a cluster; -f and"),
        (["--local", "x", "--kubeconfig", "y"], "--kubeconfig and --context name a cluster;"),
        (["--strict"], "--strict is for manifests: add -f PATH"),
        (["--against", "cluster"], "--against is for manifests: add -f PATH"),
        (["-f", "x", "--dry-run=server"], "--dry-run=server asks an API server; with -f and"),
        (["--linger", "5", "--dry-run"], "--linger waits for instants to come; it makes no sense"),
        (["--default-starting-deadline", "1 h"], "argument --default-starting-deadline: '1 h' is"),
        (["--kubeconfig", "/absent"], "the kubeconfig /absent does not exist"),
    ],
)
def test_bad_usage_is_told_with_what_would_do(run: Run, flags: list[str], message: str) -> None:
    ran = run(*flags)
    assert (ran.code, ran.out) == (64, "")
    assert ran.err.startswith(f"cnat-reconcile: {message}")
    assert ran.err.endswith("\nSee 'cnat-reconcile --help'.\n")
    assert ran.err.count("\n") == 2


def test_a_kubeconfig_that_is_none_is_told_in_one_line(run: Run, tmp_path: Path) -> None:
    (tmp_path / "k").write_text("a: [\n")
    ran = run("--kubeconfig", tmp_path / "k")
    assert ran.code == 64
    assert ran.err.count("\n") == 2


def test_an_unknown_context_is_told_with_those_there_are(
    run: Run, control_plane: ControlPlane
) -> None:
    ran = run("--kubeconfig", control_plane.kubeconfig, "--context", "absent")
    assert ran.code == 64
    assert "there is no context 'absent' in " in ran.err
    assert "only cnat" in ran.err


@pytest.mark.parametrize(("flag", "words"), [("--help", "exit codes:"), ("--version", __version__)])
def test_help_is_help(flag: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        command.main([flag])
    assert exit_.value.code == 0
    assert words in capsys.readouterr().out


def test_the_help_fits_a_screen_and_has_three_examples(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.main(["--help"])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 50
    assert max(map(len, lines)) <= 100
    assert sum(line.startswith("  cnat-reconcile -") for line in lines) == 3


# What is wrong with the cluster


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.mark.usefixtures("nowhere")
def test_no_cluster_at_all_is_told_with_what_to_give(run: Run) -> None:
    ran = run()
    assert (ran.code, ran.out) == (69, "")
    assert ran.err.startswith("cnat-reconcile: no cluster is configured: ")
    assert ran.err.endswith("plan without a cluster by -f FILE\n")


@pytest.fixture
def dead(tmp_path: Path) -> Path:
    """The kubeconfig of a server that isn't there any longer."""
    with FakeServer().served() as url:
        return kubeconfig(tmp_path / "dead", url)


def test_a_server_that_is_not_there_is_told(run: Run, dead: Path) -> None:
    ran = run("--kubeconfig", dead, "--timeout", "5")
    assert (ran.code, ran.out) == (69, "")
    assert re.fullmatch(
        r"cnat-reconcile: cannot reach http\S+: .*Connection refused; is that the cluster .*\n",
        ran.err,
    )


def test_a_traceback_is_for_those_who_ask(run: Run, dead: Path) -> None:
    assert "Traceback" not in run("--kubeconfig", dead, "--timeout", "0.1").err
    assert "Traceback" in run("--kubeconfig", dead, "--timeout", "0.1", "-v").err


def test_a_token_that_is_not_accepted_is_told(
    run: Run, control_plane: ControlPlane, tmp_path: Path
) -> None:
    wrong = control_plane.kubeconfig_for("wrong", path=tmp_path / "k")
    ran = run("--kubeconfig", wrong)
    assert (ran.code, ran.out) == (77, "")
    assert ran.err == (
        "cnat-reconcile: the API server does not accept the credentials (Unauthorized); "
        "log in again, or give another --kubeconfig or --context\n"
    )


def account(sandbox: RealSandbox, path: Path) -> Path:
    """The kubeconfig of the namespace's service account, to which nothing is allowed."""
    accounts = f"{sandbox.core}/serviceaccounts/default/token"
    token = sandbox.request("POST", accounts, {"spec": {}})["status"]["token"]
    return sandbox.control_plane.kubeconfig_for(token, path=path)


def test_what_is_not_permitted_is_told(run: Run, real_sandbox: RealSandbox, tmp_path: Path) -> None:
    ran = run("--kubeconfig", account(real_sandbox, tmp_path / "k"))
    assert (ran.code, ran.out) == (77, "")
    assert ran.err.startswith("cnat-reconcile: pods is forbidden: User ")
    assert ran.err.endswith("; see kustomize/rbac for the permissions needed\n")


def test_a_write_that_is_not_permitted_fails_only_what_needs_it(
    run: Run, real_sandbox: RealSandbox, tmp_path: Path
) -> None:
    rules = [{"apiGroups": ["*"], "resources": ["ats", "pods"], "verbs": ["get", "list"]}]
    name, rbac = (
        "readonly",
        f"/apis/rbac.authorization.k8s.io/v1/namespaces/{real_sandbox.namespace}",
    )
    real_sandbox.request("POST", f"{rbac}/roles", {"metadata": {"name": name}, "rules": rules})
    subject = {"kind": "ServiceAccount", "name": "default", "namespace": real_sandbox.namespace}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name}
    binding = {"metadata": {"name": name}, "roleRef": role, "subjects": [subject]}
    real_sandbox.request("POST", f"{rbac}/rolebindings", binding)
    real_sandbox.apply(at())
    ran = run("--kubeconfig", account(real_sandbox, tmp_path / "k"), "-n", real_sandbox.namespace)
    assert ran.code == 1
    assert "cannot set status: Forbidden: ats" in ran.err
    assert ran.out.endswith(": 1 failed\n")


def test_a_cluster_without_the_crd_is_told(on: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    # To ask for a group that this API server doesn't have is to ask one that lacks ours.
    monkeypatch.setattr("cnat.cluster.live._ATS", "/apis/absent.example.com/v1alpha1")
    ran = on()
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == (
        "cnat-reconcile: the cluster does not know Ats; install the CRD: "
        "kubectl apply -k kustomize/crd (or, if cnat was removed for good and Pods of its Ats are "
        "still held, run this once with the right to get customresourcedefinitions)\n"
    )


def answered(run: Run, tmp_path: Path, *answers: Answer, flags: tuple[str, ...] = ()) -> Ran:
    """A pass against prepared answers."""
    with FakeServer(*answers).served() as url:
        return run("--kubeconfig", kubeconfig(tmp_path / "k", url), *flags)


def test_a_share_is_asked_for_by_each_list_of_ats(run: Run, tmp_path: Path) -> None:
    fake_server = FakeServer(*[page()] * 4)  # A pass lists Pods, rows (there are none) and Ats.
    with fake_server.served() as url:
        flags = ("--kubeconfig", kubeconfig(tmp_path / "k", url), "--shard=1/2")
        assert run(*flags).code == run(*flags, "--list").code == 0
    asked = [each.query.get("shardSelector") for each in fake_server.asked]
    assert asked == [None, *[Shard(1, 2).selector] * (len(asked) - 1)]


def test_a_server_that_is_no_api_server_is_told(run: Run, tmp_path: Path) -> None:
    ran = answered(run, tmp_path, Answer("<html>", 404))
    assert (ran.code, ran.out) == (69, "")
    assert "is no Kubernetes API server: its answer to GET /api/v1/pods is HTTP 404" in ran.err


def test_a_server_that_is_overloaded_is_told(run: Run, tmp_path: Path) -> None:
    busy = Answer(status(503, "ServiceUnavailable", "etcd is down").body, 503, {"Retry-After": "0"})
    ran = answered(run, tmp_path, *[busy] * 5)
    assert ran.code == 69
    assert ran.err == "cnat-reconcile: the API server can't answer: etcd is down; try again later\n"


def test_a_server_that_wants_to_be_asked_after_the_deadline_is_told(
    run: Run, tmp_path: Path
) -> None:
    busy = Answer(status(429, "TooManyRequests", "slow down").body, 429, {"Retry-After": "3600"})
    ran = answered(run, tmp_path, busy)
    assert ran.code == 69
    assert ran.err == (
        "cnat-reconcile: the pass ran out of time: slow down; nothing was changed, the next pass "
        "goes on (--timeout gives one longer)\n"
    )


def test_another_refusal_of_the_lists_is_told(run: Run, tmp_path: Path) -> None:
    ran = answered(run, tmp_path, status(400, "BadRequest", "unable to parse"))
    assert ran.code == 1
    assert ran.err.startswith(
        "cnat-reconcile: the API server refuses to list Ats and Pods: unable to parse; its log"
    )


def test_a_bug_is_told_and_not_shown(run: Run, tmp_path: Path) -> None:
    garbage = Answer({"metadata": {}, "items": [7]})
    ran = answered(run, tmp_path, garbage)
    assert (ran.code, ran.out) == (1, "")
    assert re.fullmatch(
        r"cnat-reconcile: \w+Error: .* \(this is a bug; please report it .*\n", ran.err
    )
    assert "Traceback" in answered(run, tmp_path, garbage, flags=("-v",)).err


def test_a_list_that_breaks_off_fails_the_pass_after_what_was_read_is_done(
    run: Run, tmp_path: Path
) -> None:
    gone = status(410, "Expired", "too old")
    ran = answered(
        run, tmp_path, page(), page("suspended", token="more"), gone, flags=("--dry-run",)
    )
    assert ran.code == 1
    assert "cannot list: Expired: too old" in ran.out


# Signals


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_pass_before_its_next_request(
    tmp_path: Path, number: signal.Signals
) -> None:
    asked, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        asked.set()
        go_on.wait(60)

    fake_server = FakeServer(Answer(page(token="more").body, hold=hold))
    with fake_server.served() as url:
        process = spawned("--kubeconfig", kubeconfig(tmp_path / "k", url))
        assert asked.wait(60)
        process.send_signal(number)
        go_on.set()
        ran = ended(process)
    assert (ran.code, ran.out) == (69, "")
    assert ran.err == (
        "cnat-reconcile: the pass had to end before this request; nothing was changed, the next "
        "pass goes on (--timeout gives one longer)\n"
    )


def test_after_a_signal_what_is_in_flight_is_finished_and_the_rest_is_left(tmp_path: Path) -> None:
    asked, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        asked.set()
        go_on.wait(60)

    created = Answer({"metadata": {"name": "x", "namespace": "default"}}, hold=hold)
    ats = page("one", "two")  # Objects where a Table was asked for, and then once more.
    with FakeServer(page(), ats, ats, created).served() as url:
        process = spawned("--kubeconfig", kubeconfig(tmp_path / "k", url), "--concurrency", "1")
        assert asked.wait(60)
        process.send_signal(signal.SIGTERM)
        go_on.set()
        ran = ended(process)
    assert ran.code == 1
    assert ran.out.endswith(": 1 start, 2 deferred to the next pass, out of time\n")


def test_a_second_signal_waits_for_nothing(tmp_path: Path) -> None:
    asked, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        asked.set()
        go_on.wait(60)

    with FakeServer(Answer(page().body, hold=hold)).served() as url:
        process = spawned("--kubeconfig", kubeconfig(tmp_path / "k", url))
        assert asked.wait(60)
        while process.poll() is None:  # Two that arrive together count as one.
            process.send_signal(signal.SIGTERM)
        go_on.set()
    assert ended(process).code == -signal.SIGTERM


# The other ways to call it


def test_it_is_a_module_too() -> None:
    command = [sys.executable, "-m", "cnat", "--version"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == f"cnat {__version__}\n"
