"""OCI images as files: what a registry has.

https://github.com/opencontainers/image-spec/blob/v1.1.0/manifest.md
"""

from __future__ import annotations

import hashlib
import json
import platform
import shutil
import tarfile
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.node.errors import NodeError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_OCI = "application/vnd.oci.image"
MANIFEST_TYPE = f"{_OCI}.manifest.v1+json"
PATH = "/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"

# As OCI names architectures: https://go.dev/doc/install/source#environment
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


class Images:
    """A folder of blobs, and the names of the images among them."""

    def __init__(self, folder: Path) -> None:
        """``folder`` is an existing one."""
        self._blobs = folder / "blobs"
        self._blobs.mkdir(exist_ok=True)
        self._names = folder / "names.json"
        self._layers: dict[Path, dict[str, object]] = {}

    def blob(self, digest: str) -> Path | None:
        """The file of a digest, as in ``sha256:…``, if it is there."""
        path = self._blobs / digest.removeprefix("sha256:")
        return path if path.is_file() else None

    def digest(self, name: str) -> str | None:
        """The digest of the manifest of ``registry/repository:tag``, if there is such an image."""
        return self._all_names().get(name)

    def publish(
        self, names: Iterable[str], layers: Iterable[Path], config: Mapping[str, object]
    ) -> None:
        """Add an image.

        Args:
            names: each ``registry/repository:tag``.
            layers: a folder for each, the lowest first.
            config: the image's own configuration: User, Entrypoint, ...
        """
        described = [self._layer(folder) for folder in layers]
        body = {
            "architecture": _ARCHITECTURES[platform.machine()],
            "os": "linux",
            "config": {"Env": [f"PATH={PATH}"], **config},
            "rootfs": {"type": "layers", "diff_ids": [layer["digest"] for layer in described]},
        }
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": {"mediaType": f"{_OCI}.config.v1+json", **self._document(body)},
            "layers": [{"mediaType": f"{_OCI}.layer.v1.tar", **layer} for layer in described],
        }
        digest = self._document(manifest)["digest"]
        self._names.write_text(json.dumps({**self._all_names(), **dict.fromkeys(names, digest)}))

    def _all_names(self) -> dict[str, str]:
        names: dict[str, str] = json.loads(self._names.read_text()) if self._names.exists() else {}
        return names

    def _document(self, document: object) -> dict[str, object]:
        data = json.dumps(document).encode()
        digest = hashlib.sha256(data).hexdigest()
        (self._blobs / digest).write_bytes(data)
        return {"digest": f"sha256:{digest}", "size": len(data)}

    def _layer(self, folder: Path) -> dict[str, object]:
        if folder not in self._layers:
            self._layers[folder] = self._packed(folder)
        return self._layers[folder]

    def _packed(self, folder: Path) -> dict[str, object]:
        with tempfile.NamedTemporaryFile(dir=self._blobs, delete=False) as file:
            with tarfile.open(fileobj=file, mode="w") as archive:
                for child in sorted(folder.iterdir()):
                    archive.add(child, arcname=child.name, filter=_plain)
            size = file.tell()
        path = Path(file.name)
        with path.open("rb") as written:
            digest = hashlib.file_digest(written, "sha256").hexdigest()
        path.rename(self._blobs / digest)
        return {"digest": f"sha256:{digest}", "size": size}


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    # An overlay keeps what was deleted as a device. So far no step of ours deletes anything.
    if member.isdev():
        raise NodeError(f"/{member.name} is deleted by a step: images.py has to learn whiteouts")
    return member


def files(folder: Path, programs: Mapping[str, Path], links: Mapping[str, str]) -> Path:
    """Return ``folder``, made and filled with executables and symbolic links, each by its path."""
    (folder / "tmp").mkdir(parents=True)
    (folder / "tmp").chmod(0o1777)
    for target, source in programs.items():
        (folder / target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, folder / target)
    for target, to in links.items():
        (folder / target).symlink_to(to)
    return folder
