"""Who a request says that it is from, while tokens come and go."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from kubernetes.config import incluster_config

from cnat import __version__
from cnat.cluster import boot_clock
from cnat.cluster.connect import connect
from cnat.cluster.connection import Connection
from tests.support.fake_server import kubeconfig


class Time:
    """The one clock of a test."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seconds = 1e6
        monkeypatch.setattr(boot_clock, "now", lambda: self.seconds)


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    return Time(monkeypatch)


def connected(file: Path | None = None) -> Connection:
    return connect(str(file) if file else None, None, 1)


def test_a_request_says_by_which_program_and_for_whom_it_is_sent(tmp_path: Path) -> None:
    headers = connected(kubeconfig(tmp_path / "k")).headers()
    assert dict(headers) == {"User-Agent": f"cnat/{__version__}", "authorization": "Bearer secret"}


def test_who_has_no_token_sends_none(tmp_path: Path) -> None:
    assert "authorization" not in connected(kubeconfig(tmp_path / "k", user={})).headers()


def test_a_user_may_have_a_password(tmp_path: Path) -> None:
    user = {"username": "jane", "password": "secret"}
    headers = connected(kubeconfig(tmp_path / "k", user=user)).headers()
    assert headers["authorization"] == "Basic amFuZTpzZWNyZXQ="


def counting_plugin(path: Path) -> dict[str, object]:
    """A user whose plugin tells another token each time, none of which lasts."""
    status = {"token": "token-$n", "expirationTimestamp": "2023-05-21T02:00:00Z"}
    version = "client.authentication.k8s.io/v1"
    answer = json.dumps({"kind": "ExecCredential", "apiVersion": version, "status": status})
    script = f"n=$(cat {path}); echo $((n + 1)) >{path}; cat <<END\n{answer}\nEND\n"
    path.write_text("1")
    plugin = {"apiVersion": version, "command": "/bin/sh", "args": ["-c", script]}
    return {"exec": {**plugin, "interactiveMode": "Never"}}


def test_a_token_that_has_expired_is_asked_for_again(tmp_path: Path, time: Time) -> None:
    file = kubeconfig(tmp_path / "k", user=counting_plugin(tmp_path / "count"))
    mine = connected(file)
    first = mine.headers()["authorization"]
    time.seconds += 60.0
    second = mine.headers()["authorization"]
    assert first.startswith("Bearer token-")
    assert second.startswith("Bearer token-")
    assert second != first


def test_a_plugin_is_not_run_for_each_request(tmp_path: Path, time: Time) -> None:
    count = tmp_path / "count"
    mine = connected(kubeconfig(tmp_path / "k", user=counting_plugin(count)))
    mine.headers()
    runs = count.read_text()
    time.seconds += 1.0
    mine.headers()
    assert count.read_text() == runs


def test_the_token_file_of_a_kubeconfig_is_read_again(tmp_path: Path, time: Time) -> None:
    token = tmp_path / "token"
    token.write_text("first")
    mine = connected(kubeconfig(tmp_path / "k", user={"tokenFile": str(token)}))
    assert mine.headers()["authorization"] == "Bearer first"
    token.write_text("second")
    time.seconds += 60.0
    assert mine.headers()["authorization"] == "Bearer second"


def test_a_token_file_that_is_gone_leaves_the_token_that_was_read(
    tmp_path: Path, time: Time
) -> None:
    token = tmp_path / "token"
    token.write_text("first")
    mine = connected(kubeconfig(tmp_path / "k", user={"tokenFile": str(token)}))
    token.unlink()
    time.seconds += 60.0
    assert mine.headers()["authorization"] == "Bearer first"


def test_the_token_file_of_a_pod_is_read_again(
    tmp_path: Path, time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kubelet writes another token into it before the old one expires."""
    token, certificate = tmp_path / "token", tmp_path / "ca.crt"
    token.write_text("first")
    certificate.write_text("any")
    monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", str(token))
    monkeypatch.setattr(incluster_config, "SERVICE_CERT_FILENAME", str(certificate))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("KUBECONFIG", raising=False)
    clock = SimpleNamespace(now=lambda: datetime.fromtimestamp(time.seconds, UTC))
    module = SimpleNamespace(datetime=clock, timedelta=timedelta)
    monkeypatch.setattr(incluster_config, "datetime", module)
    mine = connected()
    assert mine.headers()["authorization"] == "bearer first"
    token.write_text("second")
    time.seconds += 120.0
    assert mine.headers()["authorization"] == "bearer second"


def test_as_many_connections_are_kept_as_there_are_requests_at_once(tmp_path: Path) -> None:
    connection = connect(str(kubeconfig(tmp_path / "k")), None, 7)
    kept = connection.pool.connection_from_url(connection.host).pool
    assert kept is not None
    assert kept.maxsize == 7
