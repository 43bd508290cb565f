"""Servers that the whole test session shares, started when the first test asks for them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers import Server, running_server
from tests.servers.builds import build

OLD = "1.27.0"
NEW = "2.8.0"


def _shared(request: pytest.FixtureRequest, version: str) -> Iterator[Server]:
    capture = request.config.pluginmanager.getplugin("capturemanager")
    assert capture is not None
    # an installation takes a minute: let its messages through
    with capture.global_and_fixture_disabled():
        build(version)
    with running_server(version) as server:
        yield server


@pytest.fixture(scope="session")
def server_new(request: pytest.FixtureRequest) -> Iterator[Server]:
    """An argilla-server 2.8.0; tests make their own workspaces and datasets in it."""
    yield from _shared(request, NEW)


@pytest.fixture(scope="session")
def server_old(request: pytest.FixtureRequest) -> Iterator[Server]:
    """An argilla-server 1.27.0; tests make their own workspaces and datasets in it."""
    yield from _shared(request, OLD)
