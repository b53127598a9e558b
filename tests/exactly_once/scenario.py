"""A namespace in which one pass makes every kind of write that there is.

What a pass finds, and what it has to do about it, At by At:

- `new`: check its Pod, arm it            - `due`: create, record that it runs
- `suspended`, `missed`: say so           - `waiting`: record why it waits
- `refused`, `refused-start`: say so      - `taken`: find a foreign Pod under the name, say so
- `retried`: record, create another Pod  - `unproved`: record that it isn't retried
- `succeeded`, `failed`: record, release  - `brief`: the same, and delete the Pod
- `edited`: the same, and start the next  - `rearmed`: start the second run
- `lost`: look for the Pod, say it's gone - `put-back`: recognise the first run
- `deleted`: release the Pod that is left of it
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cnat.core import pod
from cnat.core.at import At
from tests.support.sandbox import Manifest, RealSandbox, at

DUE = "2023-05-21T02:00:00Z"
LATER = "2024-05-21T02:00:00Z"
FUTURE = "2999-01-01T00:00:00Z"
FINISHED = "2026-01-01T00:00:07Z"
_INSTANTS = (DUE, LATER, FUTURE)
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")
_VOLATILE = ("resourceVersion", "managedFields")

_POLICIES = {"retried": "Failed", "unproved": "NotStarted"}
_STARTED = ("brief", "deleted", "edited", "failed", "lost", "succeeded", "waiting", *_POLICIES)
_RECORDED = ("put-back", "rearmed")


def ended(code: int) -> Manifest:
    """The status that a kubelet gives to a Pod whose container has ended."""
    terminated = {
        "exitCode": code,
        "reason": "Error" if code else "Completed",
        "startedAt": "2026-01-01T00:00:00Z",
        "finishedAt": FINISHED,
    }
    container = {
        "name": "shell",
        "image": "i",
        "imageID": "",
        "ready": False,
        "restartCount": 0,
        "state": {"terminated": terminated},
    }
    return {"phase": "Failed" if code else "Succeeded", "containerStatuses": [container]}


WAITING: Manifest = {
    "phase": "Pending",
    "containerStatuses": [
        {
            "name": "shell",
            "image": "i",
            "imageID": "",
            "ready": False,
            "restartCount": 0,
            "state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}},
        }
    ],
}


@dataclass(frozen=True)
class Scenario:
    """The prepared namespace.

    Attributes:
        ats: all Ats that it has or had, by name, as they were before the pass.
        foreign: the Pod that isn't ours, as it was.
    """

    sandbox: RealSandbox
    ats: Mapping[str, Manifest]
    foreign: Manifest

    @classmethod
    def prepared(cls, sandbox: RealSandbox) -> Scenario:
        """Bring a new namespace to where the pass under test finds it."""
        for name in (*_RECORDED, *_STARTED):
            policy = {"retryPolicy": _POLICIES[name]} if name in _POLICIES else {}
            sandbox.apply(at(name, **policy))
        sandbox.reconcile()
        runs = {entry["metadata"]["name"].rpartition("-")[0]: entry for entry in sandbox.pods()}
        pods = {name: entry["metadata"]["name"] for name, entry in runs.items()}
        for name in _RECORDED:
            sandbox.set_pod_status(pods[name], ended(0))
        sandbox.apply(at("put-back", schedule=FUTURE))
        sandbox.reconcile()

        for name in ("brief", "edited", "succeeded"):
            sandbox.set_pod_status(pods[name], ended(0))
        for name in ("failed", *_POLICIES):
            sandbox.set_pod_status(pods[name], ended(3))
        sandbox.set_pod_status(pods["waiting"], WAITING)
        sandbox.edit_pod(pods["lost"], {"finalizers": None})
        sandbox.delete_pod(pods["lost"])

        sandbox.apply(at("brief", ttlSecondsAfterFinished=0))
        for name in ("edited", "rearmed"):
            sandbox.apply(at(name, schedule=LATER))
        sandbox.apply(at("put-back"))
        sandbox.apply(at("new", schedule=FUTURE))
        sandbox.apply(at("due"))
        sandbox.apply(at("missed", startingDeadlineSeconds=0))
        sandbox.apply(at("suspended", suspend=True))
        sandbox.apply(at("refused", schedule=FUTURE, containers=[{"name": "shell"}] * 2))
        sandbox.apply(at("refused-start", containers=[{"name": "shell"}] * 2))
        sandbox.apply(at("taken"))
        foreign = run_name(sandbox.at("taken"), DUE)
        sandbox.create_pod(
            {
                "metadata": {"name": foreign},
                "spec": {"containers": [{"name": "other", "image": "other"}]},
            }
        )

        ats = {entry["metadata"]["name"]: entry for entry in all_ats(sandbox)}
        sandbox.delete_at("deleted")
        sandbox.delete_pod(pods["deleted"])  # The garbage collector would, some time.
        return cls(sandbox, ats, a_pod(sandbox, foreign))

    def runs(self, created: Counter[str]) -> dict[str, int]:
        """How often a Pod was created for each attempt, named `AT INSTANT`, the second `again`."""
        counts = {self._named(json.dumps(name)).strip('"'): n for name, n in created.items()}
        return dict(sorted(counts.items()))

    def state(self) -> Manifest:
        """All that is there now, but for names with hashes in them, and times that vary."""
        ats = {
            entry["metadata"]["name"]: self._constant(entry.get("status"))
            for entry in all_ats(self.sandbox)
        }
        pods = {}
        for entry in all_pods(self.sandbox):
            metadata = entry["metadata"]
            kept = {
                "finalizers": metadata.get("finalizers"),
                "deleted": "deletionTimestamp" in metadata,
                "phase": entry["status"]["phase"],
            }
            pods[self._constant(metadata["name"])] = kept
        return {"ats": ats, "pods": pods}

    def touched(self) -> list[str]:
        """What a pass may not touch and has: Ats but for their status, foreign Pods."""
        now = {entry["metadata"]["name"]: entry for entry in all_ats(self.sandbox)}
        changed = [
            name
            for name, before in self.ats.items()
            if name in now and _untouchable(now[name]) != _untouchable(before)
        ]
        foreign = str(self.foreign["metadata"]["name"])
        return changed + [foreign] * (a_pod(self.sandbox, foreign) != self.foreign)

    def _constant(self, value: object) -> Any:
        text = self._named(json.dumps(value))
        return json.loads(_TIME.sub(_constant_time, text))

    def _named(self, text: str) -> str:
        for name, manifest in self.ats.items():
            for instant in _INSTANTS:
                text = text.replace(run_name(manifest, instant), f"{name} {instant}")
                text = text.replace(run_name(manifest, instant, 2), f"{name} {instant} again")
        return text


def run_name(manifest: Manifest, instant: str, attempt: int = 1) -> str:
    """The name of the Pod of a run."""
    return pod.name(At(manifest), datetime.fromisoformat(instant).astimezone(UTC), attempt)


def all_ats(sandbox: RealSandbox) -> list[Manifest]:
    items: list[Manifest] = sandbox.request("GET", sandbox.ats)["items"]
    return items


def all_pods(sandbox: RealSandbox) -> list[Manifest]:
    """Foreign ones too."""
    items: list[Manifest] = sandbox.request("GET", f"{sandbox.core}/pods")["items"]
    return items


def a_pod(sandbox: RealSandbox, name: str) -> Manifest:
    return sandbox.request("GET", f"{sandbox.core}/pods/{name}")


def _untouchable(manifest: Manifest) -> Manifest:
    metadata = {k: v for k, v in manifest["metadata"].items() if k not in _VOLATILE}
    return {"metadata": metadata, "spec": manifest["spec"]}


def _constant_time(found: re.Match[str]) -> str:
    return found[0] if found[0] in {*_INSTANTS, FINISHED} else "<time>"
