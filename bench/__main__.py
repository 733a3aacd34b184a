"""`python -m bench` is `fvit`."""

import sys

from bench.cli import main

sys.exit(main())
