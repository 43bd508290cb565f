"""The one door to clients that write."""

from __future__ import annotations

from syncer.argilla import Connection, RetryPolicy
from syncer.argilla.writes import Writer


def open_writer(connection: Connection, policy: RetryPolicy) -> Writer:
    """A client that may write to a server."""
    return Writer(connection, policy=policy)


__all__ = ["Writer", "open_writer"]
