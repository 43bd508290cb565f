"""A limit on the whole time of one request. httpx limits each read, so a byte a second would go on forever."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from typing import Any, Self


class Deadline:
    """Cuts the connection of one request when its time is over.

    Used as `with Deadline(seconds) as deadline:` around a request that carries `deadline.trace` as its
    `trace` extension; `expired` tells afterwards why the connection ended.
    """

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._timer: threading.Timer | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            # A connection goes back to the pool now: the timer must not cut it under a later request.
            self._socket = None
            if self._timer:
                self._timer.cancel()

    @property
    def expired(self) -> bool:
        """Whether the time is over."""
        return time.monotonic() >= self._end

    def watch(self, connection: socket.socket) -> None:
        """Cut this socket when the time is over."""
        with self._lock:
            self._socket = connection
            if self._timer is None:
                self._timer = threading.Timer(max(self._end - time.monotonic(), 0.0), self._cut)
                self._timer.daemon = True
                self._timer.start()

    def _cut(self) -> None:
        with self._lock:
            if self._socket is None:
                return
            with contextlib.suppress(OSError):
                # Not SSLSocket.shutdown, which would pull the TLS object from under the reading thread.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


def socket_of(event: str, info: dict[str, Any]) -> socket.socket | None:
    """The socket that an httpcore trace event says was just opened or wrapped in TLS, or None."""
    if not event.endswith(("connect_tcp.complete", "start_tls.complete")):
        return None
    found = info["return_value"].get_extra_info("socket")
    return found if isinstance(found, socket.socket) else None
