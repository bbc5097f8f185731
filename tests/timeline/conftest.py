"""The recordings of these tests are made as those of the sessions' tests; gdb is run as for the protocol's."""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / room) for room in ("session", "gdb")]
