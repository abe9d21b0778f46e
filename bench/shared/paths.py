"""Where a benchmark finds modules: in the source tree that it stands in. Each imports this before all else.

The folder of a benchmark holds operator.py, which must not stand in for the one of the standard library; so nothing is
imported here that might want that one.
"""

import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:1] = [ROOT, os.path.join(ROOT, "src")]

# Once the folder of the benchmark is off the path.
from bench.shared import stand_ins  # noqa: E402, F401
