"""What can go wrong between a client and a server, one function per fault.

Each function returns a fault: something that handles one exchange from beginning to end. Those that take `then` do
something more and leave the exchange to another fault.
"""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from .exchange import Answer, Exchange, Seen

Handle = Callable[[Exchange], None]
Callback = Callable[[Seen], object]
Framing = Literal["length", "shorter", "chunked", "close", "gzip"]
GZIP_HEAD = b"\x1f\x8b\x08" + bytes(6) + b"\xff"


@dataclass(frozen=True)
class Fault:
    name: str
    handle: Handle


def deliver() -> Fault:
    """No fault: forward, and give the client the answer."""
    return Fault("deliver", lambda exchange: exchange.deliver(exchange.forward()))


def delay(seconds: float, then: Fault | None = None) -> Fault:
    """Wait before forwarding."""

    def handle(exchange: Exchange) -> None:
        exchange.wait(seconds)
        (then or deliver()).handle(exchange)

    return Fault("delay", handle)


def before(callback: Callback, then: Fault | None = None) -> Fault:
    """Call before forwarding: the server has seen nothing yet."""

    def handle(exchange: Exchange) -> None:
        callback(exchange.seen)
        (then or deliver()).handle(exchange)

    return Fault("before", handle)


def after(callback: Callback) -> Fault:
    """Call when the server has answered and the client has seen nothing of it."""

    def handle(exchange: Exchange) -> None:
        reply = exchange.forward()
        callback(exchange.seen)
        exchange.deliver(reply)

    return Fault("after", handle)


def delivered(callback: Callback) -> Fault:
    """Call when the complete answer has been sent to the client."""

    def handle(exchange: Exchange) -> None:
        exchange.deliver(exchange.forward())
        callback(exchange.seen)

    return Fault("delivered", handle)


def mid_answer(callback: Callback, at: int = 1) -> Fault:
    """Send the head and `at` bytes of the body, call, send the rest."""

    def handle(exchange: Exchange) -> None:
        reply = exchange.forward()
        exchange.send(exchange.head(reply, {"content-length": str(len(reply.body))}) + reply.body[:at])
        callback(exchange.seen)
        exchange.seen.status = reply.status
        exchange.send(reply.body[at:])

    return Fault("mid_answer", handle)


def cut_before(*, reset: bool = False) -> Fault:
    """Close the connection; the server sees nothing."""

    def handle(exchange: Exchange) -> None:
        raise exchange.cut(reset=reset)

    return Fault("cut_before", handle)


def cut_sending(callback: Callback | None = None, *, reset: bool = False) -> Fault:
    """Let the server see half of the request, call, then close both connections."""

    def handle(exchange: Exchange) -> None:
        with exchange.forward_half():
            if callback:
                callback(exchange.seen)
        raise exchange.cut(reset=reset)

    return Fault("cut_sending", handle)


def lose_answer(*, reset: bool = False) -> Fault:
    """The server does the work; the client's connection closes without a byte."""

    def handle(exchange: Exchange) -> None:
        exchange.forward()
        raise exchange.cut(reset=reset)

    return Fault("lose_answer", handle)


def cut_answer(at: int, framing: Framing = "length", *, reset: bool = False) -> Fault:
    """Forward, send the head and the first `at` bytes of the body, close.

    `length` announces the full length, `shorter` announces `at` bytes (a lie that only the content shows),
    `chunked` leaves the last chunk out, `close` announces nothing, `gzip` cuts the compressed body.
    """

    def handle(exchange: Exchange) -> None:
        reply = exchange.forward()
        body = gzip.compress(reply.body) if framing == "gzip" else reply.body
        part = body[:at]
        announced = {
            "length": {"content-length": str(len(body))},
            "shorter": {"content-length": str(len(part))},
            "chunked": {"transfer-encoding": "chunked"},
            "close": {"connection": "close"},
            "gzip": {"content-length": str(len(body)), "content-encoding": "gzip"},
        }[framing]
        if framing == "chunked" and part:
            part = f"{len(part):x}\r\n".encode() + part + b"\r\n"
        exchange.send(exchange.head(reply, announced) + part)
        raise exchange.cut(reset=reset)

    return Fault(f"cut_answer {framing}", handle)


def answer(status: int, headers: dict[str, str] | None = None, body: bytes = b"") -> Fault:
    """Answer without the server."""
    ready = Answer(status, {"content-type": "text/plain"} | (headers or {}), body)
    return Fault(f"answer {status}", lambda exchange: exchange.deliver(ready))


def answer_after(status: int, headers: dict[str, str] | None = None, body: bytes = b"") -> Fault:
    """Let the server do the work, then answer something else."""
    ready = Answer(status, {"content-type": "text/plain"} | (headers or {}), body)

    def handle(exchange: Exchange) -> None:
        exchange.forward()
        exchange.deliver(ready)

    return Fault(f"answer_after {status}", handle)


def busy(retry_after: str | None = None) -> Fault:
    """A 429, with a Retry-After as it is given: seconds, a date, nonsense."""
    return answer(429, {} if retry_after is None else {"retry-after": retry_after})


def bad_gateway() -> Fault:
    """A web page under a JSON header, as a proxy in front of a dead server sends it."""
    page = b"<html><head><title>502 Bad Gateway</title></head><body></body></html>"
    return answer(502, {"content-type": "application/json"}, page)


def redirect(location: str, status: int = 302) -> Fault:
    return answer(status, {"location": location})


def gzip_bomb(megabytes: int = 256) -> Fault:
    """A 200 whose body is so many megabytes of zeros, compressed."""
    block = bytes(1 << 20)
    deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    # A block that ends in a full flush stands for itself: it can be repeated instead of compressed again.
    packed = deflate.compress(block) + deflate.flush(zlib.Z_FULL_FLUSH)
    checksum = 0
    for _ in range(megabytes):
        checksum = zlib.crc32(block, checksum)
    size = megabytes << 20
    body = GZIP_HEAD + packed * megabytes + deflate.flush() + struct.pack("<LL", checksum, size & 0xFFFFFFFF)
    return answer(200, {"content-type": "application/json", "content-encoding": "gzip"}, body)


def black_hole() -> Fault:
    """Take the request and never answer, until the client or the proxy closes."""
    return Fault("black_hole", lambda exchange: exchange.wait())


def drip(pause: float, step: int = 1) -> Fault:
    """Forward, then send the answer's body `step` bytes at a time with a pause before each."""

    def handle(exchange: Exchange) -> None:
        reply = exchange.forward()
        exchange.send(exchange.head(reply, {"content-length": str(len(reply.body))}))
        exchange.seen.status = reply.status
        for start in range(0, len(reply.body), step):
            exchange.wait(pause)
            exchange.send(reply.body[start : start + step])

    return Fault("drip", handle)
