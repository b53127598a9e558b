"""Two clusters as their users see them: what the contract suite's scenarios are told in.

A sandbox plays everybody but cnat: the user who applies, edits and deletes, and the kubelet that
reports how Pods do. `reconcile` runs one pass of the real thing.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

from cnat.cluster import live
from cnat.cluster.connect import connect
from cnat.cluster.connection import Connection
from cnat.cluster.deadline import Deadline
from cnat.cluster.protocol import Cluster, NoIndex, Rejected
from cnat.core import api
from cnat.core.at import At
from cnat.core.observed_pod import Pod
from cnat.core.settled import Row
from cnat.core.shard import EVERY_AT, Shard
from cnat.engine.reconcile import reconcile
from cnat.engine.results import Results
from cnat.engine.settings import Settings
from cnat.local.folder import Folder
from cnat.local.store import OBJECTS, LocalCluster
from tests.support.controlplane.server import ControlPlane

Manifest = dict[str, Any]


def at(name: str = "cnrex", *, schedule: str = "2023-05-21T02:00:00Z", **spec: Any) -> Manifest:
    """The smallest At, with further spec fields as given."""
    if "command" not in spec:
        spec.setdefault("containers", [{"name": "shell", "image": "centos:7"}])
    return {
        "apiVersion": api.API_VERSION,
        "kind": api.KIND,
        "metadata": {"name": name},
        "spec": {"schedule": schedule, **spec},
    }


class Sandbox(Protocol):
    """One namespace of a cluster."""

    namespace: str

    def apply(self, manifest: Manifest) -> None: ...
    def delete_at(self, name: str) -> None: ...
    def at(self, name: str) -> Manifest: ...
    def set_at_status(self, name: str, status: Mapping[str, Any] | None) -> None: ...
    def pods(self) -> list[Manifest]: ...
    def events(self) -> list[Manifest]: ...
    def create_pod(self, manifest: Manifest) -> None: ...
    def set_pod_status(self, name: str, status: Mapping[str, Any]) -> None: ...
    def edit_pod(self, name: str, metadata: Mapping[str, Any]) -> None: ...
    def delete_pod(self, name: str) -> None: ...
    def reconcile(self, now: datetime | None = None) -> Results: ...


def run_pass(cluster: Cluster, timeout: float = 30.0) -> Results:
    """One pass, as the command makes it."""
    return reconcile(cluster, Deadline(timeout), Settings(concurrency=4))


def resource_versions(sandbox: Sandbox, *ats: str) -> dict[str, str]:
    """What would differ had anything been written, Events included."""
    objects = [*(sandbox.at(name) for name in ats), *sandbox.pods(), *sandbox.events()]
    return {
        f"{entry.get('kind')}/{entry['metadata']['name']}": entry["metadata"]["resourceVersion"]
        for entry in objects
    }


class EmbeddedSandbox:
    """The embedded store in a folder."""

    namespace = "default"

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def store(self, now: datetime | None = None) -> LocalCluster:
        return LocalCluster(str(self.directory), now=lambda: now or datetime.now(UTC))

    def apply(self, manifest: Manifest) -> None:
        self._file(manifest["metadata"]["name"]).write_text(json.dumps(manifest))
        if problems := self.store().problems:
            raise Rejected(422, "Invalid", str(problems[0]))

    def delete_at(self, name: str) -> None:
        file = self._file(name)
        if not file.exists():
            raise Rejected(404, "NotFound", f"there is no At {name}")
        file.unlink()
        self.store()

    def at(self, name: str) -> Manifest:
        return dict(self.store().at(self.namespace, name))

    def set_at_status(self, name: str, status: Mapping[str, Any] | None) -> None:
        self.store().update_status(At(self.at(name)), status or {})

    def pods(self) -> list[Manifest]:
        """All with our label, those included that a pass doesn't list since they are recorded."""
        list(self.store().pods())  # A round of the garbage collector.
        with self._objects() as objects:
            return [
                dict(each)
                for each in objects.all("Pod")
                if (each["metadata"].get("labels") or {}).get(api.MANAGED_BY)
            ]

    def events(self) -> list[Manifest]:
        with self._objects() as objects:
            return [dict(event) for event in objects.all("Event")]

    def create_pod(self, manifest: Manifest) -> None:
        self.store().create_pod(_placed(manifest, self.namespace))

    def set_pod_status(self, name: str, status: Mapping[str, Any]) -> None:
        self._patch_pod(name, {"status": status})

    def edit_pod(self, name: str, metadata: Mapping[str, Any]) -> None:
        self._patch_pod(name, {"metadata": metadata})

    def _patch_pod(self, name: str, patch: Mapping[str, Any]) -> None:
        with self._objects() as objects:
            found = objects.get(("Pod", self.namespace, name))
            assert found is not None, f"there is no Pod {name}"
            objects.put(merge_patched(found, patch))

    def delete_pod(self, name: str) -> None:
        store = self.store()
        store.delete_pod(Pod.of(store.pod(self.namespace, name)))

    def reconcile(self, now: datetime | None = None) -> Results:
        return run_pass(self.store(now))

    def _file(self, name: str) -> Path:
        return self.directory / f"{name}.yaml"

    @contextmanager
    def _objects(self) -> Iterator[Folder]:
        """What the store keeps, for those who edit it by hand."""
        objects = Folder(self.directory / OBJECTS, read_only=False)
        with objects.locked():
            yield objects


class UnindexedStore(LocalCluster):
    """The embedded store as a server is that answers no tables."""

    def index(self, shard: Shard = EVERY_AT) -> Iterator[list[Row]]:  # noqa: ARG002
        raise NoIndex


class UnindexedSandbox(EmbeddedSandbox):
    """The embedded store, where a pass has to read all Ats whole."""

    def store(self, now: datetime | None = None) -> LocalCluster:
        return UnindexedStore(str(self.directory), now=lambda: now or datetime.now(UTC))


def merge_patched(target: object, patch: object) -> Any:
    """A JSON merge patch (RFC 7386)."""
    if not isinstance(patch, Mapping):
        return patch
    result = dict(target) if isinstance(target, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merge_patched(result.get(name), value)
    return result


class PinnedCluster(live.LiveCluster):
    """The live cluster at a time of the test's choosing."""

    pinned: datetime | None = None

    def now(self) -> datetime:
        return self.pinned or super().now()


class RealSandbox:
    """A namespace on the real control plane.

    Args:
        kubeconfig: the identity that cnat has there; the administrator plays everybody else.
    """

    def __init__(self, control_plane: ControlPlane, namespace: str, kubeconfig: Path) -> None:
        self.control_plane = control_plane
        self.namespace = namespace
        self.kubeconfig = kubeconfig
        self.admin = connect(str(control_plane.kubeconfig), None, 4)

    @classmethod
    @contextmanager
    def opened(
        cls, control_plane: ControlPlane, kubeconfig: Path | None = None
    ) -> Iterator[RealSandbox]:
        """A new namespace, ready for Pods."""
        sandbox = cls(
            control_plane, f"t-{uuid.uuid4().hex[:8]}", kubeconfig or control_plane.kubeconfig
        )
        sandbox.request("POST", "/api/v1/namespaces", {"metadata": {"name": sandbox.namespace}})
        # Its controller would create it too, a little later; no Pod is taken before.
        accounts = f"{sandbox.core}/serviceaccounts"
        sandbox.request("POST", accounts, {"metadata": {"name": "default"}}, accept={409})
        try:
            yield sandbox
        finally:
            sandbox.request("DELETE", f"/api/v1/namespaces/{sandbox.namespace}", accept={404})
            sandbox.admin.close()

    @property
    def core(self) -> str:
        return f"/api/v1/namespaces/{self.namespace}"

    @property
    def ats(self) -> str:
        return f"/apis/{api.GROUP}/{api.VERSION}/namespaces/{self.namespace}/ats"

    def request(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        content_type: str = "application/json",
        accept: frozenset[int] | set[int] = frozenset(),
    ) -> Manifest:
        """One request as the administrator. Codes in `accept` are no errors."""
        headers = self.admin.headers()
        headers["Content-Type"] = content_type
        text = None if body is None else json.dumps(body)
        answer = self.admin.pool.request(method, self.admin.host + path, body=text, headers=headers)
        document: Manifest = answer.json()
        if answer.status >= 300 and answer.status not in accept:
            raise Rejected(answer.status, str(document.get("reason")), str(document.get("message")))
        return document

    def apply(self, manifest: Manifest) -> None:
        path = f"{self.ats}/{manifest['metadata']['name']}"
        self.request(
            "PATCH",
            f"{path}?fieldManager=user&force=true&fieldValidation=Strict",
            manifest,
            content_type="application/apply-patch+yaml; charset=json",
        )

    def delete_at(self, name: str) -> None:
        self.request("DELETE", f"{self.ats}/{name}")

    def at(self, name: str) -> Manifest:
        return self.request("GET", f"{self.ats}/{name}")

    def set_at_status(self, name: str, status: Mapping[str, Any] | None) -> None:
        content_type = "application/merge-patch+json"
        path = f"{self.ats}/{name}/status"
        self.request("PATCH", path, {"status": status}, content_type=content_type)

    def pods(self) -> list[Manifest]:
        selector = quote(api.POD_SELECTOR)
        items: list[Manifest] = self.request("GET", f"{self.core}/pods?labelSelector={selector}")[
            "items"
        ]
        return items

    def events(self) -> list[Manifest]:
        path = f"/apis/events.k8s.io/v1/namespaces/{self.namespace}/events"
        items: list[Manifest] = self.request("GET", path)["items"]
        return [event for event in items if event["regarding"].get("kind") == api.KIND]

    def create_pod(self, manifest: Manifest) -> None:
        self.request("POST", f"{self.core}/pods", _placed(manifest, self.namespace))

    def set_pod_status(self, name: str, status: Mapping[str, Any]) -> None:
        self._patch_pod(f"{name}/status", {"status": dict(status)})

    def edit_pod(self, name: str, metadata: Mapping[str, Any]) -> None:
        self._patch_pod(name, {"metadata": dict(metadata)})

    def _patch_pod(self, path: str, patch: Manifest) -> None:
        content_type = "application/merge-patch+json"
        self.request("PATCH", f"{self.core}/pods/{path}", patch, content_type=content_type)

    def delete_pod(self, name: str) -> None:
        self.request("DELETE", f"{self.core}/pods/{name}")

    def cluster(self, connection: Connection, deadline: Deadline) -> PinnedCluster:
        return PinnedCluster(connection, deadline, namespace=self.namespace, page_size=3)

    def reconcile(self, now: datetime | None = None) -> Results:
        connection = connect(str(self.kubeconfig), None, 4)
        try:
            cluster = self.cluster(connection, Deadline(30.0))
            cluster.pinned = now
            return run_pass(cluster)
        finally:
            connection.close()


def _placed(manifest: Manifest, namespace: str) -> Manifest:
    return {**manifest, "metadata": {**manifest["metadata"], "namespace": namespace}}
