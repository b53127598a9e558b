"""What the API server refuses about a container beyond its schema."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from decimal import Decimal
from typing import Any

from cnat.core.fields import Manifest
from cnat.manifests.field_rules import (
    DNS_LABEL,
    DNS_SUBDOMAIN,
    ENV_NAME,
    FILE_NAME,
    PORT_NAME,
    chosen,
    entries,
    exactly_one,
    part,
    relative,
    required,
    shaped,
    unique,
    within,
    without_backsteps,
)
from cnat.manifests.validation import Violation

_PORTS = (1, 65535)
_IDS = (0, 2**31 - 1)
_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_HANDLERS = ("exec", "httpGet", "tcpSocket", "grpc")
_HOOK_HANDLERS = ("exec", "httpGet", "tcpSocket", "sleep")
_ENV_SOURCES = ("fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef")
_FIELD_PATH = re.compile(
    r"metadata\.(?:name|namespace|uid)|metadata\.(?:labels|annotations)\['[^']+'\]"
    r"|spec\.(?:nodeName|serviceAccountName|host)|status\.(?:hostIPs?|podIPs?)"
)
_FIELD_PATHS = (
    "metadata.name, .namespace, .uid, .labels['KEY'] or .annotations['KEY'], spec.nodeName, "
    "spec.serviceAccountName, status.hostIP or status.podIP"
)
_RESOURCES = re.compile(r"cpu|memory|ephemeral-storage|hugepages-.+|[^/]+/[^/]+")
_QUANTITY = re.compile(r"\s*([+-]?[0-9.]+)(?:([KMGTPE]i)|([numkMGTPE]?)|[eE]([+-]?[0-9]+))\s*")
_BINARY = {f"{prefix}i": 1024**power for power, prefix in enumerate("KMGTPE", 1)}
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}


def container_violations(
    container: Manifest, place: str, volumes: Collection[str]
) -> Iterator[Violation]:
    """validateContainerCommon of pkg/apis/core/validation in k8s.io/kubernetes, and the probes.

    Args:
        volumes: the names of those that may be mounted.
    """
    yield from required(container, place, "name", "image")
    yield from shaped(container, "name", place, DNS_LABEL)
    yield from chosen(container, "imagePullPolicy", place, ("Always", "IfNotPresent", "Never"))
    yield from chosen(container, "restartPolicy", place, ("Always", "OnFailure", "Never"))
    messages = ("File", "FallbackToLogsOnError")
    yield from chosen(container, "terminationMessagePolicy", place, messages)
    yield from _ports(container, place)
    yield from _environment(container, place)
    yield from _mounts(container, place, volumes)
    yield from _resources(part(container, "resources"), f"{place}.resources")
    yield from _security(part(container, "securityContext"), f"{place}.securityContext")
    for key in _PROBES:
        if container.get(key) is not None:
            yield from _probe(key, container[key], f"{place}.{key}")
    for key in ("postStart", "preStop"):
        if (hook := part(container, "lifecycle").get(key)) is not None:
            yield from _handler(hook, _HOOK_HANDLERS, f"{place}.lifecycle.{key}")


def init_container_violations(container: Manifest, place: str) -> Iterator[Violation]:
    """What only containers that go on running may have."""
    if container.get("restartPolicy") != "Always":
        for key in (*_PROBES, "lifecycle"):
            if container.get(key) is not None:
                reason = (
                    "an init container has none, unless its restartPolicy is Always (a sidecar)"
                )
                yield Violation(f"{place}.{key}", reason)


def _ports(container: Manifest, path: str) -> Iterator[Violation]:
    yield from unique(container, "ports", path, "name")
    for place, port in entries(container, "ports", path):
        yield from shaped(port, "name", place, PORT_NAME)
        yield from within(port, "containerPort", place, *_PORTS)
        if port.get("hostPort"):
            yield from within(port, "hostPort", place, *_PORTS)
        yield from chosen(port, "protocol", place, ("TCP", "UDP", "SCTP"))


def _environment(container: Manifest, path: str) -> Iterator[Violation]:
    for place, variable in entries(container, "env", path):
        yield from required(variable, place, "name")
        yield from shaped(variable, "name", place, ENV_NAME)
        source = variable.get("valueFrom")
        if source is None:
            continue
        if variable.get("value"):
            yield Violation(f"{place}.valueFrom", "there is a value already; only one may be")
        yield from _source(source, f"{place}.valueFrom")
    for place, source in entries(container, "envFrom", path):
        yield from shaped(source, "prefix", place, ENV_NAME)
        yield from exactly_one(source, ("configMapRef", "secretRef"), place)
        for key in ("configMapRef", "secretRef"):
            if source.get(key) is not None:
                yield from required(source[key], f"{place}.{key}", "name")
                yield from shaped(source[key], "name", f"{place}.{key}", DNS_SUBDOMAIN)


def _source(source: Manifest, place: str) -> Iterator[Violation]:
    yield from exactly_one(source, _ENV_SOURCES, place)
    field = part(source, "fieldRef").get("fieldPath")
    if field is not None and not _FIELD_PATH.fullmatch(field):
        yield Violation(f"{place}.fieldRef.fieldPath", f"must be {_FIELD_PATHS}")
    for key in ("configMapKeyRef", "secretKeyRef"):
        if source.get(key) is not None:
            yield from required(source[key], f"{place}.{key}", "name", "key")
            yield from shaped(source[key], "name", f"{place}.{key}", DNS_SUBDOMAIN)
            yield from shaped(source[key], "key", f"{place}.{key}", FILE_NAME)


def _mounts(container: Manifest, path: str, volumes: Collection[str]) -> Iterator[Violation]:
    yield from unique(container, "volumeMounts", path, "mountPath")
    for place, mount in entries(container, "volumeMounts", path):
        yield from _known(mount, place, volumes)
        yield from required(mount, place, "mountPath")
        yield from relative(mount, "subPath", place)
        yield from relative(mount, "subPathExpr", place)
        if mount.get("subPath") and mount.get("subPathExpr"):
            yield Violation(f"{place}.subPathExpr", "there is a subPath already")
        propagation = mount.get("mountPropagation")
        choices = ("None", "HostToContainer", "Bidirectional")
        yield from chosen(mount, "mountPropagation", place, choices)
        if propagation == "Bidirectional" and not _privileged(container):
            yield Violation(f"{place}.mountPropagation", "Bidirectional needs privileged: true")
    yield from unique(container, "volumeDevices", path, "name")
    yield from unique(container, "volumeDevices", path, "devicePath")
    for place, device in entries(container, "volumeDevices", path):
        yield from _known(device, place, volumes)
        yield from required(device, place, "devicePath")
        yield from without_backsteps(device, "devicePath", place)


def _known(mount: Manifest, place: str, volumes: Collection[str]) -> Iterator[Violation]:
    if mount.get("name") not in volumes:
        there = f"there are only {', '.join(sorted(volumes))}" if volumes else "there are none"
        yield Violation(f"{place}.name", f"names no volume of spec.volumes; {there}")


def _privileged(container: Manifest) -> bool:
    return bool(part(container, "securityContext").get("privileged"))


def _resources(resources: Manifest, place: str) -> Iterator[Violation]:
    limits = part(resources, "limits")
    for kind in ("limits", "requests"):
        for name, quantity in part(resources, kind).items():
            field = f"{place}.{kind}.{name}"
            if not _RESOURCES.fullmatch(name):
                yield Violation(
                    field,
                    "must be cpu, memory, ephemeral-storage, hugepages-SIZE, or "
                    "DOMAIN/NAME for what a device plugin offers",
                )
            elif _number(quantity) < 0:
                yield Violation(field, "must be 0 or more")
            elif (
                kind == "requests" and name in limits and _number(quantity) > _number(limits[name])
            ):
                yield Violation(field, f"must be at most the limit, {limits[name]}")


def _number(quantity: Any) -> Decimal:
    """The value of a Quantity that the schema takes; Infinity is without limit, and null is 0."""
    shape = _QUANTITY.fullmatch(str(quantity))
    if shape is None:
        return Decimal(quantity or 0)
    digits, binary, suffix, exponent = shape.groups()
    number = Decimal(digits)
    return number * _BINARY[binary] if binary else number.scaleb(int(exponent or _DECIMAL[suffix]))


def _security(context: Manifest, place: str) -> Iterator[Violation]:
    yield from within(context, "runAsUser", place, *_IDS)
    yield from within(context, "runAsGroup", place, *_IDS)
    if context.get("privileged") and context.get("allowPrivilegeEscalation") is False:
        reason = "can't be false while privileged is true"
        yield Violation(f"{place}.allowPrivilegeEscalation", reason)


def _probe(kind: str, probe: Manifest, place: str) -> Iterator[Violation]:
    yield from _handler(probe, _HANDLERS, place)
    for key in ("initialDelaySeconds", "timeoutSeconds", "periodSeconds", "failureThreshold"):
        yield from within(probe, key, place, 0, 2**31 - 1)
    if kind == "readinessProbe":
        yield from within(probe, "successThreshold", place, 0, 2**31 - 1)
        if probe.get("terminationGracePeriodSeconds") is not None:
            yield Violation(f"{place}.terminationGracePeriodSeconds", "a readinessProbe has none")
    elif probe.get("successThreshold") not in (None, 0, 1):
        yield Violation(f"{place}.successThreshold", "must be 1")


def _handler(handler: Manifest, kinds: Collection[str], place: str) -> Iterator[Violation]:
    yield from exactly_one(handler, kinds, place)
    if handler.get("exec") is not None:
        yield from required(handler["exec"], f"{place}.exec", "command")
    for key in ("httpGet", "tcpSocket"):
        port = part(handler, key).get("port")
        if isinstance(port, str) and not PORT_NAME.pattern.fullmatch(port):
            yield Violation(f"{place}.{key}.port", PORT_NAME.reason)
        elif isinstance(port, int):
            yield from within(handler[key], "port", f"{place}.{key}", *_PORTS)
    yield from chosen(part(handler, "httpGet"), "scheme", f"{place}.httpGet", ("HTTP", "HTTPS"))
