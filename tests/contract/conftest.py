"""The fixtures of the contract."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest

from tests.fake import FakeArgilla, serve
from tests.servers.seed import Admin

from .scene import QUESTIONS, SERVERS, Scene, ServerLike, parameters
from .site import Site, Stage


@pytest.fixture(scope="session", params=parameters(SERVERS))
def server(request: pytest.FixtureRequest) -> Iterator[ServerLike]:
    """Each fake version and each real server, one after the other."""
    kind, _, version = request.param.partition("-")
    if kind == "real":
        yield request.getfixturevalue("real_server")(version)
        return
    with serve(FakeArgilla(version)) as served:
        yield served


@pytest.fixture
def scene(server: ServerLike) -> Iterator[Scene]:
    suffix = uuid4().hex[:10]
    workspace = f"contract-{suffix}"
    with Admin(server.url, server.owner_key, server.version) as admin:
        ann = admin.user(f"ann-{suffix}", workspaces=[workspace])
        bob = admin.user(f"bob-{suffix}", workspaces=[workspace])
        dataset = admin.dataset(workspace, "reviews", questions=QUESTIONS)
        yield Scene(server, admin, ann, bob, dataset, suffix)


@pytest.fixture
def stage(server: ServerLike) -> Iterator[Stage]:
    """A dataset and two people of the test's own."""
    with Admin(server.url, server.owner_key, server.version) as admin:
        yield Stage.build(Site(admin), uuid4().int % 10**12)
