"""Files to documents: reading what `kubectl -f` takes, and knowing what is no manifest yet."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from cnat.manifests import decode, skipped
from cnat.manifests.documents import Document, documents
from cnat.manifests.problem import Counts, Problem

# Room for a dump of 20,000 Ats and their Pods; and a device or a log given by mistake doesn't
# fill the memory, of which a value takes up to 30 times its text.
MAX_BYTES = 64 * 2**20

_SUFFIXES = (".yaml", ".yml", ".json")


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
    entries = list(documents(source, text))
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
