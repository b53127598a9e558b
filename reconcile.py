#!/usr/bin/env python3
"""Reconcile all Ats once: `python reconcile.py --help`."""

import sys

from cnat.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
