"""A state of the test's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from state import Store


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where the state lies; nothing is there yet."""
    return tmp_path / "folder" / "state.db"


@pytest.fixture
def store(place: Path) -> Iterator[Store]:
    """An open, empty state."""
    with Store(place) as opened:
        yield opened
