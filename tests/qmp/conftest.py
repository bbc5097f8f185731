"""Machines and recordings are made as those of the sessions' tests; processes are talked to as by the monitor's."""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / room) for room in ("session", "monitor")]
