"""Root folders made of Debian packages, once, into a cache outside the tree.

apt resolves, fetches and verifies them with a state of its own; the machine's packages stay as they
are. They are unpacked and not installed: no script of theirs runs.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.controlplane import build
from tests.support.node.errors import NodeError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SUITE = "trixie"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
TOOLS = ("apt-get", "dpkg-deb")

# base-files has the links of the merged /usr, so the rest is unpacked over it.
_ALWAYS = ("base-files", "ca-certificates", "dash")


def root(packages: Sequence[str], announce: Callable[[str], None]) -> Path:
    """Return a folder that holds these packages and what they depend on. Nobody may write to it.

    Raises:
        NodeError: apt can't bring them.
    """
    wanted = (*_ALWAYS, *packages)
    digest = hashlib.sha256(repr((SUITE, wanted)).encode()).hexdigest()[:12]
    target = build.cache() / f"debian-{SUITE}-{digest}"
    target.parent.mkdir(parents=True, exist_ok=True)
    with build.locked(target.with_name(f"{target.name}.lock")):
        if target.is_dir():
            return target
        announce(f"Fetching Debian's {', '.join(packages)}, once. They will be in {target}")
        scratch = target.with_name(f"{target.name}.building")
        shutil.rmtree(scratch, ignore_errors=True)
        try:
            for package in _fetched(wanted, scratch):
                _run("dpkg-deb", "--extract", str(package), str(scratch / "root"))
            (scratch / "root").rename(target)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    return target


def _fetched(packages: Sequence[str], scratch: Path) -> list[Path]:
    """The packages' files, base-files first."""
    for folder in ("lists/partial", "archives/partial"):
        (scratch / folder).mkdir(parents=True)
    sources = scratch / "sources.list"
    sources.write_text(f"deb [signed-by={KEYRING}] {_mirror()} {SUITE} main\n")
    (scratch / "status").touch()  # nothing is installed
    settings = {
        "Dir::State": scratch,
        "Dir::State::status": scratch / "status",
        "Dir::Cache": scratch,
        "Dir::Etc::SourceList": sources,
        "Dir::Etc::SourceParts": "-",
        "Dir::Etc::Preferences": "-",
        "Dir::Etc::PreferencesParts": "-",
        "Acquire::Languages": "none",
        "APT::Install-Recommends": "false",
        "APT::Sandbox::User": "root",  # its usual one can't reach a folder in somebody's home
    }
    apt = ["apt-get", "--quiet=2", *(f"--option={key}={value}" for key, value in settings.items())]
    _run(*apt, "update")
    _run(*apt, "install", "--download-only", "--assume-yes", *packages)
    files = (scratch / "archives").glob("*.deb")
    return sorted(files, key=lambda path: not path.name.startswith("base-files_"))


def _mirror() -> str:
    """The mirror of Debian that this machine's own packages come from, or DEBIAN_MIRROR names."""
    if given := os.environ.get("DEBIAN_MIRROR"):
        return given
    for uri in _run("apt-get", "indextargets", "--format=$(REPO_URI)").split():
        if uri.rstrip("/").endswith("/debian"):
            return uri
    raise NodeError("no mirror of Debian is among this machine's apt sources: set DEBIAN_MIRROR")


def _run(*command: str) -> str:
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        raise NodeError(f"{' '.join(command[:1])} failed:\n{result.stderr or result.stdout}")
    return result.stdout
