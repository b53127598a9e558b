"""The situations of each retryPolicy: which of them gets its run another Pod, and which doesn't."""

from __future__ import annotations

from tests.e2e.deeds import delete_pod, evict
from tests.e2e.disk import MOUNT
from tests.e2e.situation import Situation

LONG = "sleep 300"


def until(count: int, name: str, otherwise: str) -> str:
    """A script that does something else before its container has begun so many times."""
    return f"[ $(wc -l < {MOUNT}/{name}) -ge {count} ] || {otherwise}"


RETRIES: dict[str, Situation] = {
    "is-never-retried": Situation(
        "Failed",
        "EvictionByEvictionAPI",
        ran=1,
        exit_code=137,
        script=LONG,
        deed=evict,
        spec={"retryPolicy": "Never"},
    ),
    "is-not-retried-as-it-started": Situation(
        "Failed",
        "EvictionByEvictionAPI",
        ran=1,
        exit_code=137,
        message="retryPolicy NotStarted does not cover",
        script=LONG,
        deed=evict,
        spec={"retryPolicy": "NotStarted"},
    ),
    "is-retried-after-its-eviction": Situation(
        "Succeeded",
        "Completed",
        ran=2,
        exit_code=0,
        attempts=("EvictionByEvictionAPI",),
        events=("Started", "Retrying", "Completed"),
        script=until(2, "is-retried-after-its-eviction", LONG),
        deed=evict,
        spec={"retryPolicy": "Disrupted"},
    ),
    "is-retried-after-its-deletion": Situation(
        "Succeeded",
        "Completed",
        ran=2,
        exit_code=0,
        attempts=("PodDeleted",),
        script=until(2, "is-retried-after-its-deletion", LONG),
        deed=delete_pod,
        spec={"retryPolicy": "Disrupted"},
    ),
    "is-not-retried-as-it-failed": Situation(
        "Failed",
        "Error",
        ran=1,
        exit_code=3,
        message="retryPolicy Disrupted does not cover",
        script="exit 3",
        spec={"retryPolicy": "Disrupted"},
    ),
    "is-retried-until-it-succeeds": Situation(
        "Succeeded",
        "Completed",
        ran=3,
        exit_code=0,
        attempts=("Error", "Error"),
        script=until(3, "is-retried-until-it-succeeds", "exit 3"),
        spec={"retryPolicy": "Failed"},
    ),
    "is-retried-once-and-no-more": Situation(
        "Failed",
        "Error",
        ran=2,
        exit_code=3,
        attempts=("Error",),
        message="spec.backoffLimit",
        script="exit 3",
        spec={"retryPolicy": "Failed", "backoffLimit": 1},
    ),
}
