"""The servers of most tests of the core."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.core.scene import made
from tests.core.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = made(tmp_path, "2.8.0")
    yield world
    world.close()


@pytest.fixture
def old(tmp_path: Path) -> Iterator[World]:
    """A server that can only insert a response by re-creating its record."""
    world = made(tmp_path, "1.27.0")
    yield world
    world.close()
