"""Flux's kustomize-controller as it is. What source-controller does for it, which is to serve an
archive of each commit, is played."""

from __future__ import annotations

import hashlib
import http.server
import io
import os
import tarfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from cnat.core.schedule import rfc3339
from tests.gitops import crds
from tests.gitops.tool import Manifest, Team, Verdict
from tests.support.controlplane.process import Processes
from tests.support.controlplane.server import ControlPlane
from tests.support.sandbox import RealSandbox

_SOURCE = "source.toolkit.fluxcd.io"
_KUSTOMIZATION = "kustomize.toolkit.fluxcd.io/v1"
_MERGE = "application/merge-patch+json"


class Flux:
    """A running kustomize-controller.

    Args:
        folder: where the archives are that `url` serves.
    """

    def __init__(self, control_plane: ControlPlane, folder: Path, url: str) -> None:
        self.control_plane = control_plane
        self.folder = folder
        self.url = url

    @classmethod
    @contextmanager
    def running(cls, control_plane: ControlPlane, built: Path, folder: Path) -> Iterator[Flux]:
        """Start it beside a control plane; nothing is left of it when the block ends."""
        manifests = [_source_crd(kind) for kind in _SOURCES]
        manifests += [yaml.safe_load(crd.read_text()) for crd in built.glob("*.yaml")]
        crds.install(control_plane, manifests)
        for name in ("archives", "logs", "tmp"):
            (folder / name).mkdir(parents=True)
        with _served(folder / "archives") as url, Processes(folder / "logs") as processes:
            processes.start(
                built / "kustomize-controller",
                [
                    "--metrics-addr=127.0.0.1:0",
                    "--health-addr=127.0.0.1:0",
                    "--requeue-dependency=1s",
                    "--http-retry=1",
                ],
                {
                    **os.environ,
                    "KUBECONFIG": str(control_plane.kubeconfig),
                    "RUNTIME_NAMESPACE": "default",
                    "TMPDIR": str(folder / "tmp"),
                },
            )
            yield cls(control_plane, folder / "archives", url)
            processes.check()

    def team(self, sandbox: RealSandbox, name: str = "team", **spec: Any) -> FluxTeam:
        """A Kustomization. `spec` adds to what it has, or replaces that."""
        return FluxTeam(self, sandbox, name, spec)


class FluxTeam(Team):
    """A GitRepository and the Kustomization that follows it, in the team's namespace."""

    tool = "flux"
    prunes_crds = True

    def __init__(
        self, flux: Flux, sandbox: RealSandbox, name: str, spec: Mapping[str, Any]
    ) -> None:
        super().__init__(sandbox)
        self._flux = flux
        self.name = name
        self._commits = 0
        self._revision = ""
        self._nudged = ""
        namespace = sandbox.namespace
        self._sources = f"/apis/{_SOURCE}/v1/namespaces/{namespace}/gitrepositories"
        self._kustomizations = f"/apis/{_KUSTOMIZATION}/namespaces/{namespace}/kustomizations"
        source = {"kind": "GitRepository", "name": name}
        self._create(self._sources, f"{_SOURCE}/v1", source["kind"], {"interval": "1h"})
        spec = {
            "interval": "1h",
            "retryInterval": "1h",
            "timeout": "10m",
            "prune": True,
            "wait": True,
            "sourceRef": source,
            **spec,
        }
        self._create(self._kustomizations, _KUSTOMIZATION, "Kustomization", spec)

    def _create(self, path: str, api_version: str, kind: str, spec: Mapping[str, Any]) -> None:
        metadata = {"name": self.name}
        body = {"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": spec}
        self.sandbox.request("POST", path, body)

    def _store(self, files: Mapping[str, str]) -> None:
        self._commits += 1
        archive = _archive(files)
        digest = hashlib.sha256(archive).hexdigest()
        name = f"{self.sandbox.namespace}-{self.name}-{self._commits}.tar.gz"
        (self._flux.folder / name).write_bytes(archive)
        self._revision = f"main@sha1:{self._commits:040x}"
        now = rfc3339(datetime.now(UTC).replace(microsecond=0))
        artifact = {
            "path": name,
            "url": f"{self._flux.url}/{name}",
            "revision": self._revision,
            "digest": f"sha256:{digest}",
            "lastUpdateTime": now,
            "size": len(archive),
        }
        ready = {
            "type": "Ready",
            "status": "True",
            "reason": "Succeeded",
            "message": "stored",
            "lastTransitionTime": now,
        }
        status = {"observedGeneration": 1, "artifact": artifact, "conditions": [ready]}
        path = f"{self._sources}/{self.name}/status"
        self.sandbox.request("PATCH", path, {"status": status}, content_type=_MERGE)

    def state(self) -> Manifest:
        found = self.sandbox.request("GET", f"{self._kustomizations}/{self.name}")
        status: Manifest = found.get("status") or {}
        return status

    def look(self) -> tuple[Verdict, str]:
        status = self.state()
        conditions = {each["type"]: each for each in status.get("conditions") or []}
        ready = conditions.get("Ready", {"status": "Unknown", "reason": "", "message": ""})
        message = str(ready["message"])
        if ready["reason"] == "DependencyNotReady":
            return Verdict.WAITS, message
        if ready["status"] == "Unknown":
            checks = f"Running health checks for revision {self._revision}"
            waits = checks in conditions.get("Reconciling", {"message": ""})["message"]
            return (Verdict.WAITS if waits else Verdict.NONE), message
        if status.get("lastAttemptedRevision") != self._revision:
            return Verdict.NONE, message
        return (Verdict.GREEN if ready["status"] == "True" else Verdict.RED), message

    def nudge(self) -> None:
        self._nudged = f"{time.time()}"
        annotations = {"reconcile.fluxcd.io/requestedAt": self._nudged}
        path = f"{self._kustomizations}/{self.name}"
        patch = {"metadata": {"annotations": annotations}}
        self.sandbox.request("PATCH", path, patch, content_type=_MERGE)

    def has_looked(self) -> bool:
        return bool(self.state().get("lastHandledReconcileAt") == self._nudged)


# All that kustomize-controller watches, or it would not start.
_SOURCES = ("GitRepository", "OCIRepository", "Bucket", "ExternalArtifact")


def _source_crd(kind: str) -> Manifest:
    """As much of source-controller's API as kustomize-controller has to find."""
    plural = kind.lower().removesuffix("y") + ("ies" if kind.endswith("y") else "s")
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "schema": {"openAPIV3Schema": schema},
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{_SOURCE}"},
        "spec": {
            "group": _SOURCE,
            "scope": "Namespaced",
            "names": {"kind": kind, "plural": plural},
            "versions": [version],
        },
    }


def _archive(files: Mapping[str, str]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    return buffer.getvalue()


@contextmanager
def _served(folder: Path) -> Iterator[str]:
    """A folder, on loopback."""

    class Files(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, directory=os.fspath(folder), **options)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Files) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
