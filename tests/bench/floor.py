"""The floor: what a pass must ask of the API server, and nothing else.

``python -m tests.bench.floor KUBECONFIG NAMESPACE|- WIDTH whole|index`` makes the requests of a
pass over the same connection pool and decodes the same JSON. It lists all of our Pods, and the Ats
whole; or the Pods that aren't recorded, and the Ats by the CRD's printer columns. For WIDTH above 0
it then creates the Pod of each At in as many threads.
"""

from __future__ import annotations

import sys
from pathlib import Path
from urllib.parse import quote

from cnat.cluster import table
from cnat.core import api, pod
from cnat.core.at import At
from tests.bench.client import Client

PAGE_SIZE = 500  # the default of --page-size


def main(kubeconfig: str, name: str, width: int, ats: str) -> int:
    """Return the exit code."""
    client = Client(Path(kubeconfig), max(1, width))
    scope = "" if name == "-" else f"/namespaces/{name}"
    pods = api.UNRECORDED_POD_SELECTOR if ats == "index" else api.POD_SELECTOR
    for _ in client.pages(f"/api/v1{scope}/pods?labelSelector={quote(pods)}&", PAGE_SIZE):
        pass
    bodies = []
    path = f"/apis/{api.API_VERSION}{scope}/ats?"
    if ats == "index":
        columns = client.pages(f"{path}includeObject=None&", PAGE_SIZE, "rows", table.ACCEPT)
        return sum(0 for _ in columns)
    for page in client.pages(path, PAGE_SIZE):
        if width:
            bodies += [pod.build(at, at.instant) for at in map(At, page)]
    path = f"/api/v1{scope}/pods?fieldManager={api.MANAGER}&fieldValidation=Strict"
    client.each(lambda body: client("POST", path, body), bodies)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]))
