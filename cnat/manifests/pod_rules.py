"""What the API server refuses about a Pod's spec beyond its schema, as far as one can tell offline.

The rules are those of ValidatePodSpec (pkg/apis/core/validation in k8s.io/kubernetes) that people
run into; a test holds them against the answers of a real API server. What depends on a cluster
(quotas, policies, webhooks, whether a ConfigMap exists) the preflight finds.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from cnat.core.fields import Manifest
from cnat.manifests.container_rules import container_violations, init_container_violations
from cnat.manifests.field_rules import (
    DNS_LABEL,
    DNS_SUBDOMAIN,
    LABEL_KEY,
    LABEL_VALUE,
    chosen,
    entries,
    part,
    shaped,
    within,
)
from cnat.manifests.validation import Violation
from cnat.manifests.volume_rules import volume_violations

_NAMES = {
    "hostname": DNS_LABEL,
    "subdomain": DNS_LABEL,
    "nodeName": DNS_SUBDOMAIN,
    "priorityClassName": DNS_SUBDOMAIN,
    "runtimeClassName": DNS_SUBDOMAIN,
    "serviceAccountName": DNS_SUBDOMAIN,
}
_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_SKEWS = ("DoNotSchedule", "ScheduleAnyway")


def pod_violations(spec: Manifest, path: str = "spec") -> list[Violation]:
    """What would be refused about a Pod with this spec; [] when nothing is known.

    Args:
        spec: a PodSpec that fits the schema. `containers` may be absent, as in an At with a
            `command`.
        path: where it stands, for the fields of the answer.
    """
    return [
        *volume_violations(spec, path),
        *_containers(spec, path),
        *_host_ports(spec, path),
        *_names(spec, path),
        *_dns(spec, path),
        *_placement(spec, path),
    ]


def hidden_variables(spec: Manifest, path: str = "spec") -> Iterator[Violation]:
    """Environment variables that are set again further down: allowed, and hardly ever meant."""
    for key in ("initContainers", "containers"):
        for place, container in entries(spec, key, path):
            seen: set[object] = set()
            for variable_place, variable in entries(container, "env", place):
                name = variable.get("name")
                if name in seen:
                    yield Violation(f"{variable_place}.name", f'hides the "{name}" before it')
                seen.add(name)


def _containers(spec: Manifest, path: str) -> Iterator[Violation]:
    volumes = {str(volume.get("name")) for _, volume in entries(spec, "volumes", path)}
    names: set[object] = set()
    for key in ("containers", "initContainers"):
        for place, container in entries(spec, key, path):
            name = container.get("name")
            if name in names:
                yield Violation(f"{place}.name", f'there is another container "{name}"')
            names.add(name)
            yield from container_violations(container, place, volumes)
            if key == "initContainers":
                yield from init_container_violations(container, place)


def _host_ports(spec: Manifest, path: str) -> Iterator[Violation]:
    taken: set[tuple[object, ...]] = set()
    for place, container in entries(spec, "containers", path):
        for port_place, port in entries(container, "ports", place):
            host_port = port.get("hostPort")
            if spec.get("hostNetwork") and host_port not in (None, 0, port.get("containerPort")):
                reason = "must be the containerPort (or left out) while hostNetwork is true"
                yield Violation(f"{port_place}.hostPort", reason)
            if not host_port:
                continue
            address = (port.get("protocol") or "TCP", port.get("hostIP") or "", host_port)
            if address in taken:
                yield Violation(f"{port_place}.hostPort", "is taken by another port before it")
            taken.add(address)


def _names(spec: Manifest, path: str) -> Iterator[Violation]:
    for key, shape in _NAMES.items():
        yield from shaped(spec, key, path, shape)
    yield from within(spec, "activeDeadlineSeconds", path, 1, 2**31 - 1)
    yield from chosen(spec, "preemptionPolicy", path, ("PreemptLowerPriority", "Never"))
    if spec.get("hostPID") and spec.get("shareProcessNamespace"):
        yield Violation(f"{path}.shareProcessNamespace", "can't be true together with hostPID")
    context, place = part(spec, "securityContext"), f"{path}.securityContext"
    for key in ("runAsUser", "runAsGroup", "fsGroup"):
        yield from within(context, key, place, 0, 2**31 - 1)


def _dns(spec: Manifest, path: str) -> Iterator[Violation]:
    policies = ("ClusterFirst", "ClusterFirstWithHostNet", "Default", "None")
    yield from chosen(spec, "dnsPolicy", path, policies)
    servers = part(spec, "dnsConfig").get("nameservers") or []
    place = f"{path}.dnsConfig.nameservers"
    if spec.get("dnsPolicy") == "None" and not servers:
        yield Violation(place, "needs at least one while dnsPolicy is None")
    if len(servers) > 3:
        yield Violation(place, "must not be more than 3")
    addresses = [(f"{place}[{number}]", server) for number, server in enumerate(servers)]
    for alias_place, alias in entries(spec, "hostAliases", path):
        addresses.append((f"{alias_place}.ip", alias.get("ip")))
    for field, address in addresses:
        if not _is_address(address):
            yield Violation(field, "must be an IP address")


def _is_address(text: object) -> bool:
    try:
        ipaddress.ip_address(str(text))
    except ValueError:
        return False
    return True


def _placement(spec: Manifest, path: str) -> Iterator[Violation]:
    for key, value in part(spec, "nodeSelector").items():
        if not LABEL_KEY.pattern.fullmatch(key):
            yield Violation(f"{path}.nodeSelector[{key}]", LABEL_KEY.reason)
        if not LABEL_VALUE.pattern.fullmatch(value or ""):
            yield Violation(f"{path}.nodeSelector.{key}", LABEL_VALUE.reason)
    for place, toleration in entries(spec, "tolerations", path):
        yield from _toleration(toleration, place)
    for place, constraint in entries(spec, "topologySpreadConstraints", path):
        yield from within(constraint, "maxSkew", place, 1, 2**31 - 1)
        yield from shaped(constraint, "topologyKey", place, LABEL_KEY)
        yield from chosen(constraint, "whenUnsatisfiable", place, _SKEWS)


def _toleration(toleration: Manifest, place: str) -> Iterator[Violation]:
    operator = toleration.get("operator") or "Equal"
    yield from shaped(toleration, "key", place, LABEL_KEY)
    yield from chosen(toleration, "operator", place, ("Equal", "Exists", "Lt", "Gt"))
    yield from chosen(toleration, "effect", place, _EFFECTS)
    if not toleration.get("key") and operator != "Exists":
        yield Violation(f"{place}.operator", "must be Exists where there is no key")
    if operator == "Exists" and toleration.get("value"):
        yield Violation(f"{place}.value", "must be left out where the operator is Exists")
    if toleration.get("tolerationSeconds") is not None and toleration.get("effect") != "NoExecute":
        yield Violation(f"{place}.effect", "must be NoExecute where there are tolerationSeconds")
