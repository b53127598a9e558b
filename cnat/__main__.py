"""`python -m cnat`, the same as `cnat-reconcile`."""

import sys

from cnat.cli.main import main

sys.exit(main())
