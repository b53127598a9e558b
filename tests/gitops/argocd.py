"""Argo CD as it is: application-controller, repo-server, Redis, a Git repository in a folder."""

from __future__ import annotations

import base64
import json
import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from tests.gitops import crds
from tests.gitops.tool import Manifest, Team, Verdict
from tests.install.overlay import KUSTOMIZE
from tests.support.controlplane.loopback import free_ports
from tests.support.controlplane.process import Processes
from tests.support.controlplane.server import ControlPlane
from tests.support.sandbox import RealSandbox

_NAMESPACE = "argocd"
_MERGE = "application/merge-patch+json"
_HEALTH = "resource.customizations.health.cnat.programming-kubernetes.info_At"

HEALTH = (KUSTOMIZE / "components/argocd-health/health.lua").read_text()
NEEDS = ("redis-server", "git")


def missing() -> list[str]:
    """What of the system's own is not there."""
    return [command for command in NEEDS if not shutil.which(command)]


class ArgoCD:
    """A running Argo CD.

    Args:
        folder: where the repositories are.
    """

    def __init__(self, control_plane: ControlPlane, folder: Path) -> None:
        self.control_plane = control_plane
        self.folder = folder

    @classmethod
    @contextmanager
    def running(cls, control_plane: ControlPlane, built: Path, folder: Path) -> Iterator[ArgoCD]:
        """Start it beside a control plane; nothing is left of it when the block ends."""
        crds.install(
            control_plane, (yaml.safe_load(crd.read_text()) for crd in built.glob("*.yaml"))
        )
        settings = yaml.safe_dump_all(_settings(control_plane))
        control_plane.kubectl("apply", "--filename=-", input=settings)
        for name in ("repositories", "logs", "ssh", "tls", "tmp", "bin"):
            (folder / name).mkdir(parents=True)
        # repo-server calls the kustomize on PATH; kubectl has one built in.
        kustomize = folder / "bin/kustomize"
        kustomize.write_text(
            f'#!/bin/sh\nshift\nexec {control_plane.assets}/kubectl kustomize "$@"\n'
        )
        kustomize.chmod(0o755)
        environ = {
            **os.environ,
            "KUBECONFIG": str(control_plane.kubeconfig),
            "HOME": str(folder),
            "TMPDIR": str(folder / "tmp"),
            "PATH": f"{kustomize.parent}{os.pathsep}{os.environ['PATH']}",
            "ARGOCD_GPG_ENABLED": "false",
            "ARGOCD_SSH_DATA_PATH": str(folder / "ssh"),
            "ARGOCD_TLS_DATA_PATH": str(folder / "tls"),
        }
        redis, repo, *metrics = free_ports(4)
        redis_server = shutil.which("redis-server")
        assert redis_server
        with Processes(folder / "logs") as processes:
            address = f"--redis=127.0.0.1:{redis}"
            local = ["--port", str(redis), "--bind", "127.0.0.1", "--dir", str(folder)]
            processes.start(Path(redis_server), [*local, "--save", "", "--appendonly", "no"])
            repo_server = [
                "--disable-tls",
                "--address=127.0.0.1",
                f"--port={repo}",
                "--metrics-address=127.0.0.1",
                f"--metrics-port={metrics[0]}",
                address,
            ]
            processes.start(built / "argocd-repo-server", repo_server, environ)
            controller = [
                f"--namespace={_NAMESPACE}",
                "--application-namespaces=*",
                f"--repo-server=127.0.0.1:{repo}",
                "--repo-server-plaintext",
                f"--metrics-port={metrics[1]}",
                address,
            ]
            processes.start(built / "argocd-application-controller", controller, environ)
            yield cls(control_plane, folder / "repositories")
            processes.check()

    def configure(self, **data: str) -> None:
        """Change the ConfigMap argocd-cm, which Argo CD follows."""
        patch = json.dumps({"data": data})
        where = f"--namespace={_NAMESPACE}"
        self.control_plane.kubectl("patch", "configmap", "argocd-cm", where, f"--patch={patch}")

    def set_health(self, lua: str) -> None:
        """Have it judge Ats by another script than the one that ships."""
        self.configure(**{_HEALTH: lua})

    def team(self, sandbox: RealSandbox) -> ArgoCDTeam:
        return ArgoCDTeam(self, sandbox)


class ArgoCDTeam(Team):
    """A repository, and the Application that follows it, in the team's namespace."""

    tool = "argocd"
    prunes_crds = False

    def __init__(self, argocd: ArgoCD, sandbox: RealSandbox) -> None:
        super().__init__(sandbox)
        namespaced = f"/apis/argoproj.io/v1alpha1/namespaces/{sandbox.namespace}"
        self._applications = f"{namespaced}/applications"
        self._path = f"{self._applications}/team"
        self._revision = ""
        self.repository = argocd.folder / sandbox.namespace
        self.repository.mkdir()
        self._git("init", "--quiet", "--initial-branch=main")
        self._spec = {
            "project": "default",
            "source": {
                "repoURL": f"file://{self.repository}",
                "path": ".",
                "targetRevision": "main",
            },
            "destination": {
                "server": argocd.control_plane.server,
                "namespace": sandbox.namespace,
            },
            "syncPolicy": {
                "automated": {"prune": True, "selfHeal": True},
                # By default it tries five times more, and takes minutes for that.
                "retry": {"limit": 1, "backoff": {"duration": "1s"}},
            },
        }

    def _git(self, *arguments: str) -> str:
        identity = ["-c", "user.name=team", "-c", "user.email=team@example.com"]
        return subprocess.run(
            ["git", *identity, *arguments],
            cwd=self.repository,
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()

    def _store(self, files: Mapping[str, str]) -> None:
        first = not self._revision
        if not first:
            self._git("rm", "-r", "--quiet", "--ignore-unmatch", ".")
        for name, text in files.items():
            path = self.repository / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        self._git("add", "--all")
        self._git("commit", "--quiet", "--allow-empty", "--message=change")
        self._revision = self._git("rev-parse", "HEAD")
        if first:
            self._create()
        else:
            self.nudge()

    def _create(self) -> None:
        application = {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Application",
            "metadata": {"name": "team"},
            "spec": self._spec,
        }
        self.sandbox.request("POST", self._applications, application)

    def state(self) -> Manifest:
        status: Manifest = self.sandbox.request("GET", self._path).get("status") or {}
        return status

    def look(self) -> tuple[Verdict, str]:
        status = self.state()
        operation = status.get("operationState") or {}
        message = str(operation.get("message", ""))
        if (operation.get("syncResult") or {}).get("revision") != self._revision:
            return Verdict.NONE, message
        if operation["phase"] == "Running":
            return (Verdict.WAITS if "waiting for" in message else Verdict.NONE), message
        if operation["phase"] != "Succeeded":
            return Verdict.RED, message
        sync = status["sync"]
        if (sync["status"], sync.get("revision")) != ("Synced", self._revision):
            return Verdict.NONE, message
        health = (status.get("health") or {}).get("status", "")
        verdicts = {"Healthy": Verdict.GREEN, "Degraded": Verdict.RED, "Progressing": Verdict.WAITS}
        return verdicts.get(health, Verdict.NONE), f"{message}; {health}"

    def nudge(self) -> None:
        patch = {"metadata": {"annotations": {"argocd.argoproj.io/refresh": "normal"}}}
        self.sandbox.request("PATCH", self._path, patch, content_type=_MERGE)

    def has_looked(self) -> bool:
        return "annotations" not in self.sandbox.request("GET", self._path)["metadata"]


def _settings(control_plane: ControlPlane) -> list[Manifest]:
    """What Argo CD's own manifests would have brought, and the cluster that it is to look after."""

    def named(kind: str, name: str, labels: Mapping[str, str] = _PART_OF, **rest: Any) -> Manifest:
        metadata = {"name": name, "namespace": _NAMESPACE, "labels": dict(labels)}
        return {"apiVersion": "v1", "kind": kind, "metadata": metadata, **rest}

    authority = base64.b64encode(control_plane.ca_file.read_bytes()).decode()
    credentials = {"bearerToken": control_plane.token, "tlsClientConfig": {"caData": authority}}
    cluster = {
        "name": "here",
        "server": control_plane.server,
        "config": json.dumps(credentials),
    }
    everything = {
        "sourceRepos": ["*"],
        "sourceNamespaces": ["*"],
        "destinations": [{"namespace": "*", "server": "*"}],
        "clusterResourceWhitelist": [{"group": "*", "kind": "*"}],
    }
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": _NAMESPACE}},
        named("ConfigMap", "argocd-cm", data={_HEALTH: HEALTH}),
        named("ConfigMap", "argocd-rbac-cm", data={}),
        named("ConfigMap", "argocd-cmd-params-cm", data={}),
        named("Secret", "argocd-secret", stringData={"server.secretkey": secrets.token_hex(16)}),
        named("Secret", "argocd-redis", stringData={"auth": ""}),
        named(
            "Secret", "cluster", {"argocd.argoproj.io/secret-type": "cluster"}, stringData=cluster
        ),
        {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "AppProject",
            "metadata": {"name": "default", "namespace": _NAMESPACE},
            "spec": everything,
        },
    ]


_PART_OF = {"app.kubernetes.io/part-of": "argocd"}
