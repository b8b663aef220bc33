"""What all tests share: how hypothesis looks for counterexamples."""

from hypothesis import settings

# No deadline: the tests share a machine with clusters, and how fast something is, is a benchmark's promise.
settings.register_profile("house", deadline=None)
settings.load_profile("house")
