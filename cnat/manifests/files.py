"""Manifests and the files they stand in: reading what `kubectl -f` takes, writing for people."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from cnat.core import api
from cnat.core.fields import Manifest, named
from cnat.manifests import decode, validation
from cnat.manifests.problem import Place, Problem, Severity

# Room for a dump of 20,000 Ats and their Pods; and a device or a log given by mistake doesn't
# fill the memory, of which a value takes up to 30 times its text.
MAX_BYTES = 64 * 2**20

_SUFFIXES = frozenset({".yaml", ".yml", ".json"})
# At the beginning of a line these end a document wherever they stand, even in a block scalar.
_MARKER = re.compile(r"^(?:---|\.\.\.)(?=[ \t\r\n]|\Z)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Document:
    """One object of a file.

    Attributes:
        source: the file, or `<stdin>`.
        index: the number of the document in it, from 1; empty documents don't count.
        path: where in the document the object stands: "", or like `items[3].` in a List.
        manifest: has an `apiVersion` and a `kind`; nothing else is certain.
    """

    source: str
    index: int
    path: str
    manifest: Manifest

    def __str__(self) -> str:
        return f"{self.source}, document {self.index}" + (self.path and f", {self.path[:-1]}")

    @property
    def place(self) -> Place:
        return Place(self.source)

    def problem(self, field: str, reason: str, severity: Severity = "error") -> Problem:
        """What is wrong with a field of this object, or doubtful."""
        return Problem(
            self.source,
            reason,
            name=named(self.manifest),
            field=f"{self.path}{field}".rstrip("."),
            severity=severity,
        )


def read(path: str) -> Iterator[Document | Problem]:
    """The objects in a file, in all `.yaml`, `.yml` and `.json` files of a folder (not of the
    folders below it), or in standard input (`-`).

    Lists are unwrapped. Whatever can't be read is a Problem in its place and keeps nothing else
    from being read; nothing is raised.
    """
    try:
        files = _files(path)
    except OSError as error:
        yield Problem(path, f"can't be read: {error.strerror}")
        return
    if not files:
        yield Problem(path, "has no .yaml, .yml or .json file")
    for file in files:
        source = "<stdin>" if file == "-" else file
        try:
            text = text_of(file)
        except ValueError as error:
            yield Problem(source, str(error))
        else:
            for _, found in pieces(source, text):
                yield from found


def _files(path: str) -> list[str]:
    if path == "-" or not Path(path).is_dir():
        return [path]
    return sorted(
        str(file) for file in Path(path).iterdir() if file.suffix in _SUFFIXES and not file.is_dir()
    )


def text_of(path: str) -> str:
    """The text of a file, or of standard input (`-`).

    Raises:
        ValueError: it can't be read, is larger than MAX_BYTES, or isn't UTF-8.
    """
    try:
        with sys.stdin.buffer if path == "-" else Path(path).open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise ValueError(f"can't be read: {error.strerror}") from None
    if len(content) > MAX_BYTES:
        raise ValueError(f"is larger than {MAX_BYTES >> 20} MiB; split it")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ValueError(f"line {line}: is not UTF-8 text") from None


def pieces(source: str, text: str) -> Iterator[tuple[str, list[Document | Problem]]]:
    """The documents of a YAML stream that aren't empty: the text and the objects of each.

    A List has several objects. The text is cut up before any of it is parsed, so that an error in
    one document leaves the others readable.
    """
    index = 1
    for line, piece in _cut(text):
        found = _objects(source, index, line, piece)
        if found:
            yield piece, found
            index += 1


def _cut(text: str) -> Iterator[tuple[int, str]]:
    """The documents and the number of the first line of each."""
    line, start = 1, 0
    for marker in _MARKER.finditer(text):
        end = marker.start()
        yield line, text[start:end]
        line += text.count("\n", start, end)
        start = end if marker[0] == "---" else marker.end()
    yield line, text[start:]


def _objects(source: str, index: int, line: int, text: str) -> list[Document | Problem]:
    if all(part[:1] == "%" or part.lstrip()[:1] in ("", "#") for part in text.splitlines()):
        return []  # Directives (`%YAML 1.2`) are a document of their own here, and say nothing.
    try:
        value = decode.decode(text, line)
    except decode.DecodeError as error:
        return [Problem(source, error.reason, error.line, error.column)]
    return [] if value is None else list(_unwrap(Document(source, index, "", value)))


def _unwrap(document: Document) -> Iterator[Document | Problem]:
    value: Any = document.manifest
    if not isinstance(value, dict):
        reason = "must be a map with apiVersion and kind"
        yield Problem(document.source, reason, field=document.path.rstrip("."))
    elif isinstance(items := value.get("items"), list):
        for number, item in enumerate(items):
            path = f"{document.path}items[{number}]."
            yield from _unwrap(replace(document, path=path, manifest=_typed(item, value)))
    else:
        missing = [
            field
            for field in ("apiVersion", "kind")
            if not isinstance(value.get(field), str) or not value[field]
        ]
        for field in missing:
            yield document.problem(field, "must be a text that is not empty")
        if not missing:
            yield document


def _typed(item: Any, items: dict[str, Any]) -> Any:
    """An item of a typed list (`PodList`), where the API server leaves out what the kind says."""
    kind = items.get("kind")
    if not isinstance(item, dict) or not isinstance(kind, str) or kind == "List":
        return item
    return {"apiVersion": items.get("apiVersion"), "kind": kind.removesuffix("List"), **item}


def is_at_or_pod(manifest: Manifest) -> bool:
    return is_at(manifest) or is_pod(manifest)


def violations(document: Document) -> list[Problem]:
    """What is wrong with an At, or with a Pod's metadata; nothing is, with other kinds.

    Of a Pod no more is checked, since it may come from a cluster of a later release. Any At is
    meant to be ours, so that a misspelt apiVersion is heard and not ignored.
    """
    manifest = document.manifest
    found: list[validation.Violation] = []
    if is_at(manifest):
        found = validation.check_at(manifest)
    elif is_pod(manifest):
        found = [
            each for each in validation.check_pod(manifest) if each.field.startswith("metadata")
        ]
        if not found and not (manifest.get("metadata") or {}).get("name"):
            found = [validation.Violation("metadata.name", "is required")]
    return [document.problem(each.field, each.reason) for each in found]


def is_at(manifest: Manifest) -> bool:
    return bool(manifest["kind"] == api.KIND)


def is_pod(manifest: Manifest) -> bool:
    return bool(manifest["kind"] == "Pod" and manifest["apiVersion"] == "v1")


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002
        return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None if isinstance(decode.plain(text), str) else "'"
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style)


_Dumper.add_representer(str, _represent_text)


def write(manifest: Manifest) -> str:
    """YAML for people: keys in their order, one a line, several lines of text as they are."""
    text: str = yaml.dump(
        manifest, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=2**16
    )
    return text
