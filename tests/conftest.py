"""For all tests: which are run (selection.py); Hypothesis sets no deadline, because a busy host is no failure; and the
native core is there before the first one.
"""

import contextlib

import pytest
from hypothesis import settings

from playhead.base.errors import UnsupportedError
from playhead.cli import native_core

pytest_plugins = ["tests.selection"]

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


def pytest_sessionstart(session: pytest.Session) -> None:
    """Tests start programs and give them so much time; one that builds the core needs more, and says so besides."""
    config = session.config
    if not hasattr(config, "workerinput") and not config.option.collectonly:
        with contextlib.suppress(UnsupportedError):  # some tests run on such a host, too
            native_core.prepare()
