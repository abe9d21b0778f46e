"""`python -m trabfem` is the same program as `trabfem`."""

import sys

from trabfem.cli import main

sys.exit(main())
