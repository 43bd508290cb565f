"""Worlds on the shared servers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.world import World
from tests.servers import Server, running_server
from tests.servers.seed import Admin


def _world(server: Server, folder: Path) -> Iterator[World]:
    with Admin(server.url, server.owner_key, server.version) as admin:
        yield World(server, admin, folder)


@pytest.fixture
def world(server_new: Server, tmp_path: Path) -> Iterator[World]:
    """On 2.8.0."""
    yield from _world(server_new, tmp_path)


@pytest.fixture
def old_world(server_old: Server, tmp_path: Path) -> Iterator[World]:
    """On 1.27.0, which cannot insert another person's response in place."""
    yield from _world(server_old, tmp_path)


@pytest.fixture(params=["2.8.0", "1.27.0"])
def any_world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """On both, one after the other."""
    server = request.getfixturevalue({"2.8.0": "server_new", "1.27.0": "server_old"}[request.param])
    yield from _world(server, tmp_path)


@pytest.fixture(scope="session")
def second_new_server() -> Iterator[Server]:
    """Another 2.8.0, with other ids and people."""
    with running_server("2.8.0") as server:
        yield server
