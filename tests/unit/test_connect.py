"""Finding the cluster that kubectl would talk to, and saying why it can't be found."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import pytest

from cnat.cluster.connect import NotConfigured, connect
from tests.support.fake_server import kubeconfig
from tests.support.sandbox import RealSandbox


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An environment in which no cluster is configured, and its empty home."""
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def host(file: Path | None = None, context: str | None = None) -> str:
    return connect(str(file) if file else None, context, 1).host


def test_a_named_kubeconfig_comes_first(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kubeconfig(nowhere / ".kube/config", "https://home")
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig(nowhere / "env", "https://env")))
    assert host(kubeconfig(nowhere / "flag", "https://flag")) == "https://flag"
    assert host() == "https://env"
    monkeypatch.delenv("KUBECONFIG")
    assert host() == "https://home"


def test_several_kubeconfigs_are_one(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [
        kubeconfig(nowhere / "one", "https://one", "first"),
        kubeconfig(nowhere / "two", "https://two", "second"),
    ]
    files[1].write_text(files[1].read_text().replace('"c"', '"d"'))
    monkeypatch.setenv("KUBECONFIG", ":".join(map(str, files)))
    assert host() == "https://one"
    assert host(context="second") == "https://two"
    with pytest.raises(NotConfigured, match=r"no context 'third' in .*, only first, second$"):
        host(context="third")


@pytest.mark.usefixtures("nowhere")
def test_nothing_configured_says_what_to_give() -> None:
    with pytest.raises(NotConfigured, match=r"no cluster is configured: .* give --kubeconfig"):
        host()


def test_an_absent_kubeconfig_is_named(nowhere: Path) -> None:
    with pytest.raises(NotConfigured, match=r"^the kubeconfig .*/absent does not exist$"):
        host(nowhere / "absent")


def test_an_absent_context_is_told_with_those_there_are(nowhere: Path) -> None:
    with pytest.raises(NotConfigured, match=r"there is no context 'there' in .*, only here$"):
        host(kubeconfig(nowhere / "k"), "there")


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"a: [", b"\xff", b"{}", b"contexts: 7", b"current-context: here"]
)
def test_a_kubeconfig_that_is_none_is_named(nowhere: Path, content: bytes) -> None:
    path = nowhere / "k"
    path.write_bytes(content)
    with pytest.raises(NotConfigured, match=rf"^the kubeconfig {path} can't be used: "):
        host(path)


def test_a_folder_is_no_kubeconfig(nowhere: Path) -> None:
    with pytest.raises(NotConfigured, match=r"can't be used: .*directory"):
        host(nowhere)


@pytest.mark.usefixtures("nowhere")
def test_a_pod_without_credentials_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    with pytest.raises(NotConfigured, match="the in-cluster configuration can't be used"):
        host()


# The user of a context


def plugin(command: str, *arguments: str, **more: str) -> dict[str, object]:
    """A user who logs in by that program."""
    version = "client.authentication.k8s.io/v1"
    entry = {"apiVersion": version, "command": command, "args": list(arguments), **more}
    return {"exec": {**entry, "interactiveMode": "Never"}}


def test_an_absent_user_is_named(nowhere: Path) -> None:
    path = kubeconfig(nowhere / "k")
    path.write_text(path.read_text().replace('"users": [{"name": "u"', '"users": [{"name": "v"'))
    wanted = rf"^the context 'here' logs in as the user 'u', who is not in {path}; add that user"
    with pytest.raises(NotConfigured, match=wanted):
        host(path)


def test_a_context_may_do_without_a_user(nowhere: Path) -> None:
    path = kubeconfig(nowhere / "k")
    path.write_text(path.read_text().replace(', "user": "u"', ""))
    assert host(path) == "https://example.com"


def test_the_user_may_be_in_another_file(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context, user = nowhere / "context", kubeconfig(nowhere / "user")
    context.write_text(user.read_text().replace('"name": "u"', '"name": "v"'))
    monkeypatch.setenv("KUBECONFIG", f"{context}:{user}")
    assert connect(None, None, 1).headers()["authorization"] == "Bearer secret"


def test_an_absent_plugin_is_named_and_how_to_get_it(nowhere: Path) -> None:
    path = kubeconfig(nowhere / "k", user=plugin("absent-login", installHint="see\nexample.com"))
    wanted = (
        rf"^there is no program 'absent-login', by which the user 'u' of the kubeconfig {path} "
        r"logs in; install it: see example\.com, or choose another --context$"
    )
    with pytest.raises(NotConfigured, match=wanted):
        host(path)


def test_a_plugin_that_fails_is_named(nowhere: Path) -> None:
    path = kubeconfig(nowhere / "k", user=plugin("/bin/sh", "-c", "echo no session >&2; exit 1"))
    wanted = rf"^the program '/bin/sh', by which the user 'u' of the kubeconfig {path} logs in, "
    with pytest.raises(NotConfigured, match=wanted):
        host(path)


# In the name of another


def who_am_i(sandbox: RealSandbox, path: Path, user: Mapping[str, object]) -> dict[str, object]:
    """As whom the API server sees that user of a kubeconfig."""
    document = json.loads(sandbox.control_plane.kubeconfig.read_text())
    document["users"][0]["user"].update(user)
    path.write_text(json.dumps(document))
    with closing(connect(str(path), None, 1)) as connection:
        review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        url = f"{connection.host}/apis/authentication.k8s.io/v1/selfsubjectreviews"
        headers = connection.headers()
        headers["Content-Type"] = "application/json"
        answer = connection.pool.request("POST", url, body=json.dumps(review), headers=headers)
    found: dict[str, object] = answer.json()["status"]["userInfo"]
    return found


def test_who_acts_in_the_name_of_another_has_the_rights_of_that_one(
    real_sandbox: RealSandbox, tmp_path: Path
) -> None:
    user = {
        "as": "jané",
        "as-uid": "42",
        "as-groups": ["dev", "ops"],
        "as-user-extra": {"example.com/reason": ["why", "how"]},
    }
    assert who_am_i(real_sandbox, tmp_path / "k", user) == {
        "username": "jané",
        "uid": "42",
        "groups": ["dev", "ops", "system:authenticated"],
        "extra": {"example.com/reason": ["why", "how"]},
    }
