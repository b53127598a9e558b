"""Ats and Pods in the files of a folder, which users and several processes edit meanwhile."""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from cnat.cluster.protocol import ClusterError
from cnat.core.fields import Manifest
from cnat.manifests import files
from cnat.manifests.files import Document
from cnat.manifests.problem import Problem
from cnat.manifests.snapshot import Key, key

# An At or Pod; or the text of whatever else is in the file, which stays as it is.
Part = Document | str
Stamp = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class _File:
    """A file as last read or written; while it has that stamp, it needn't be read again."""

    stamp: Stamp | None
    parts: tuple[Part, ...]
    problems: tuple[Problem, ...] = ()


class Folder:
    """All `.yaml` and `.yml` files in a folder and below it, but not those in `*/events/`.

    Files with Ats are kept a second time, in `.last/`, as they were last written: to copy a
    manifest over its file is how users of a folder apply it again, and must not be the end of what
    is known of the At. Call everything else within `with folder.locked():`.

    Args:
        path: an existing folder.
        admit: what a server makes of an object that somebody put there or edited; the second
            argument is the object of that name that was in the file before, or None.
        read_only: keep all changes to oneself.
    """

    def __init__(
        self,
        path: Path,
        admit: Callable[[Manifest, Manifest | None], Manifest],
        *,
        read_only: bool,
    ) -> None:
        self.path = path
        self._admit = admit
        self._read_only = read_only
        self._mutex = threading.Lock()
        self._files: dict[Path, _File] = {}
        self._places: dict[Key, tuple[Path, int]] = {}
        self._duplicates: list[Problem] = []

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other threads and processes out. A process that is killed leaves no lock behind.

        Raises:
            ClusterError: for any OSError inside.
        """
        try:
            with self._mutex:
                if self._read_only:  # Each file is always a whole one, so reading needs no lock.
                    yield
                    return
                with (self.path / ".lock").open("a") as lock:
                    fcntl.flock(lock, fcntl.LOCK_EX)
                    yield
        except OSError as error:
            raise ClusterError(f"{error.filename or self.path}: {error.strerror}") from error

    @property
    def problems(self) -> list[Problem]:
        """What is unreadable, refused or there twice, as of the last `scan`."""
        return [each for file in self._files.values() for each in file.problems] + self._duplicates

    def objects(self) -> list[Manifest]:
        """All Ats and Pods, as of the last `scan`; the oldest first."""
        return [self._document(*place).manifest for place in self._places.values()]

    def scan(self) -> None:
        """Take note of what others have done; admit what is new or edited."""
        stamps = {path: stamp for path in self._paths() if (stamp := _stamp(path))}
        if self._files and stamps == {path: file.stamp for path, file in self._files.items()}:
            return
        known = self._files
        self._files = {
            path: known[path]
            if path in known and known[path].stamp == stamp
            else self._read(path, stamp)
            for path, stamp in stamps.items()
        }
        self._index()
        for last in (self.path / ".last").rglob("*.y*ml"):
            path = self.path / last.relative_to(self.path / ".last")
            if path not in stamps:
                self._keep(path, ())

    def get(self, wanted: Key) -> Manifest | None:
        """The object as it is now, also if somebody edited or moved it since the last `scan`."""
        place = self._places.get(wanted)
        if place is None or self._files[place[0]].stamp != _stamp(place[0]):
            self.scan()
            place = self._places.get(wanted)
        return self._document(*place).manifest if place else None

    def taken(self, path: Path, wanted: Key) -> bool:
        """Whether there is already such an object, or a file at `path` where it would be stored.

        It asks for the files in question only: a scan for each of a thousand Pods would take long.
        """
        place = self._places.get(wanted)
        return path.exists() or (place is not None and place[0].exists())

    def add(self, path: Path, manifest: Manifest) -> None:
        """Store a new object in a file of its own."""
        self._files[path] = self._written(path, [Document(str(path), manifest)])
        self._places[key(manifest)] = path, 0

    def update(self, manifest: Manifest) -> None:
        """Store an object that `get` answered, with changes."""
        path, number = self._places[key(manifest)]
        parts = list(self._files[path].parts)
        parts[number] = replace(self._document(path, number), manifest=manifest)
        self._files[path] = self._written(path, parts, self._files[path].problems)

    def remove(self, manifest: Manifest) -> None:
        """Remove an object that `get` answered, and its file if there is nothing else in it."""
        path, number = self._places[key(manifest)]
        file = self._files[path]
        parts = file.parts[:number] + file.parts[number + 1 :]
        if parts:
            self._files[path] = self._written(path, parts, file.problems)
            self._index()
            return
        if not self._read_only:
            path.unlink()
            self._keep(path, ())
        del self._files[path], self._places[key(manifest)]

    def write(self, path: Path, parts: Sequence[Part]) -> Stamp | None:
        """Write a file, so that who reads it meanwhile sees the old one or the new one."""
        if self._read_only:
            return _stamp(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        texts = [
            part.removeprefix("---\n") if isinstance(part, str) else files.write(part.manifest)
            for part in parts
        ]
        temporary = self.path / ".tmp"
        temporary.write_text("---\n".join(texts), encoding="utf-8")
        stamp = _stamp(temporary)
        temporary.replace(path)
        return stamp

    def _document(self, path: Path, number: int) -> Document:
        part = self._files[path].parts[number]
        if isinstance(part, str):
            raise TypeError(f"part {number} of {path} is no object")
        return part

    def _paths(self) -> Iterator[Path]:
        for folder, folders, names in os.walk(self.path):
            here = Path(folder)
            # Events are written only, and would soon outnumber everything else.
            skipped = "events" if here.parent == self.path else ""
            folders[:] = sorted(each for each in folders if each[0] != "." and each != skipped)
            yield from (
                here / file
                for file in sorted(names)
                if file.endswith((".yaml", ".yml")) and file[0] != "."
            )

    def _read(self, path: Path, stamp: Stamp) -> _File:
        try:
            entries = [
                entry
                for piece, found in files.pieces(str(path), files.text_of(str(path)))
                for entry in _sorted_out(piece, found)
            ]
            problems = tuple(entry for entry in entries if isinstance(entry, Problem))
            parts = tuple(entry for entry in entries if not isinstance(entry, Problem))
            before = self._before(path, parts)
            admitted = tuple(
                part
                if isinstance(part, str)
                else replace(
                    part, manifest=self._admit(part.manifest, before.get(key(part.manifest)))
                )
                for part in parts
            )
            if admitted == parts:
                return _File(stamp, parts, problems)
            return self._written(path, admitted, problems)
        except (OSError, ValueError) as error:
            reason = (
                f"can't be written: {error.strerror}" if isinstance(error, OSError) else str(error)
            )
            return _File(stamp, (), (Problem(str(path), reason),))

    def _before(self, path: Path, parts: Sequence[Part]) -> dict[Key, Manifest]:
        """The Ats as they were last written, if some in the file are new or put over those."""
        if all(isinstance(part, str) or part.manifest["metadata"].get("uid") for part in parts):
            return {}
        return {
            key(entry.manifest): entry.manifest
            for entry in files.read(str(self._last(path)))
            if isinstance(entry, Document)
            and files.is_at(entry.manifest)
            and not files.violations(entry)
        }

    def _last(self, path: Path) -> Path:
        return self.path / ".last" / path.relative_to(self.path)

    def _written(
        self, path: Path, parts: Sequence[Part], problems: Sequence[Problem] = ()
    ) -> _File:
        self._keep(path, parts)
        return _File(self.write(path, parts), tuple(parts), tuple(problems))

    def _keep(self, path: Path, parts: Sequence[Part]) -> None:
        if any(isinstance(part, Document) and files.is_at(part.manifest) for part in parts):
            self.write(self._last(path), parts)
        elif not self._read_only:
            self._last(path).unlink(missing_ok=True)

    def _index(self) -> None:
        """Find each object's place. Of two with one name, or one uid, the younger has none."""
        self._places, self._duplicates = {}, []
        uids: dict[str, Document] = {}
        documents = [
            (path, number, part)
            for path, file in self._files.items()
            for number, part in enumerate(file.parts)
            if isinstance(part, Document)
        ]
        for path, number, document in sorted(documents, key=_created):
            place = self._places.get(key(document.manifest))
            twin = uids.setdefault(document.manifest["metadata"]["uid"], document)
            if place:
                reason = f"is also in {self._document(*place)}; remove one of them"
                self._duplicates.append(document.problem("metadata.name", reason))
            elif twin is not document:
                reason = f"is that of {twin}; a copy must not have one"
                self._duplicates.append(document.problem("metadata.uid", reason))
            else:
                self._places[key(document.manifest)] = path, number


def _stamp(path: Path) -> Stamp | None:
    try:
        found = path.stat()
    except OSError:  # Gone, or about to be: then it is as if it had never been there.
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _created(entry: tuple[Path, int, Document]) -> str:
    return str(entry[2].manifest["metadata"]["creationTimestamp"])


def _sorted_out(piece: str, found: Sequence[Document | Problem]) -> Iterator[Part | Problem]:
    """The parts that one document of a file makes, and what is wrong with it."""
    readable = [entry for entry in found if isinstance(entry, Document)]
    if len(readable) < len(found):
        yield from (entry for entry in found if isinstance(entry, Problem))
        yield piece
        return
    for entry in readable:
        refused = files.violations(entry)
        yield from refused
        if not refused and files.is_at_or_pod(entry.manifest):
            yield entry
        else:
            yield piece if len(found) == 1 else files.write(entry.manifest)
