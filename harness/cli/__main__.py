"""`python -m harness.cli` is `ike-harness`."""

import sys

from harness.cli import main

sys.exit(main())
