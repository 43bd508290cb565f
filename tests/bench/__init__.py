"""Ratios against a bare loop and against Argilla's own SDK, all on one real server in one run."""
