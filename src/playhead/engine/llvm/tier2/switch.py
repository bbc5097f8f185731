"""Whether there is a second tier: the environment variable, for tests and doubts, or what a caller asks for."""

import os

from playhead.base.errors import UsageError

VARIABLE = "PLAYHEAD_TIER2"
OFF, ON, FORCE = "off", "on", "force"  # FORCE: each block is compiled before it is first entered, for tests
SETTINGS = OFF, ON, FORCE
DEFAULT = ON
FORCED_SLICE = 5000  # so that tests have regions as well
SLICE = 1 << 22  # instructions in one go while there is a second tier, so that new code is soon in place


def chosen(asked: str | None = None) -> str:
    """What was asked for, else what the environment says, else the default. Raises UsageError."""
    text = os.environ.get(VARIABLE) or DEFAULT if asked is None else asked
    if text not in SETTINGS:
        raise UsageError(f"{VARIABLE}={text}: there is {', '.join(SETTINGS)}")
    return text
