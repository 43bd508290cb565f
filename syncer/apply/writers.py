"""The one door to clients that write."""

from __future__ import annotations

from syncer.argilla import Connection, RetryPolicy
from syncer.argilla.transport import Listener
from syncer.argilla.writes import Writer


def open_writer(connection: Connection, policy: RetryPolicy, listener: Listener | None = None) -> Writer:
    """A client that may write to a server."""
    return Writer(connection, policy=policy, listener=listener)


__all__ = ["Writer", "open_writer"]
