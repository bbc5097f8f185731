"""The recordings of these tests are made as those of the sessions' tests; gdb speaks as in its own."""

import sys
from pathlib import Path

for name in ("session", "gdb"):
    sys.path.insert(0, str(Path(__file__).parents[1] / name))
