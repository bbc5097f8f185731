"""Machines are made as for the sessions' tests."""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / "session")]
