"""What a user would write instead: an operator that stays, with Kopf, in as few lines as will do.

``python -m kopf run --standalone --all-namespaces --module=tests.bench.kopf_operator`` starts the
Pod of each At at its instant, over the same connection pool and as many at once as cnat. It does
less: it checks nothing before the instant and records no outcome.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import kopf

from cnat.core import api, pod
from cnat.core.at import At
from tests.bench.client import Client
from tests.bench.runs import WIDTH

_ATS = (*api.API_VERSION.split("/"), "ats")
_CREATE = urlencode({"fieldManager": "kopf", "fieldValidation": "Strict"})

_client = Client(Path(os.environ["KUBECONFIG"]), WIDTH)


@kopf.on.startup()
def configure(settings: kopf.OperatorSettings, **_: Any) -> None:
    """As many threads as cnat has; and no Events, which are not what is measured."""
    settings.execution.max_workers = WIDTH
    settings.posting.enabled = False


def _is_open(status: kopf.Status, **_: Any) -> bool:
    return "completionTime" not in status


@kopf.on.resume(*_ATS, when=_is_open)
@kopf.on.create(*_ATS, when=_is_open)
def start(body: kopf.Body, patch: kopf.Patch, **_: Any) -> None:
    """Start the Pod, or be called again at the instant."""
    at = At(dict(body))
    wait = (at.instant - datetime.now(UTC)).total_seconds()
    if wait > 0:
        raise kopf.TemporaryError("not yet due", delay=wait)
    manifest = pod.build(at, at.instant)
    _client("POST", f"/api/v1/namespaces/{at.namespace}/pods?{_CREATE}", manifest)
    patch.status["phase"] = "Running"
