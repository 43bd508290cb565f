"""Move and sync annotations between copies of an Argilla dataset."""

__version__ = "0.1.0"
