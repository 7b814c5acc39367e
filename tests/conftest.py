"""What all tests share: examples that are the same in every run, and that no file remembers."""

import hypothesis

hypothesis.settings.register_profile("repeatable", derandomize=True, database=None, deadline=None)
hypothesis.settings.load_profile("repeatable")
