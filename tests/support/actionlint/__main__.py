"""``python -m tests.support.actionlint``: check the workflows, as a part of `make lint`.

The checker is built from Go modules, once. Where that can't be done, offline for example, the
workflows stay unchecked and that is said; in CI it is a failure.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.support import go_tool
from tests.support.controlplane.errors import AssetsError

ACTIONLINT = go_tool.Recipe(
    "actionlint", "github.com/rhysd/actionlint", [], [], Path(__file__).parent
)
_WORKFLOWS = Path(__file__).parents[3] / ".github/workflows"
# What it would run besides if it is installed: then it would not find the same everywhere.
_NO_OTHERS = ("-shellcheck=", "-pyflakes=")


def main() -> int:
    try:
        directory = go_tool.built(ACTIONLINT)
    except AssetsError as error:
        sys.stderr.write(f"The workflows were not checked by actionlint: {error}\n")
        return 1 if os.environ.get("CI") else 0
    workflows = map(str, sorted(_WORKFLOWS.iterdir()))
    command = [str(directory / ACTIONLINT.name), *_NO_OTHERS, *workflows]
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
