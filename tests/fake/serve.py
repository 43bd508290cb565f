"""The fake server on a real loopback socket, in threads of the test process."""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import unquote

from .loopback import LoopbackHandler, LoopbackServer, running
from .server import FakeArgilla


@dataclass(frozen=True)
class Served:
    """A server that tests can talk to: the same names as a real one has, and the fake behind it."""

    url: str
    version: str
    owner_key: str
    fake: FakeArgilla

    def index(self, *, lag: bool = False, forget: Iterable[str] = (), stale: Iterable[str] = ()) -> None:
        """Set all that the search index gets wrong from now on; without arguments it is right again."""
        self.fake.index.set(lag=lag, forget=forget, stale=stale)


class _Server(LoopbackServer):
    def __init__(self, fake: FakeArgilla) -> None:
        super().__init__(_Handler)
        self.fake = fake


class _Handler(LoopbackHandler):
    server: _Server

    def _serve(self) -> None:
        body = self.read_body()
        if body is None:
            self.close_connection = True
            return
        path, _, query = self.path.partition("?")
        headers = {name.lower(): value for name, value in self.headers.items()}
        status, answer_headers, answer = self.server.fake.handle(self.command, unquote(path), query, headers, body)
        self.send_response(status)
        for name, value in answer_headers.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("content-length", str(len(answer)))
        if status == 500:
            # A real server closes the connection behind a 500.
            self.send_header("connection", "close")
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve


@contextmanager
def serve(fake: FakeArgilla, tls: ssl.SSLContext | None = None) -> Iterator[Served]:
    """Serve on a free port until the block ends, with `tls` over https."""
    server = _Server(fake)
    url = server.url
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
        url = url.replace("http:", "https:")
    with running(server):
        yield Served(url, fake.version, fake.owner_key, fake)
