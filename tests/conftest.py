"""Settings of all tests."""

from hypothesis import settings

# A slow machine is no failure, and the same commit gives the same result everywhere.
settings.register_profile("everywhere", deadline=None, derandomize=True)
settings.load_profile("everywhere")
