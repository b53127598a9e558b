"""The tools' own kinds, in a cluster."""

from __future__ import annotations

from collections.abc import Iterable

import yaml

from tests.gitops.tool import Manifest
from tests.support.controlplane.server import ControlPlane


def install(control_plane: ControlPlane, crds: Iterable[Manifest]) -> None:
    """Apply CRDs, and wait until the API server serves them."""
    manifests = list(crds)
    # Not the default way: Argo CD's are too big for the annotation of that.
    text = yaml.safe_dump_all(manifests)
    control_plane.kubectl("apply", "--server-side", "--filename=-", input=text)
    control_plane.wait_until_served(*(each["metadata"]["name"] for each in manifests))
