"""`python -m playhead`, for where the `playhead` program is not on the path."""

import sys

from playhead.cli import main

sys.exit(main())
