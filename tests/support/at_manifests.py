"""Ats that are valid, and Ats that are not: one table for the offline check and the API server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

API_VERSION = "cnat.programming-kubernetes.info/v1alpha1"
CONTAINER = {"name": "shell", "image": "busybox:1.37", "command": ["/bin/sh", "-c", "echo YAY"]}


def at(*without: str, **spec: Any) -> dict[str, Any]:
    """A valid At, its spec changed by `spec`, without the fields named in `without`."""
    whole = {"schedule": "2030-01-02T03:04:05Z", "containers": [CONTAINER]} | spec
    return {
        "apiVersion": API_VERSION,
        "kind": "At",
        "metadata": {"name": "example"},
        "spec": {key: value for key, value in whole.items() if key not in without},
    }


def named(name: object) -> dict[str, Any]:
    return at() | {"metadata": {"name": name}}


def container(**fields: Any) -> dict[str, Any]:
    return at(containers=[CONTAINER | fields])


def local(schedule: str, zone: object) -> dict[str, Any]:
    return at(schedule=schedule, timeZone=zone)


@dataclass(frozen=True)
class Refused:
    """`field` and `reason` are (part of) the first violation; `server`: the API server's words.

    Where the API server checks with CEL its words are ours: then `server` is not set. Kubernetes
    before 1.`since` takes it.
    """

    manifest: dict[str, Any]
    field: str
    reason: str
    server: str | None = None
    since: int = 0


_INSTANT = "must be an RFC 3339 instant with seconds"
_NO_DAY = "this day does not exist"
_ZONE = 'must be an IANA time zone like "Europe/Berlin"'
_QUANTITY = "must be a quantity"
_KEY = "a key must be letters"

REFUSED = {
    # the instant
    "no schedule": Refused(at("schedule"), "spec.schedule", "is required", "Required value"),
    "an empty schedule": Refused(at(schedule=""), "spec.schedule", _INSTANT),
    "a schedule of words": Refused(at(schedule="tomorrow"), "spec.schedule", _INSTANT),
    "a schedule without seconds": Refused(
        at(schedule="2030-01-02T03:04Z"), "spec.schedule", _INSTANT
    ),
    "a schedule without time": Refused(at(schedule="2030-01-02"), "spec.schedule", _INSTANT),
    "a schedule in lower case": Refused(
        at(schedule="2030-01-02t03:04:05z"), "spec.schedule", _INSTANT
    ),
    "a schedule with a space": Refused(
        at(schedule="2030-01-02 03:04:05Z"), "spec.schedule", _INSTANT
    ),
    "a schedule with ten digits of fraction": Refused(
        at(schedule="2030-01-02T03:04:05.0123456789Z"), "spec.schedule", _INSTANT
    ),
    "an offset of 24 hours": Refused(
        at(schedule="2030-01-02T03:04:05+24:00"), "spec.schedule", _INSTANT
    ),
    "the hour 24": Refused(at(schedule="2030-01-02T24:00:00Z"), "spec.schedule", _INSTANT),
    "a leap second": Refused(at(schedule="2030-12-31T23:59:60Z"), "spec.schedule", _INSTANT),
    "the month 13": Refused(at(schedule="2030-13-01T00:00:00Z"), "spec.schedule", _INSTANT),
    "a schedule with a line break": Refused(
        at(schedule="2030-01-02T03:04:05Z\n"), "spec.schedule", _INSTANT
    ),
    "digits that are not ASCII": Refused(
        at(schedule="٢030-01-02T03:04:05Z"), "spec.schedule", _INSTANT
    ),
    "February 30": Refused(at(schedule="2030-02-30T00:00:00Z"), "spec.schedule", _NO_DAY),
    "April 31": Refused(at(schedule="2030-04-31T00:00:00Z"), "spec.schedule", _NO_DAY),
    "February 29 outside a leap year": Refused(
        at(schedule="2030-02-29T00:00:00Z"), "spec.schedule", _NO_DAY
    ),
    "February 29 in 2100": Refused(at(schedule="2100-02-29T00:00:00Z"), "spec.schedule", _NO_DAY),
    "February 30 in a zone": Refused(
        local("2030-02-30T00:00:00", "Asia/Shanghai"), "spec.schedule", _NO_DAY
    ),
    "the year 0": Refused(
        at(schedule="0000-12-31T23:59:59Z"), "spec.schedule", "there is no year 0"
    ),
    "a number for schedule": Refused(
        at(schedule=20300102), "spec.schedule", "must be a string", "must be of type string"
    ),
    # the zone
    "neither offset nor zone": Refused(
        at(schedule="2030-01-02T03:04:05"), "spec.schedule", "has no offset"
    ),
    "both offset and zone": Refused(
        local("2030-01-02T03:04:05+08:00", "Asia/Shanghai"),
        "spec.timeZone",
        "schedule has an offset already",
    ),
    "both Z and zone": Refused(
        local("2030-01-02T03:04:05Z", "UTC"), "spec.timeZone", "schedule has an offset already"
    ),
    "an unknown zone": Refused(
        local("2030-01-02T03:04:05", "Asia/Shangrila"), "spec.timeZone", "unknown time zone"
    ),
    "a region for a zone": Refused(
        local("2030-01-02T03:04:05", "Europe"), "spec.timeZone", "unknown time zone"
    ),
    "the zone Local": Refused(local("2030-01-02T03:04:05", "Local"), "spec.timeZone", _ZONE),
    "the zone localtime": Refused(
        local("2030-01-02T03:04:05", "localtime"), "spec.timeZone", _ZONE
    ),
    "an offset for a zone": Refused(local("2030-01-02T03:04:05", "+08:00"), "spec.timeZone", _ZONE),
    "an empty zone": Refused(local("2030-01-02T03:04:05", ""), "spec.timeZone", _ZONE),
    "a zone that climbs": Refused(
        local("2030-01-02T03:04:05", "Asia/../UTC"), "spec.timeZone", _ZONE
    ),
    "a zone in lower case": Refused(
        local("2030-01-02T03:04:05", "asia/shanghai"), "spec.timeZone", _ZONE
    ),
    # what to run
    "both command and containers": Refused(
        at(command="echo YAY"), "spec.command", "command and containers exclude each other"
    ),
    "neither command nor containers": Refused(
        at("containers"), "spec.containers", "nothing to run"
    ),
    "an empty command": Refused(
        at("containers", command=""), "spec.command", "must not be empty", "at least 1 chars"
    ),
    "a list for command": Refused(
        at("containers", command=["echo"]), "spec.command", "must be a string", "type string"
    ),
    "no container in containers": Refused(
        at(containers=[]), "spec.containers", "must not be an empty list", "at least 1 items"
    ),
    "one container without a list": Refused(
        at(containers=CONTAINER), "spec.containers", "must be a list, not a map", "unknown field"
    ),
    "null for a container": Refused(
        at(containers=[None]), "spec.containers[0]", "must be a map", "type object"
    ),
    "a container without a name": Refused(
        at(containers=[{"image": "busybox"}]),
        "spec.containers[0].name",
        "is required",
        "Required value",
    ),
    "restartPolicy Always": Refused(
        at(restartPolicy="Always"), "spec.restartPolicy", 'must be "Never" or "OnFailure"'
    ),
    "a container with restartPolicy Always": Refused(
        at(containers=[CONTAINER | {"restartPolicy": "Always"}]),
        "spec.containers",
        "a container that always restarts has no end",
    ),
    # typos and types
    "a misspelt field of the At": Refused(
        at(timezone="UTC"),
        "spec.timezone",
        'unknown field "timezone"; did you mean "timeZone"?',
        'unknown field "spec.timezone"',
    ),
    "a misspelt field of a container": Refused(
        container(imgae="busybox"),
        "spec.containers[0].imgae",
        'unknown field "imgae"; did you mean "image"?',
        'unknown field "spec.containers[0].imgae"',
    ),
    "ephemeralContainers": Refused(
        at(ephemeralContainers=[]),
        "spec.ephemeralContainers",
        'unknown field "ephemeralContainers"',
        'unknown field "spec.ephemeralContainers"',
    ),
    "an unknown field beside spec": Refused(
        at() | {"sepc": {}},
        "sepc",
        'unknown field "sepc"; did you mean "spec"?',
        'unknown field "sepc"',
    ),
    "a number for an environment variable": Refused(
        container(env=[{"name": "PORT", "value": 8080}]),
        "spec.containers[0].env[0].value",
        "must be a string, not the number 8080: put it in quotes",
        "must be of type string",
    ),
    "a text for a number": Refused(
        at(activeDeadlineSeconds="600"),
        "spec.activeDeadlineSeconds",
        "must be a whole number",
        "must be of type integer",
    ),
    "a number that does not fit": Refused(
        container(ports=[{"containerPort": 2**31}]),
        "spec.containers[0].ports[0].containerPort",
        "must fit into int32",
        "format int32",
        since=36,
    ),
    "MB for a quantity": Refused(
        container(resources={"limits": {"memory": "512MB"}}),
        "spec.containers[0].resources.limits.memory",
        _QUANTITY,
        "should match",
    ),
    "a text for suspend": Refused(
        at(suspend="yes"), "spec.suspend", "must be true or false", "must be of type boolean"
    ),
    "a negative startingDeadlineSeconds": Refused(
        at(startingDeadlineSeconds=-1),
        "spec.startingDeadlineSeconds",
        "must be 0 or more",
        "greater than or equal to 0",
    ),
    "a negative ttlSecondsAfterFinished": Refused(
        at(ttlSecondsAfterFinished=-1),
        "spec.ttlSecondsAfterFinished",
        "must be 0 or more",
        "greater than or equal to 0",
    ),
    "an unknown retryPolicy": Refused(
        at(retryPolicy="Always"), "spec.retryPolicy", 'must be "Never", "NotStarted"'
    ),
    "a backoffLimit alone": Refused(
        at(backoffLimit=1), "spec.backoffLimit", "limits what retryPolicy allows"
    ),
    "a negative backoffLimit": Refused(
        at(retryPolicy="Failed", backoffLimit=-1),
        "spec.backoffLimit",
        "must be 0 or more",
        "greater than or equal to 0",
    ),
    "a backoffLimit that the status has no room for": Refused(
        at(retryPolicy="Failed", backoffLimit=1001),
        "spec.backoffLimit",
        "must be 1000 or less",
        "less than or equal to 1000",
    ),
    "no spec": Refused(
        {key: value for key, value in at().items() if key != "spec"},
        "spec",
        "is required",
        "Required value",
    ),
    # podMetadata
    "a label of our own domain": Refused(
        at(podMetadata={"labels": {"cnat.programming-kubernetes.info/at": "x"}}),
        "spec.podMetadata.labels",
        "keys of cnat.programming-kubernetes.info are set by cnat itself",
    ),
    "an annotation of our own domain": Refused(
        at(podMetadata={"annotations": {"cnat.programming-kubernetes.info/scheduled-time": "x"}}),
        "spec.podMetadata.annotations",
        "keys of cnat.programming-kubernetes.info are set by cnat itself",
    ),
    "the label managed-by": Refused(
        at(podMetadata={"labels": {"app.kubernetes.io/managed-by": "me"}}),
        "spec.podMetadata.labels",
        "app.kubernetes.io/managed-by is set by cnat itself",
    ),
    "a label's key with a space": Refused(
        at(podMetadata={"labels": {"my team": "x"}}), "spec.podMetadata.labels", _KEY
    ),
    "a label's value with a space": Refused(
        at(podMetadata={"labels": {"team": "my team"}}),
        "spec.podMetadata.labels.team",
        "a label's value must be letters",
        "should match",
    ),
    "a number for a label": Refused(
        at(podMetadata={"labels": {"version": 1}}),
        "spec.podMetadata.labels.version",
        "must be a string, not the number 1: put it in quotes",
        "must be of type string",
    ),
    "an annotation's key with two slashes": Refused(
        at(podMetadata={"annotations": {"a/b/c": "x"}}), "spec.podMetadata.annotations", _KEY
    ),
    # the object
    "a name in upper case": Refused(
        named("Example"), "metadata.name", "must be lower-case letters", "RFC 1123 subdomain"
    ),
    "a name of 254 characters": Refused(
        named("a" * 254), "metadata.name", "must be lower-case letters", "no more than 253"
    ),
    "a number for a label of the At": Refused(
        at() | {"metadata": {"name": "example", "labels": {"version": 1}}},
        "metadata.labels.version",
        "must be a string, not the number 1: put it in quotes",
        "ObjectMeta.labels",
    ),
}

ACCEPTED = {
    "Z": at(),
    "an offset": at(schedule="2030-01-02T03:04:05+08:00"),
    "the widest offset": at(schedule="2030-01-02T03:04:05-23:59"),
    "a fraction": at(schedule="2030-01-02T03:04:05.123456789Z"),
    "an instant long ago": at(schedule="0001-01-01T00:00:00Z"),
    "the last instant": at(schedule="9999-12-31T23:59:59.999999999-23:59"),
    "February 29 in a leap year": at(schedule="2028-02-29T00:00:00Z"),
    "February 29 in 2000": at(schedule="2000-02-29T00:00:00Z"),
    "the ends of months": at(schedule="2030-04-30T00:00:00Z"),
    "a zone": local("2030-01-02T03:04:05", "Asia/Shanghai"),
    "a zone of three parts": local("2030-01-02T03:04:05.5", "America/Argentina/Buenos_Aires"),
    "a zone with a sign": local("2030-01-02T03:04:05", "Etc/GMT+8"),
    "UTC": local("2030-01-02T03:04:05", "UTC"),
    "command": at("containers", command="echo YAY"),
    "command beside fields of a Pod": at(
        "containers", command="echo YAY", nodeSelector={"disk": "ssd"}, activeDeadlineSeconds=60
    ),
    "restartPolicy OnFailure": at(restartPolicy="OnFailure"),
    "a container with its own restartPolicy": at(
        containers=[CONTAINER | {"restartPolicy": "OnFailure"}]
    ),
    "a sidecar": at(initContainers=[{"name": "s", "image": "s", "restartPolicy": "Always"}]),
    "suspend and limits": at(suspend=True, startingDeadlineSeconds=0, ttlSecondsAfterFinished=0),
    "a retryPolicy alone": at(retryPolicy="Disrupted"),
    "a retryPolicy with its limit": at(retryPolicy="NotStarted", backoffLimit=0),
    "podMetadata": at(
        podMetadata={
            "labels": {
                "app.kubernetes.io/part-of": "shop",
                "empty": "",
                "example.com/Team_1": "a.b",
            },
            "annotations": {"example.com/runbook": "any text: ü\n"},
        }
    ),
    "a name with dots": named("a.b-c.9"),
    "a name of 253 characters": named("a" * 253),
    "quantities as numbers": container(
        resources={
            "limits": {"cpu": 0.5, "memory": 67108864},
            "requests": {"cpu": 1, "memory": 1e6},
        }
    ),
    "quantities as texts": container(
        resources={"limits": {"cpu": "500m", "memory": "64Mi"}, "requests": {"memory": "1.5e6"}}
    ),
    "a named port and a numbered one": container(
        livenessProbe={"httpGet": {"port": "http"}}, readinessProbe={"httpGet": {"port": 80}}
    ),
    "nulls as templates leave them": at(
        nodeSelector=None,
        volumes=[{"name": "tmp", "emptyDir": None}],
        containers=[CONTAINER | {"env": None, "args": [None], "resources": {"limits": None}}],
    ),
    "any metadata": at()
    | {"metadata": {"name": "x", "labels": {"a": "b"}, "annotations": {"c": "d\n"}}},
}
