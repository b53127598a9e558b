"""The first sample on the embedded store, step by step, for a person: `make demo`.

The embedded store has no kubelet, so this plays it: it runs the Pod's command on this machine and
reports how it ended. cnat itself never runs anything.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from cnat.core.schedule import rfc3339
from tests.support.sandbox import EmbeddedSandbox

ROOT = Path(__file__).parents[2]
SAMPLE = Path("kustomize/samples/at_cnrex.yaml")
STORE = Path(".demo")


def main() -> None:
    shutil.rmtree(ROOT / STORE, ignore_errors=True)
    (ROOT / STORE).mkdir()
    _say("A folder stands in for the cluster; applying an At is copying it there.")
    _show(f"cp {SAMPLE} {STORE}/")
    shutil.copy(ROOT / SAMPLE, ROOT / STORE)
    _show(f"cat {STORE}/{SAMPLE.name}")
    print((ROOT / STORE / SAMPLE.name).read_text().rstrip())
    _say("What would a pass do?")
    _reconcile("--dry-run")
    _say("The pass: the instant has come, so the Pod is created.")
    _reconcile()
    sandbox = EmbeddedSandbox(ROOT / STORE)
    (pod,) = sandbox.pods()
    shown = {key: pod["metadata"][key] for key in ("name", "labels", "finalizers")}
    print(yaml.safe_dump({"metadata": shown, "spec": pod["spec"]}, sort_keys=False).rstrip())
    _say("The kubelet's part, played by this demo on this machine:")
    sandbox.set_pod_status(pod["metadata"]["name"], _run(pod["spec"]["containers"][0]))
    _say("The next pass records the outcome and releases the Pod.")
    _reconcile()
    status = sandbox.at("cnrex")["status"]
    print(yaml.safe_dump({"status": status}, sort_keys=False).rstrip())
    _say("And the one after has nothing left to do.")
    _reconcile()


def _run(container: dict[str, Any]) -> dict[str, Any]:
    """Run a container's command, as its kubelet would from `/`, and answer the Pod's status."""
    began = datetime.now(UTC)
    print(f"$ cd / && {shlex.join(container['command'])}", flush=True)
    code = subprocess.run(container["command"], cwd="/", check=False).returncode
    ended = {
        "exitCode": code,
        "reason": "Error" if code else "Completed",
        "startedAt": rfc3339(began.replace(microsecond=0)),
        "finishedAt": rfc3339(datetime.now(UTC).replace(microsecond=0)),
    }
    statuses = [{"name": container["name"], "state": {"terminated": ended}}]
    return {"phase": "Failed" if code else "Succeeded", "containerStatuses": statuses}


def _reconcile(*flags: str) -> None:
    arguments = ["reconcile.py", "--local", str(STORE), *flags]
    _show(f"python {' '.join(arguments)}")
    subprocess.run([sys.executable, *arguments], cwd=ROOT, check=True)


def _say(text: str) -> None:
    print(f"\n# {text}")


def _show(command: str) -> None:
    print(f"$ {command}", flush=True)


if __name__ == "__main__":
    main()
