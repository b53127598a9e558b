"""What people want: the Ats in the manifests that they keep in a folder. Read, never written."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from cnat.core.fields import Manifest
from cnat.manifests import files
from cnat.manifests.documents import Document, is_at, is_pod, violations
from cnat.manifests.problem import Problem
from cnat.manifests.snapshot import Key, key

Stamp = tuple[int, int, int]

# With its suffix, the file that the object is kept in has a name of 255 bytes at most.
_LONGEST_NAME = 250


def stamps(folder: Path) -> dict[Path, Stamp]:
    """The manifests in a folder and those below it, each with what changes when it is written.

    Raises:
        OSError: a folder can't be read.
    """
    paths = [Path(name) for name in files.in_folder(folder)]
    return {path: stamp for path in paths if (stamp := _stamp(path))}


def read(paths: Iterable[Path]) -> tuple[dict[Key, Manifest], list[Problem]]:
    """The Ats in some files; and what is unreadable, refused or there twice."""
    documents: dict[Key, Document] = {}
    problems: list[Problem] = []
    for entry in (entry for path in paths for entry in files.read(str(path))):
        if isinstance(entry, Problem):
            problems.append(entry)
        elif is_pod(entry.manifest):
            continue  # Which Pods there are is the server's part.
        elif refused := violations(entry):
            problems += refused
        elif is_at(entry.manifest):
            first = documents.setdefault(key(entry.manifest), entry)
            if first is not entry:
                reason = f"is also at {first.place}, and that one counts; remove one of them"
                problems.append(entry.problem("metadata.name", reason))
    too_long = [each for each in documents if len(each[2]) > _LONGEST_NAME]
    for each in too_long:
        reason = f"is too long for a folder: at most {_LONGEST_NAME} characters"
        problems.append(documents.pop(each).problem("metadata.name", reason))
    return {each: document.manifest for each, document in documents.items()}, problems


def _stamp(path: Path) -> Stamp | None:
    try:
        found = path.stat()
    except OSError:  # Gone, or about to be: then it is as if it had never been there.
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
