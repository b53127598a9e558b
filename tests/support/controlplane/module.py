"""The Go modules whose builds are the programs of one Kubernetes release.

Those of the pinned release are part of the tree, ``go/``. That of any other is written when it is
asked for: what k8s.io/kubernetes doesn't say of itself (its staging modules have no version inside
its own tree) follows from the release, the rest from its ``go.mod``. Go checks all of it by the
public checksum database.
"""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support.controlplane.errors import AssetsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.support.controlplane.toolchain import Go

VARIABLE = "KUBERNETES"
PINNED = Path(__file__).parent / "go"
FILES = ("go.mod", "go.sum", "main.go")

_ETCD = "go.etcd.io/etcd/server/v3"
_GO_MOD = """\
{head}
go {go}
{godebug}
require (
{require}
)

// k8s.io/kubernetes asks for its staging modules as v0.0.0 and finds them beside it; outside its
// own tree they are the published ones of the same release.
replace (
{replace}
)
"""


def pinned() -> str:
    """Return the release that the tree is made for, as in ``v1.36.3``."""
    found = re.search(r"\n\tk8s\.io/kubernetes (v\S+)\n", (PINNED / "go.mod").read_text())
    if found is None:
        raise AssetsError(f"{PINNED / 'go.mod'} requires no k8s.io/kubernetes")
    return found[1]


def chosen(environ: Mapping[str, str]) -> str:
    """Return the release that ``KUBERNETES`` names, the pinned one where it is not set.

    Raises:
        AssetsError: ``KUBERNETES`` is no release.
    """
    release = environ.get(VARIABLE) or pinned()
    if not re.fullmatch(r"v1\.\d+\.\d+", release):
        raise AssetsError(f"{VARIABLE}={release} is no release of Kubernetes, like {pinned()}.")
    return release


def newest(go: Go) -> str:
    """Return the newest release that there is.

    Raises:
        AssetsError: Go couldn't ask.
    """
    return _go(go, PINNED, "list", "-m", "-f={{.Version}}", "k8s.io/kubernetes@latest").strip()


@dataclass(frozen=True)
class Download:
    """k8s.io/kubernetes of one release, in Go's module cache."""

    directory: Path
    go_mod: Path

    @property
    def openapi(self) -> Path:
        """The description of the core API, which the schemas are generated from."""
        return self.directory / "api/openapi-spec/v3/api__v1_openapi.json"


def write(release: str, directory: Path, go: Go) -> Download:
    """Write ``go.mod`` and ``go.sum`` anew for a release; the module keeps its name.

    Raises:
        AssetsError: Go couldn't get the release, or its modules don't fit together.
    """
    answer = json.loads(
        _go(go, directory, "mod", "download", "-json", f"k8s.io/kubernetes@{release}")
    )
    download = Download(Path(answer["Dir"]), Path(answer["GoMod"]))
    its_own = json.loads(_go(go, directory, "mod", "edit", "-json", str(download.go_mod)))
    go_mod = directory / "go.mod"
    head, _, _ = go_mod.read_text().partition("\ngo ")
    go_mod.write_text(_go_mod(head, release, its_own))
    (directory / "go.sum").unlink(missing_ok=True)
    _go(go, directory, "mod", "tidy")
    return download


def _go_mod(head: str, release: str, its_own: Mapping[str, Any]) -> str:
    staging = [
        each["Old"]["Path"]
        for each in its_own["Replace"]
        if each["New"]["Path"].startswith("./staging/")
    ]
    published = "v0" + release.removeprefix("v1")
    (etcd,) = (each["Version"] for each in its_own["Require"] if each["Path"] == _ETCD)
    required = {
        _ETCD: etcd,
        "k8s.io/component-base": published,
        "k8s.io/kubectl": published,
        "k8s.io/kubernetes": release,
    }
    return _GO_MOD.format(
        head=head,
        go=its_own["Go"],
        godebug="".join(
            f"\ngodebug {each['Key']}={each['Value']}\n" for each in its_own.get("GoDebug") or ()
        ),
        require="\n".join(f"\t{path} {version}" for path, version in required.items()),
        replace="\n".join(f"\t{path} => {path} {published}" for path in sorted(staging)),
    )


def _go(go: Go, directory: Path, *arguments: str) -> str:
    result = subprocess.run(
        [str(go.executable), *arguments],
        cwd=directory,
        env=dict(go.environ),
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        said = "\n".join((result.stderr + result.stdout).splitlines()[-20:])
        raise AssetsError(
            f"go {' '.join(arguments)} failed:\n{said}\nIs that a release of Kubernetes, are its"
            " modules within reach, and is Go new enough for it?"
        )
    return result.stdout
