"""Another client: ``python -m tests.bench.neighbour KUBECONFIG NAMESPACE``, until SIGTERM.

Twenty times a second it writes, reads or deletes a ConfigMap. It prints how many seconds each
request took, as a JSON list.
"""

from __future__ import annotations

import itertools
import json
import signal
import sys
import time
from pathlib import Path

from tests.bench.client import Client

_PAUSE = 0.05


def main(kubeconfig: str, namespace: str) -> int:
    """Return the exit code."""
    ended: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: ended.append(number))
    client = Client(Path(kubeconfig), 1)
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    manifest = {"metadata": {"name": "neighbour"}, "data": {"key": "value"}}
    took = []
    for turn in itertools.cycle(("POST", "GET", "DELETE")):
        if ended and turn == "POST":
            break
        began = time.monotonic()
        client(turn, path if turn == "POST" else f"{path}/neighbour", manifest)
        took.append(time.monotonic() - began)
        time.sleep(_PAUSE)
    print(json.dumps(took))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
