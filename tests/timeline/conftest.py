"""The recordings of these tests are made as those of the sessions' tests."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "session"))
