"""The CronJob by the clock. The last file here, so that the minute has passed when it comes."""

from __future__ import annotations

import json
import re

from tests.install.eventually import eventually
from tests.support.controlplane.server import ControlPlane


def test_a_pass_starts_at_the_full_minute_even_while_another_hangs(installed: ControlPlane) -> None:
    def started() -> list[str]:
        listed = installed.kubectl("get", "jobs", "--namespace=cnat-system", "--output=json")
        names = [job["metadata"]["name"] for job in json.loads(listed.stdout)["items"]]
        assert "hanging" in names
        return [name for name in names if re.fullmatch(r"cnat-reconcile-\d+", name)]

    eventually(started, within=75)
