"""The kubelet's part in the life of a Pod of ours: its volumes, its environment, its outcome."""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.install import container
from tests.install.image import Image
from tests.support.controlplane.server import ControlPlane

Manifest = dict[str, Any]


class Kubelet:
    """Runs the reconciler's Pods, from our image, one at a time.

    Args:
        uid: what the containers run as, as a platform may choose it.
    """

    def __init__(self, control_plane: ControlPlane, image: Image, uid: int) -> None:
        self._control_plane = control_plane
        self._image = image
        self._uid = uid

    def run(self, pod: Manifest) -> subprocess.CompletedProcess[str]:
        """Run the Pod's one container to its end, report that to the API server, and return it."""
        began = _now()
        (spec,) = pod["spec"]["containers"]
        with tempfile.TemporaryDirectory(prefix="cnat-volumes-") as volumes:
            Path(volumes).chmod(0o755)
            env = self._environment(pod, spec)
            result = container.run(
                [*(spec.get("command") or self._image.entrypoint), *_expanded(spec["args"], env)],
                env=env,
                uid=self._uid,
                mounts={str(self._image.prefix): self._image.prefix}
                | self._mounts(pod, spec, Path(volumes)),
            )
        self._report(pod, began, result.returncode)
        return result

    def _environment(self, pod: Manifest, spec: Manifest) -> dict[str, str]:
        server = urlsplit(self._control_plane.server)
        env = {
            "HOSTNAME": pod["metadata"]["name"],
            # Of the service `kubernetes`, whose address leads nowhere without nodes.
            "KUBERNETES_SERVICE_HOST": str(server.hostname),
            "KUBERNETES_SERVICE_PORT": str(server.port),
        }
        for variable in spec.get("env") or []:
            if "value" in variable:
                env[variable["name"]] = variable["value"]
            else:
                env[variable["name"]] = _field(pod, variable["valueFrom"]["fieldRef"]["fieldPath"])
        return env

    def _mounts(self, pod: Manifest, spec: Manifest, scratch: Path) -> dict[str, Path]:
        sources = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
        mounts = {}
        for mount in spec["volumeMounts"]:
            folder = scratch / mount["name"]
            folder.mkdir()
            for source in sources[mount["name"]]["projected"]["sources"]:
                for name, content in self._projected(pod, source):
                    (folder / name).write_text(content)
            mounts[mount["mountPath"]] = folder
        return mounts

    def _projected(self, pod: Manifest, source: Manifest) -> list[tuple[str, str]]:
        namespace = f"--namespace={pod['metadata']['namespace']}"
        match source:
            case {"serviceAccountToken": {"path": path}}:
                token = self._control_plane.kubectl(
                    "create",
                    "token",
                    pod["spec"]["serviceAccountName"],
                    namespace,
                    "--bound-object-kind=Pod",
                    f"--bound-object-name={pod['metadata']['name']}",
                    f"--bound-object-uid={pod['metadata']['uid']}",
                )
                return [(path, token.stdout.strip())]
            case {"configMap": {"name": name, "items": items}}:
                found = self._control_plane.kubectl(
                    "get", "configmap", name, namespace, "--output=json"
                )
                data = json.loads(found.stdout)["data"]
                return [(item["path"], data[item["key"]]) for item in items]
            case {"downwardAPI": {"items": items}}:
                return [
                    (item["path"], _field(pod, item["fieldRef"]["fieldPath"])) for item in items
                ]
        raise AssertionError(f"a volume that no Pod of ours has: {source}")

    def _report(self, pod: Manifest, began: str, code: int) -> None:
        (spec,) = pod["spec"]["containers"]
        ended = {
            "exitCode": code,
            "reason": "Error" if code else "Completed",
            "startedAt": began,
            "finishedAt": _now(),
        }
        status = {
            "phase": "Failed" if code else "Succeeded",
            "containerStatuses": [
                {
                    "name": spec["name"],
                    "image": spec["image"],
                    "imageID": "",
                    "ready": False,
                    "restartCount": 0,
                    "state": {"terminated": ended},
                }
            ],
        }
        self._control_plane.kubectl(
            "patch",
            "pod",
            pod["metadata"]["name"],
            f"--namespace={pod['metadata']['namespace']}",
            "--subresource=status",
            f"--patch={json.dumps({'status': status})}",
        )


def _field(pod: Manifest, path: str) -> str:
    """A field of the downward API."""
    if subscript := re.fullmatch(r"metadata\.(labels|annotations)\['(.+)'\]", path):
        return str(pod["metadata"][subscript[1]][subscript[2]])
    value: Any = pod
    for part in path.split("."):
        value = value[part]
    return str(value)


def _expanded(arguments: list[str], env: dict[str, str]) -> list[str]:
    """`$(NAME)` in arguments, as the API of Container says."""

    def value(reference: re.Match[str]) -> str:
        return env.get(reference[1], reference[0])

    return [re.sub(r"\$\((\w+)\)", value, argument) for argument in arguments]


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
