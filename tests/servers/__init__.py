"""Real argilla-servers for tests, demonstrations and people."""

from tests.servers.builds import BuildError, versions
from tests.servers.server import Server, ServerError, running_server

__all__ = ["BuildError", "Server", "ServerError", "running_server", "versions"]
