"""The cluster that KUBECONFIG names, as those see it who use cnat there."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable
from itertools import count
from typing import Any, TypeVar

from cnat.core import api
from tests.e2e.disk import Disk, NodeDisk, ReadByPod
from tests.install.overlay import KUSTOMIZE

Manifest = dict[str, Any]
T = TypeVar("T")

NAMESPACE = "cnat-e2e"
SYSTEM = "cnat-system"
IN_SYSTEM = f"--namespace={SYSTEM}"
CRD = f"crd/ats.{api.GROUP}"


class Cluster:
    """cnat on a cluster, a namespace to use it in, and what the node's disk says of it."""

    def __init__(self) -> None:
        """Install nothing yet."""
        self._passes = count()
        self.node = self._ready_node()
        self.disk: Disk = (
            NodeDisk(os.environ["CNAT_NODE_DISK"])
            if "CNAT_NODE_DISK" in os.environ
            else ReadByPod(self.kubectl, self.node)
        )

    def install(self) -> None:
        """As the README says."""
        self.kubectl("apply", f"--kustomize={KUSTOMIZE / 'default'}", IN_SYSTEM)
        self.kubectl("wait", "--for=condition=Established", CRD, "--timeout=60s")
        self.kubectl("create", "namespace", NAMESPACE)

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """What kubectl says, in our namespace unless a later flag names another.

        Fails with its complaint.
        """
        command = ["kubectl", f"--namespace={NAMESPACE}", *arguments]
        result = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
        assert result.returncode == 0, f"{' '.join(command)}: {result.stderr}"
        return result.stdout

    def get(self, *arguments: str) -> Manifest:
        """An object, or a List; empty if it isn't there."""
        found = self.kubectl("get", *arguments, "--output=json", "--ignore-not-found")
        document: Manifest = json.loads(found) if found.strip() else {}
        return document

    def apply(self, manifest: Manifest) -> None:
        """As a user."""
        self.kubectl("apply", "--filename=-", stdin=json.dumps(manifest))

    def status(self, name: str) -> Manifest:
        """Of an At; empty if there is none, or no such At."""
        status: Manifest = self.get("at", name).get("status", {})
        return status

    def pod(self, name: str) -> Manifest:
        """The Pod of an At, by our label; empty if it is gone."""
        pods = self._pods(name)
        return pods[0] if pods else {}

    def holds(self, name: str) -> bool:
        """Whether a Pod of that At waits for us to let go of it."""
        pods = self._pods(name)
        return any(pod["metadata"].get("finalizers") for pod in pods)

    def events(self, name: str) -> list[str]:
        """The reasons of an At's Events."""
        events = self.get("events", f"--field-selector=involvedObject.name={name}")["items"]
        return [event["reason"] for event in events]

    def begin_a_pass(self) -> str:
        """One pass more than the CronJob makes, at once. Return the name of its Job.

        That is cleared away by the CronJob's history limit, as if it were one of its own.
        """
        name = f"pass-{os.getpid()}-{next(self._passes)}"
        self.kubectl("create", "job", name, "--from=cronjob/cnat-reconcile", IN_SYSTEM)
        return name

    def make_a_pass(self) -> None:
        """The same, and wait until it has ended."""
        name = self.begin_a_pass()
        self.kubectl("wait", "--for=condition=Complete", f"job/{name}", IN_SYSTEM, "--timeout=120s")

    def eventually(self, look: Callable[[], T | None], *, within: float = 180.0) -> T:
        """What ``look`` finds, as soon as it is something, while passes go on."""
        end = time.monotonic() + within
        while not (found := look()):
            assert time.monotonic() < end, f"not within {within} seconds: {look}"
            self.make_a_pass()
        return found

    def _pods(self, at: str) -> list[Manifest]:
        pods: list[Manifest] = self.get("pod", f"--selector={api.GROUP}/at={at}").get("items", [])
        return pods

    def _ready_node(self) -> str:
        """The name of the first node that takes Pods."""
        for node in self.get("nodes")["items"]:
            conditions = {each["type"]: each["status"] for each in node["status"]["conditions"]}
            if conditions.get("Ready") == "True" and not node["spec"].get("unschedulable"):
                return str(node["metadata"]["name"])
        raise AssertionError("the cluster has no node that takes Pods")
