"""One request on its way through the proxy, and what can be done to it."""

from __future__ import annotations

import http.client
import os
import select
import socket
import struct
import threading
from dataclasses import dataclass, field
from urllib.parse import urlsplit

HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "date", "server"}
POLL = 0.05


class ConnectionCut(Exception):
    """Ends an exchange: the client gets nothing more, its connection is closed."""


@dataclass
class Seen:
    """One request that reached the proxy."""

    method: str
    path: str
    """With the query."""
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes
    status: int | None = None
    """What the client was answered; None while there is no answer, and for good if there never was one."""
    upstream_status: int | None = None
    """What the server answered; None if it never got the complete request."""
    fault: str = ""
    """The name of the fault that a rule applied."""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


class Exchange:
    """What a fault may do with one request: forward it, answer it, cut it."""

    def __init__(
        self, seen: Seen, upstream: str, client: socket.socket, closing: threading.Event, private: set[str]
    ) -> None:
        self.seen = seen
        self._upstream = urlsplit(upstream)
        self._client = client
        self._closing = closing
        self._dropped = HOP | private

    def forward(self) -> Answer:
        """Send the complete request on and read the complete answer; a server that is away cuts the client off."""
        connection = self._connect()
        try:
            connection.request(self.seen.method, self.seen.path, self.seen.body, self._headers())
            response = connection.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException) as problem:
            raise ConnectionCut from problem
        finally:
            connection.close()
        self.seen.upstream_status = response.status
        headers = {name.lower(): value for name, value in response.getheaders() if name.lower() not in HOP}
        return Answer(response.status, headers, body)

    def forward_half(self) -> socket.socket:
        """Send the head and half of the body on; the caller closes the connection that this leaves open."""
        connection = self._connect()
        connection.putrequest(self.seen.method, self.seen.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self._headers().items():
            connection.putheader(name, value)
        connection.putheader("content-length", str(len(self.seen.body)))
        connection.endheaders(self.seen.body[: len(self.seen.body) // 2])
        upstream: socket.socket = connection.sock
        return upstream

    def _connect(self) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection(self._upstream.hostname or "", self._upstream.port, timeout=60)
        try:
            connection.connect()
        except OSError as problem:
            raise ConnectionCut from problem
        return connection

    def _headers(self) -> dict[str, str]:
        return {name: value for name, value in self.seen.headers.items() if name not in self._dropped} | {
            "connection": "close"
        }

    def deliver(self, answer: Answer) -> None:
        """Send a complete answer to the client."""
        body = b"" if answer.status == 204 else answer.body
        length = {} if answer.status == 204 else {"content-length": str(len(body))}
        # Noted first: a client that has its answer may look into the log at once.
        self.seen.status = answer.status
        self.send(self.head(answer, length) + body)

    def head(self, answer: Answer, framing: dict[str, str]) -> bytes:
        """The status line and headers of an answer, with the framing headers given."""
        reason = http.client.responses.get(answer.status, "Unknown")
        headers = "".join(f"{name}: {value}\r\n" for name, value in (answer.headers | framing).items())
        return f"HTTP/1.1 {answer.status} {reason}\r\n{headers}\r\n".encode("latin-1")

    def send(self, data: bytes) -> None:
        """Send raw bytes; a client that has gone ends the exchange."""
        try:
            self._client.sendall(data)
        except OSError as problem:
            self.seen.status = None
            raise ConnectionCut from problem

    def cut(self, *, reset: bool = False) -> ConnectionCut:
        """The exception to raise to close the client's connection, with a reset if wanted."""
        if reset:
            # Closed here and now: the ordinary way out would say goodbye first.
            self._client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            os.close(self._client.detach())
        return ConnectionCut()

    def wait(self, seconds: float | None = None) -> None:
        """Wait, for ever if no time is given; ends early if the client goes away or the proxy closes."""
        waited = 0.0
        while seconds is None or waited < seconds:
            step = POLL if seconds is None else min(POLL, seconds - waited)
            if self._closing.wait(step):
                raise ConnectionCut
            waited += step
            if self._gone():
                raise ConnectionCut

    def _gone(self) -> bool:
        readable, _, _ = select.select([self._client], [], [], 0)
        try:
            return bool(readable) and self._client.recv(1, socket.MSG_PEEK) == b""
        except OSError:
            return True
