"""The one door to clients that write."""

from __future__ import annotations

from typing import Protocol

from syncer.argilla import Client, Connection, RetryPolicy
from syncer.argilla.transport import Listener
from syncer.argilla.writes import Writer


class Servers(Protocol):
    """The configured servers."""

    def connection(self, name: str) -> Connection:
        """The connection of a named server. Raises UsageError."""
        ...

    def client(self, name: str) -> Client:
        """A client that only reads."""
        ...

    def writer(self, name: str) -> Writer:
        """A client that also writes."""
        ...


def open_writer(connection: Connection, policy: RetryPolicy, listener: Listener | None = None) -> Writer:
    """A client that may write to a server."""
    return Writer(connection, policy=policy, listener=listener)


__all__ = ["Servers", "Writer", "open_writer"]
