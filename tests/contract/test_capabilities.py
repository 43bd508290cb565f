"""What a server describes of itself is what the table of versions says."""

from __future__ import annotations

from dataclasses import replace

import pytest

from syncer.argilla import Client, Connection
from syncer.argilla.capabilities import capabilities_of, probed
from tests.contract.scene import ServerLike
from tests.fake import FakeArgilla


def client_of(server: ServerLike) -> Client:
    return Client(Connection("s", server.url, server.owner_key, {}, None, False))


def test_the_routes_of_a_server_show_what_the_table_says(server: ServerLike) -> None:
    with client_of(server) as client:
        assert client.version() == server.version
        table = capabilities_of(server.version)
        assert client.capabilities == table
        ignorant = replace(table, bulk_upsert=False, bulk_create=False, progress=False, v1_users=False)
        assert probed(ignorant, client.routes()) == table


@pytest.mark.parametrize(("like", "version", "bulk"), [("2.8.0", "3.1.0", True), ("1.27.0", "2.9.0", False)])
def test_a_version_that_is_not_known_is_probed(like: str, version: str, bulk: bool) -> None:
    fake = FakeArgilla(like)
    fake.version = version
    connection = Connection("s", "http://127.0.0.1:1", fake.owner_key, {}, None, False)
    with Client(connection, transport=fake.transport()) as client:
        assert client.capabilities.known is False
        assert client.capabilities.bulk_upsert is bulk
        assert client.capabilities.lists_from_database
