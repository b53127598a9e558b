"""Run a command and write down what it took: ``python -I -S meter.py RESULT COMMAND...``.

A process of its own, and a small one: Linux counts the memory of the process that forks into the
child's peak (``ru_maxrss`` outlives ``exec``), and a benchmark's own is not small.
"""

import json
import os
import sys
import time


def main(result: str, command: list[str]) -> int:
    """Return the command's exit code."""
    started = time.time()
    pid = os.posix_spawnp(command[0], command, os.environ)
    _, status, usage = os.wait4(pid, 0)
    document = {
        "started": started,
        "ended": time.time(),
        "cpu": usage.ru_utime + usage.ru_stime,
        "memory": usage.ru_maxrss * 1024,
        "code": os.waitstatus_to_exitcode(status),
    }
    with open(result, "w", encoding="utf-8") as file:  # noqa: PTH123  pathlib is slow to import
        json.dump(document, file)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
