"""Manifests and the files they stand in: reading what `kubectl -f` takes, writing for people."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from cnat.core import api
from cnat.core.fields import Manifest, named
from cnat.manifests import decode, skipped, validation
from cnat.manifests.position import position
from cnat.manifests.problem import Counts, Place, Problem, Severity

# Room for a dump of 20,000 Ats and their Pods; and a device or a log given by mistake doesn't
# fill the memory, of which a value takes up to 30 times its text.
MAX_BYTES = 64 * 2**20

_SUFFIXES = (".yaml", ".yml", ".json")
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


def read_all(paths: Sequence[str], counts: Counts) -> Iterator[Document | Problem]:
    """The objects in several files and folders, as `read` gives them.

    That there is nothing at all in them is a Problem, too: more often than that all is well, it
    means that something went wrong before.
    """
    nothing = True
    for path in paths:
        for entry in read(path, counts):
            nothing = False
            yield entry
    if nothing and not (counts.helm_templates or counts.kustomize_patches):
        source = ", ".join("<stdin>" if path == "-" else path for path in paths)
        yield Problem(source, "there is nothing in it; check what should have been written there")


def read(path: str, counts: Counts | None = None) -> Iterator[Document | Problem]:
    """The objects in a file, in all `.yaml`, `.yml` and `.json` files of a folder and those below
    it (but for hidden ones, `.git` and the like), or in standard input (`-`).

    Lists are unwrapped. Whatever can't be read is a Problem in its place and keeps nothing else
    from being read; nothing is raised. Helm templates and kustomize patches are only counted.

    Args:
        counts: what to count the files in.
    """
    counts = counts or Counts()
    try:
        is_file = path == "-" or not Path(path).is_dir()
        files = [path] if is_file else in_folder(Path(path))
    except OSError as error:
        yield Problem(str(error.filename), f"can't be read: {error.strerror}")
        return
    if not files:
        yield Problem(path, "has no .yaml, .yml or .json file, nor has a folder below it")
    for file in files:
        counts.files += 1
        if file != "-" and skipped.is_chart_template(Path(file)):
            counts.helm_templates += 1
        elif file != "-" and skipped.is_kustomize_patch(Path(file)):
            counts.kustomize_patches += 1
        else:
            yield from _file(file, counts)


def _file(file: str, counts: Counts) -> Iterator[Document | Problem]:
    source = "<stdin>" if file == "-" else file
    try:
        text = text_of(file)
    except decode.DecodeError as error:
        yield Problem(source, error.reason, error.line)
        return
    entries = [entry for _, found in pieces(source, text) for entry in found]
    unreadable = any(isinstance(entry, Problem) for entry in entries)
    if unreadable and skipped.has_template_actions(text):
        counts.helm_templates += 1
    else:
        yield from entries


def in_folder(path: Path) -> list[str]:
    """The files with manifests in a folder and those below it, by name, hidden ones aside.

    Raises:
        OSError: a folder can't be read.
    """
    found: list[str] = []
    for folder, folders, names in os.walk(path, onerror=_raise):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += (
            str(Path(folder, name))
            for name in sorted(names)
            if name.endswith(_SUFFIXES) and not name.startswith(".")
        )
    return found


def _raise(error: OSError) -> None:
    raise error


def text_of(path: str) -> str:
    """The text of a file, or of standard input (`-`).

    Raises:
        DecodeError: it can't be read, is larger than MAX_BYTES, or isn't UTF-8.
    """
    try:
        with sys.stdin.buffer if path == "-" else Path(path).open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise decode.DecodeError(f"can't be read: {error.strerror}") from None
    if len(content) > MAX_BYTES:
        raise decode.DecodeError(f"is larger than {MAX_BYTES >> 20} MiB; split it")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise decode.DecodeError("is not UTF-8 text; save it as such", line) from None


def pieces(source: str, text: str) -> Iterator[tuple[str, list[Document | Problem]]]:
    """The documents of a YAML stream that aren't empty: the text and the objects of each.

    A List has several objects. The text is cut up before any of it is parsed, so that an error in
    one document leaves the others readable.
    """
    for line, piece in _cut(text):
        if found := _objects(source, line, piece):
            yield piece, found


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


def is_at_or_pod(manifest: Manifest) -> bool:
    return is_at(manifest) or is_pod(manifest)


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
