"""Clients for the configured servers."""

from __future__ import annotations

from syncer.apply.writers import Writer, open_writer
from syncer.argilla import Client, Connection, RetryPolicy
from syncer.argilla.transport import Listener
from syncer.config import Config
from syncer.errors import UnexpectedAnswer


class ConfiguredServers:
    """Opens clients by server name; those that read are kept and reused."""

    def __init__(self, config: Config, policy: RetryPolicy, listener: Listener | None = None) -> None:
        self._config = config
        self._policy = policy
        self._listener = listener
        self._clients: dict[str, Client] = {}

    def connection(self, name: str) -> Connection:
        """The connection of a named server. Raises UsageError."""
        return self._config.connection(name)

    def client(self, name: str) -> Client:
        """A client that only reads. Raises UnexpectedAnswer for a server older than 1.24."""
        if name not in self._clients:
            client = Client(self.connection(name), policy=self._policy, listener=self._listener)
            if not client.capabilities.supported:
                raise UnexpectedAnswer(
                    "this Argilla server is too old",
                    where=f"{name}, {client.connection.url}",
                    why=f"it is version {client.capabilities.version}",
                    advice="syncer works with 1.24 and newer",
                )
            self._clients[name] = client
        return self._clients[name]

    def writer(self, name: str) -> Writer:
        """A client that also writes; the caller closes it."""
        return open_writer(self.connection(name), self._policy, self._listener)

    def close(self) -> None:
        """Close all clients that read."""
        for client in self._clients.values():
            client.close()
        self._clients.clear()
