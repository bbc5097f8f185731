"""For tests of analyses: the quiet world of `tests/session` is theirs, too."""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / "session")]
