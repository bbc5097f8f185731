"""For all tests: which are run (selection.py); Hypothesis sets no deadline, because a busy host is no failure; and the
native core is there before the first one.
"""

import contextlib
import signal

import pytest
from hypothesis import settings

from playhead.base.errors import UnsupportedError
from playhead.cli import native_core

pytest_plugins = ["tests.selection"]

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


def pytest_configure(config: pytest.Config) -> None:
    """A run in the background of a script ignores SIGINT, and so would the programs that tests interrupt."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_sessionstart(session: pytest.Session) -> None:
    """Tests start programs and give them so much time; one that builds the core needs more, and says so besides."""
    config = session.config
    if not hasattr(config, "workerinput") and not config.option.collectonly:
        with contextlib.suppress(UnsupportedError):  # some tests run on such a host, too
            native_core.prepare()
