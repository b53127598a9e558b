#!/usr/bin/env python3
"""Reconcile all Ats once: `python reconcile.py --help`."""

import sys

try:
    from cnat.cli.main import main
except ModuleNotFoundError as error:
    sys.exit(f"{error}; install what is needed: python -m pip install -r requirements.lock")

if __name__ == "__main__":
    sys.exit(main())
