"""`python -m cnat`, the same as `cnat-reconcile`."""

import sys

from cnat.cli import main

sys.exit(main())
