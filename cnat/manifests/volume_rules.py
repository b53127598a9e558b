"""What the API server refuses about a Pod's volumes beyond their schema."""

from __future__ import annotations

from collections.abc import Iterator

from cnat.core.fields import Manifest
from cnat.manifests.field_rules import (
    DNS_LABEL,
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

_HOST_PATHS = (
    "DirectoryOrCreate",
    "Directory",
    "FileOrCreate",
    "File",
    "Socket",
    "CharDevice",
    "BlockDevice",
)
_REQUIRED = {
    "configMap": ("name",),
    "hostPath": ("path",),
    "nfs": ("server", "path"),
    "persistentVolumeClaim": ("claimName",),
    "secret": ("secretName",),
}


def volume_violations(spec: Manifest, path: str) -> Iterator[Violation]:
    """ValidateVolumes of pkg/apis/core/validation in k8s.io/kubernetes."""
    yield from unique(spec, "volumes", path, "name")
    for place, volume in entries(spec, "volumes", path):
        yield from required(volume, place, "name")
        yield from shaped(volume, "name", place, DNS_LABEL)
        yield from _type(volume, place)
        for kind, keys in _REQUIRED.items():
            if volume.get(kind) is not None:
                yield from required(volume[kind], f"{place}.{kind}", *keys)
        for kind in ("configMap", "secret"):
            yield from _files(part(volume, kind), f"{place}.{kind}")
        yield from _host_path(part(volume, "hostPath"), f"{place}.hostPath")
        yield from _projected(part(volume, "projected"), f"{place}.projected")
        nfs = part(volume, "nfs").get("path") or "/"
        if not nfs.startswith("/"):
            yield Violation(f"{place}.nfs.path", "must be an absolute path")


def _type(volume: Manifest, place: str) -> Iterator[Violation]:
    """One that says nothing is an emptyDir: SetDefaults_Volume of pkg/apis/core/v1."""
    types = [key for key, value in volume.items() if key != "name" and value is not None]
    if types:
        yield from exactly_one(volume, types, place)


def _files(source: Manifest, place: str) -> Iterator[Violation]:
    yield from within(source, "defaultMode", place, 0, 0o777)
    for item_place, item in entries(source, "items", place):
        yield from required(item, item_place, "key", "path")
        yield from relative(item, "path", item_place)
        yield from within(item, "mode", item_place, 0, 0o777)


def _host_path(source: Manifest, place: str) -> Iterator[Violation]:
    yield from without_backsteps(source, "path", place)
    yield from chosen(source, "type", place, _HOST_PATHS)


def _projected(source: Manifest, place: str) -> Iterator[Violation]:
    yield from within(source, "defaultMode", place, 0, 0o777)
    for source_place, each in entries(source, "sources", place):
        kinds = [key for key, value in each.items() if value is not None]
        if kinds:
            yield from exactly_one(each, kinds, source_place)
        for kind in ("configMap", "secret"):
            if each.get(kind) is not None:
                yield from required(each[kind], f"{source_place}.{kind}", "name")
                yield from _files(each[kind], f"{source_place}.{kind}")
        token = part(each, "serviceAccountToken")
        token_place = f"{source_place}.serviceAccountToken"
        yield from within(token, "expirationSeconds", token_place, 600, 2**32)
