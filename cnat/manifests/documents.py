"""Text to objects: the documents of a YAML stream, what each of them is, and where it stands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from cnat.core import api
from cnat.core.fields import Manifest, named
from cnat.manifests import decode, validation
from cnat.manifests.position import position
from cnat.manifests.problem import Place, Problem, Severity

# At the beginning of a line these end a document wherever they stand, even in a block scalar.
_MARKER = re.compile(r"^(?:---|\.\.\.)(?=[ \t\r\n]|\Z)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Document:
    """One object of a file.

    Attributes:
        source: the file, or `<stdin>`.
        manifest: nothing is certain of it; empty where the document is a list.
        path: where in its document the object stands: "", or like `items[3].` in a List.
        text: the whole document; "" where it has never been text.
        first_line: where in the file that begins, from 1.
    """

    source: str
    manifest: Manifest
    path: str = ""
    text: str = ""
    first_line: int = 1

    @property
    def place(self) -> Place:
        return self.place_of("")

    def place_of(self, field: str) -> Place:
        """Where a field stands; the text is searched for it each time."""
        if not self.text:
            return Place(self.source)
        line, column = position(self.text, f"{self.path}{field}")
        return Place(self.source, self.first_line + line, column + 1)

    def problem(self, field: str, reason: str, severity: Severity = "error") -> Problem:
        """What is wrong with a field of this object, or doubtful."""
        place = self.place_of(field)
        return Problem(
            self.source,
            reason,
            place.line,
            place.column,
            name=named(self.manifest) if self.manifest else "",
            field=f"{self.path}{field}".rstrip("."),
            severity=severity,
        )


def documents(source: str, text: str) -> Iterator[Document | Problem]:
    """The objects in a YAML stream, Lists unwrapped; a Problem in place of what can't be read.

    The text is cut up before any of it is parsed, so that an error in one document leaves the
    others readable.
    """
    for line, piece in _cut(text):
        yield from _objects(source, line, piece)


def _cut(text: str) -> Iterator[tuple[int, str]]:
    """The documents and the number of the first line of each."""
    line, start = 1, 0
    for marker in _MARKER.finditer(text):
        end = marker.start()
        yield line, text[start:end]
        line += text.count("\n", start, end)
        start = end if marker[0] == "---" else marker.end()
    yield line, text[start:]


def _objects(source: str, line: int, text: str) -> list[Document | Problem]:
    if all(part[:1] == "%" or part.lstrip()[:1] in ("", "#") for part in text.splitlines()):
        return []  # Directives (`%YAML 1.2`) are a document of their own here, and say nothing.
    document = Document(source, {}, text=text, first_line=line)
    try:
        value = decode.decode(text, line)
    except decode.DecodeError as error:
        if isinstance(error, decode.UnknownTag) and api.GROUP not in text:
            return [document]
        return [Problem(source, error.reason, error.line, error.column)]
    return [] if value is None else list(_unwrap(document, value))


def _unwrap(document: Document, value: Any) -> Iterator[Document | Problem]:
    if isinstance(value, list) and not document.path:
        yield document  # A playbook, a JSON patch, ...
    elif not isinstance(value, dict):
        yield document.problem("", "is no manifest: must be a map with apiVersion and kind")
    elif isinstance(items := value.get("items"), list) and str(value.get("kind")).endswith("List"):
        for number, item in enumerate(items):
            inner = replace(document, path=f"{document.path}items[{number}].")
            yield from _unwrap(inner, _typed(item, value))
    else:
        document = replace(document, manifest=value)
        missing = [key for key in ("apiVersion", "kind") if not _says(value, key)]
        if missing and _is_meant_as_at(value):
            for key in missing:
                yield document.problem(key, f"is required: {_REQUIRED[key]}")
        else:
            yield document


_REQUIRED = {"apiVersion": f"apiVersion: {api.API_VERSION}", "kind": f"kind: {api.KIND}"}


def _says(manifest: Manifest, key: str) -> bool:
    return isinstance(manifest.get(key), str) and bool(manifest[key])


def _is_meant_as_at(value: Manifest) -> bool:
    """Whether somebody who left out the apiVersion or the kind must have meant an At."""
    spec = value.get("spec")
    return (
        is_at(value)
        or _is_of_our_group(value)
        or ("metadata" in value and isinstance(spec, dict) and "schedule" in spec)
    )


def _typed(item: Any, items: Manifest) -> Any:
    """An item of a typed list (`PodList`), where the API server leaves out what the kind says."""
    kind = items.get("kind")
    if not isinstance(item, dict) or not isinstance(kind, str) or kind == "List":
        return item
    return {"apiVersion": items.get("apiVersion"), "kind": kind.removesuffix("List"), **item}


def is_manifest(manifest: Manifest) -> bool:
    """Whether it says what it is; other YAML than Kubernetes' doesn't."""
    return _says(manifest, "apiVersion") and _says(manifest, "kind")


def violations(document: Document) -> list[Problem]:
    """What is wrong with an At, or with a Pod's metadata; nothing is, with other kinds.

    Of a Pod no more is checked, since it may come from a cluster of a later release. Any At, and
    anything of our group, is meant to be ours, so that a misspelt apiVersion or kind is heard.
    """
    manifest = document.manifest
    found: list[validation.Violation] = []
    if _is_of_our_group(manifest) and not is_at(manifest):
        reason = f'must be "{api.KIND}"; there is no other kind in {api.GROUP}'
        found = [validation.Violation("kind", reason)]
    elif is_at(manifest):
        found = validation.check_at(manifest)
    elif is_pod(manifest):
        found = [
            each for each in validation.check_pod(manifest) if each.field.startswith("metadata")
        ]
        if not found and not (manifest.get("metadata") or {}).get("name"):
            found = [validation.Violation("metadata.name", "is required")]
    return [document.problem(each.field, each.reason) for each in found]


def is_at(manifest: Manifest) -> bool:
    return bool(manifest.get("kind") == api.KIND)


def is_pod(manifest: Manifest) -> bool:
    return bool(manifest.get("kind") == "Pod" and manifest.get("apiVersion") == "v1")


def _is_of_our_group(manifest: Manifest) -> bool:
    return str(manifest.get("apiVersion")).partition("/")[0] == api.GROUP
