"""For all tests: Hypothesis sets no deadline, because a busy host is no failure."""

from hypothesis import settings

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
