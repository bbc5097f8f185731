"""For all tests: which are run (selection.py); and Hypothesis sets no deadline, because a busy host is no failure."""

from hypothesis import settings

pytest_plugins = ["tests.selection"]

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
