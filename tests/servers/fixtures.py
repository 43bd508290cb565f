"""Servers that the whole test session shares, started when the first test asks for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest

from tests.servers import Server, running_server
from tests.servers.builds import build

OLD = "1.27.0"
NEW = "2.8.0"


@contextmanager
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
    with _shared(request, NEW) as server:
        yield server


@pytest.fixture(scope="session")
def server_old(request: pytest.FixtureRequest) -> Iterator[Server]:
    """An argilla-server 1.27.0; tests make their own workspaces and datasets in it."""
    with _shared(request, OLD) as server:
        yield server


@pytest.fixture(scope="session")
def real_server(request: pytest.FixtureRequest) -> Iterator[Callable[[str], Server]]:
    """Gives the server of a version, started when it is first asked for; words after the version tell several apart."""
    running: dict[str, Server] = {}
    known = {NEW: "server_new", OLD: "server_old"}
    with ExitStack() as stack:

        def give(name: str) -> Server:
            if name in known:
                shared: Server = request.getfixturevalue(known[name])
                return shared
            if name not in running:
                running[name] = stack.enter_context(_shared(request, name.partition(" ")[0]))
            return running[name]

        yield give
