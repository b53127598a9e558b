"""The objects that a server keeps, in files; of the embedded store, what etcd is of a cluster."""

from __future__ import annotations

import fcntl
import hashlib
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cnat.cluster.protocol import ClusterError, Rejected
from cnat.core.fields import Manifest
from cnat.manifests import decode
from cnat.manifests.encode import encode
from cnat.manifests.snapshot import Key, key

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?")


class Folder:
    """One object a file: `PATH/ats/NAMESPACE/NAME.yaml`, as the keys in etcd.

    The file is the object, so whoever edits that of a Pod plays the kubelet. Only the
    resourceVersion is not in it: that is a digest of the text, by which such an edit shows as any
    other write does.

    Threads and processes may share a folder. Call everything else within `with folder.locked():`.

    Args:
        path: is made where it isn't there.
        read_only: keep all changes to oneself.
    """

    def __init__(self, path: Path, *, read_only: bool) -> None:
        self._path = path
        self._read_only = read_only
        self._mutex = threading.Lock()
        self._unsaved: dict[Key, Manifest | None] = {}

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
                self._make()
                with (self._path / ".lock").open("a") as lock:
                    fcntl.flock(lock, fcntl.LOCK_EX)
                    yield
        except OSError as error:
            raise ClusterError(f"{error.filename or self._path}: {error.strerror}") from error

    def all(self, kind: str) -> list[Manifest]:
        """The objects of one kind, by namespace and name."""
        saved = self._path.glob(f"{_resource(kind)}/*/*.yaml")
        keys = {(kind, path.parent.name, path.stem) for path in saved if path.name[0] != "."}
        keys |= {each for each in self._unsaved if each[0] == kind}
        return [found for each in sorted(keys) if (found := self.get(each)) is not None]

    def get(self, wanted: Key) -> Manifest | None:
        """The object as it is now, or None.

        Raises:
            ClusterError: somebody has damaged its file.
        """
        if wanted in self._unsaved:
            return self._unsaved[wanted]
        path = self._file(wanted)
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        try:
            match decode.decode(text):
                case {"metadata": {}} as manifest:
                    return _versioned(manifest, text)
            reason = "is no object"
        except ValueError as error:
            reason = str(error)
        raise ClusterError(f"{path}: {reason}; correct it, or remove it to delete the object")

    def put(self, manifest: Manifest) -> dict[str, Any]:
        """Store an object, in place of the one that has its name; answer it as stored."""
        path = self._file(key(manifest))
        metadata = {k: v for k, v in manifest["metadata"].items() if k != "resourceVersion"}
        text = encode({**manifest, "metadata": metadata})
        stored = _versioned(manifest, text)
        if self._read_only:
            self._unsaved[key(manifest)] = stored
        else:
            self._write(path, text)
        return stored

    def remove(self, manifest: Manifest) -> None:
        """Remove the object of that name."""
        if self._read_only:
            self._unsaved[key(manifest)] = None
        else:
            self._file(key(manifest)).unlink()

    def _file(self, wanted: Key) -> Path:
        """Raises Rejected for a name that could lead out of the folder."""
        kind, namespace, name = wanted
        if not (_NAME.fullmatch(namespace) and _NAME.fullmatch(name)):
            raise Rejected(422, "Invalid", f"{kind} {namespace}/{name} has no DNS name")
        return self._path / _resource(kind) / namespace / f"{name}.yaml"

    def _make(self) -> None:
        if not self._path.exists():
            self._path.mkdir(exist_ok=True)
            # What is in here is no manifest, and none to commit.
            (self._path / ".gitignore").write_text("*\n", encoding="utf-8")

    def _write(self, path: Path, text: str) -> None:
        """Write a file, so that who reads it meanwhile sees the old one or the new one."""
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._path / ".tmp"
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)


def _resource(kind: str) -> str:
    return f"{kind.lower()}s"


def _versioned(manifest: Manifest, text: str) -> dict[str, Any]:
    version = hashlib.sha256(text.encode()).hexdigest()[:16]
    return {**manifest, "metadata": {**manifest["metadata"], "resourceVersion": version}}
