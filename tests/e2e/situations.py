"""The situations as a table."""

from __future__ import annotations

from tests.e2e.deeds import (
    IMAGE,
    ONE_SLOT,
    delete_pod,
    delete_pod_at_its_end,
    evict,
    patch,
    preempt,
    resume_now,
)
from tests.e2e.disk import MOUNT
from tests.e2e.situation import Situation, helper, mount, resources, volume

EARLIER = "2023-05-20T02:00:00Z"
LONG = "sleep 300"
SIDECAR = "trap 'exit 0' TERM; while :; do sleep 0.1; done"
STUBBORN = "trap '' TERM; while :; do sleep 1; done"

SITUATIONS: dict[str, Situation] = {
    # its command ends
    "succeeds": Situation(
        "Succeeded", "Completed", ran=1, exit_code=0, events=("Started", "Completed")
    ),
    "fails": Situation(
        "Failed", "Error", ran=1, exit_code=3, events=("Started", "Error"), script="exit 3"
    ),
    "fails-and-says-why": Situation(
        "Failed",
        "Error",
        ran=1,
        exit_code=4,
        message="because of X",
        script="echo because of X > /dev/termination-log; exit 4",
    ),
    "one-of-two-fails": Situation(
        "Failed",
        "Error",
        ran=1,
        exit_code=5,
        script="exit 5",
        spec={"containers": [{"name": "other", "image": IMAGE, "command": ["true"]}]},
    ),
    "succeeds-at-the-third-try": Situation(
        "Succeeded",
        "Completed",
        ran=3,
        exit_code=0,
        script=f"[ $(wc -l < {MOUNT}/succeeds-at-the-third-try) -ge 3 ]",
        spec={"restartPolicy": "OnFailure"},
    ),
    "with-a-sidecar": Situation(
        "Succeeded",
        "Completed",
        ran=1,
        exit_code=0,
        spec=helper(SIDECAR, restartPolicy="Always"),
    ),
    "with-a-stubborn-sidecar": Situation(
        "Succeeded",
        "Completed",
        ran=1,
        exit_code=0,
        spec=helper(STUBBORN, restartPolicy="Always"),
    ),
    "fails-beside-a-stubborn-sidecar": Situation(
        "Failed",
        "Error",
        ran=1,
        exit_code=3,
        message="'main'",
        script="exit 3",
        spec=helper(STUBBORN, restartPolicy="Always"),
    ),
    "is-cleared-away": Situation(
        "Succeeded",
        "Completed",
        ran=1,
        exit_code=0,
        cleared=True,
        spec={"ttlSecondsAfterFinished": 1},
    ),
    # it is ended
    "runs-out-of-memory": Situation(
        "Failed",
        "OOMKilled",
        ran=1,
        exit_code=137,
        # The runtime may hear of it later than of the container's end, and would not say it then.
        script="tail /dev/zero; sleep 3; exit 137",
        container=resources("limits", memory="16Mi"),
    ),
    "exceeds-its-deadline": Situation(
        "Failed",
        "DeadlineExceeded",
        ran=1,
        exit_code=137,
        script=LONG,
        spec={"activeDeadlineSeconds": 3},
    ),
    "is-unhealthy": Situation(
        "Failed",
        "Error",
        ran=1,
        exit_code=137,
        script=LONG,
        container={
            "livenessProbe": {"exec": {"command": ["false"]}}
            | {"periodSeconds": 1, "failureThreshold": 1}
        },
    ),
    "has-no-working-hook": Situation(
        "Failed",
        "Error",
        ran=1,
        exit_code=137,
        script=LONG,
        container={"lifecycle": {"postStart": {"exec": {"command": ["/no/such"]}}}},
    ),
    "fills-its-disk": Situation(
        "Failed",
        "Evicted",
        ran=1,
        exit_code=137,
        message="EmptyDir",
        script=f"head -c 20000000 /dev/zero > /mnt/x; {LONG}",
        spec=volume("data", emptyDir={"sizeLimit": "1Mi"}),
        container=mount("data"),
    ),
    "is-deleted": Situation(
        "Failed", "PodDeleted", ran=1, exit_code=137, script=LONG, deed=delete_pod
    ),
    "is-deleted-at-its-end": Situation(
        "Succeeded",
        "Completed",
        ran=1,
        exit_code=0,
        script=f"sleep 3; echo ended >> {MOUNT}/is-deleted-at-its-end",
        deed=delete_pod_at_its_end,
    ),
    "is-evicted": Situation(
        "Failed", "EvictionByEvictionAPI", ran=1, exit_code=137, script=LONG, deed=evict
    ),
    "is-preempted": Situation(
        "Failed",
        "PreemptionByScheduler",
        ran=1,
        exit_code=137,
        script=LONG,
        deed=preempt,
        container=ONE_SLOT,
    ),
    # it can't begin
    "has-no-image": Situation(
        "Running",
        "ImagePullBackOff",
        events=("Started", "ImagePullBackOff"),
        container={"image": "busybox:0.0.0-none"},
    ),
    "has-no-program": Situation(
        "Failed", "StartError", exit_code=128, container={"command": ["/no/such/program"]}
    ),
    "has-no-secret": Situation(
        "Running",
        "CreateContainerConfigError",
        message='secret "nothing" not found',
        container={
            "env": [
                {"name": "X"} | {"valueFrom": {"secretKeyRef": {"name": "nothing", "key": "x"}}}
            ]
        },
    ),
    "must-not-be-root": Situation(
        "Running",
        "CreateContainerConfigError",
        message="runAsNonRoot",
        container={"securityContext": {"runAsNonRoot": True}},
    ),
    "has-no-volume": Situation(
        "Running",
        "ContainerCreating",
        message="since 2",
        spec=volume("data", configMap={"name": "nothing"}),
        container=mount("data"),
    ),
    "has-no-claim": Situation(
        "Running",
        "Unschedulable",
        message="nothing",
        spec=volume("data", persistentVolumeClaim={"claimName": "nothing"}),
        container=mount("data"),
    ),
    "is-too-big": Situation(
        "Running",
        "Unschedulable",
        message="Insufficient cpu",
        container=resources("requests", cpu="1000"),
    ),
    "has-no-account": Situation(
        "Pending",
        "StartRejected",
        message='"nobody" not found',
        spec={"serviceAccountName": "nobody"},
    ),
    "fails-to-prepare": Situation(
        "Failed", "Error", exit_code=7, message="'helper'", spec=helper("exit 7")
    ),
    "came-too-late": Situation("Missed", "DeadlineMissed", spec={"startingDeadlineSeconds": 60}),
    "finds-no-node-in-time": Situation(
        "Missed",
        "Unschedulable",
        message="not on a node within",
        container=resources("requests", cpu="1000"),
        spec={"suspend": True, "startingDeadlineSeconds": 60},
        deed=resume_now,
    ),
    "crashes-again-and-again": Situation(
        "Running",
        "ContainerRestarted",
        ran=2,
        goes_on=True,
        message="exit code 9",
        script="exit 9",
        spec={"restartPolicy": "OnFailure"},
    ),
    # its user edits it
    "is-edited": Situation(
        "Succeeded",
        "Completed",
        ran=1,
        exit_code=0,
        script="sleep 15",
        deed=patch({"spec": {"podMetadata": {"labels": {"edited": "yes"}}}}),
    ),
    "is-armed-anew": Situation(
        "Succeeded",
        "Completed",
        ran=2,
        exit_code=0,
        script="sleep 15",
        deed=patch({"spec": {"schedule": EARLIER}}),
    ),
    "is-suspended-too-late": Situation(
        "Succeeded",
        "Completed",
        ran=1,
        exit_code=0,
        script="sleep 15",
        deed=patch({"spec": {"suspend": True}}),
    ),
    "is-suspended": Situation("Suspended", spec={"suspend": True}),
    "is-resumed": Situation(
        "Succeeded",
        "Completed",
        ran=1,
        exit_code=0,
        spec={"suspend": True},
        deed=patch({"spec": {"suspend": False}}),
    ),
}
