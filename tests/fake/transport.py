"""An httpx transport into the fake server, with room for what goes wrong in between."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum

import httpx


class Chaos(Enum):
    """What happens to one request."""

    REFUSED = "the connection is refused; the server sees nothing"
    CUT = "the connection breaks while sending; the server sees nothing"
    LOST = "the server does the work, the answer never arrives"
    TIMEOUT = "the server does the work, the client gives up waiting"
    BUSY = "a 429 instead of the work"
    BROKEN_BEFORE = "a 500 instead of the work"
    BROKEN_AFTER = "a 500 after the work"


Handle = Callable[[str, str, str, Mapping[str, str], bytes], tuple[int, dict[str, str], bytes]]
Disturb = Callable[[httpx.Request], Chaos | None]


def undisturbed(_: httpx.Request) -> None:
    return None


class FakeTransport(httpx.BaseTransport):
    """Answers every request from the fake, whatever host it is for.

    `disturb` is called before each request: it may let people act on the server, and may return a fault.
    """

    def __init__(self, handle: Handle, disturb: Disturb = undisturbed) -> None:
        self._handle = handle
        self._disturb = disturb

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        body = request.read()
        match self._disturb(request):
            case Chaos.REFUSED:
                raise httpx.ConnectError("connection refused", request=request)
            case Chaos.CUT:
                raise httpx.WriteError("connection reset", request=request)
            case Chaos.BUSY:
                return httpx.Response(429, headers={"retry-after": "1"}, stream=httpx.ByteStream(b""), request=request)
            case Chaos.BROKEN_BEFORE:
                return httpx.Response(500, stream=httpx.ByteStream(b""), request=request)
            case Chaos.LOST:
                self._forward(request, body)
                raise httpx.ReadError("connection reset", request=request)
            case Chaos.TIMEOUT:
                self._forward(request, body)
                raise httpx.ReadTimeout("timed out", request=request)
            case Chaos.BROKEN_AFTER:
                self._forward(request, body)
                return httpx.Response(500, stream=httpx.ByteStream(b""), request=request)
            case None:
                return self._forward(request, body)

    def _forward(self, request: httpx.Request, body: bytes) -> httpx.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        url = request.url
        status, answer_headers, answer = self._handle(request.method, url.path, url.query.decode(), headers, body)
        return httpx.Response(status, headers=answer_headers, stream=httpx.ByteStream(answer), request=request)
