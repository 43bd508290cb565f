"""The HTTP edge: one request, one checked answer, every failure one of our own errors.

Nothing is repeated here. For a read, no answer is `Unreachable` and a 5xx `ServerFailed`. For a write, both
are `UnknownOutcome`, as is any answer that cannot be read in full: the server may have done the work.
"""

from __future__ import annotations

import json
import ssl
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NoReturn
from urllib.parse import quote, urlsplit

import httpx

from syncer import __version__
from syncer.argilla.connection import Connection
from syncer.argilla.deadline import Deadline, socket_of
from syncer.argilla.messages import message_of, plain
from syncer.argilla.retry import retry_after
from syncer.errors import (
    AccessError,
    Conflicted,
    NotFound,
    Rejected,
    ServerError,
    ServerFailed,
    UnexpectedAnswer,
    UnknownOutcome,
    Unreachable,
    UsageError,
)

MAX_BYTES = 512 * 2**20
MAX_RATIO = 200
RATIO_FREE_BYTES = 50 * 2**20
_GUNZIP_STEP = 2**20
_TRY_LATER = (408, 425, 429)
WELL_AGAIN = "Try again when the server is well: its log says more"

Params = Sequence[tuple[str, str | int]]


@dataclass(frozen=True)
class Request:
    """One request; `path` begins with a slash and is appended to the server's URL."""

    method: str
    path: str
    params: Params = ()
    body: Any = None


@dataclass(frozen=True)
class RequestDone:
    """Told to the listener after each request: `status` is None if no answer came."""

    server: str
    method: str
    path: str
    status: int | None
    seconds: float
    bytes: int


@dataclass(frozen=True)
class RetryWaits:
    """Told to the listener before a wait: what happened, and the seconds until the next attempt."""

    server: str
    error: ServerError
    seconds: float


Event = RequestDone | RetryWaits
Listener = Callable[[Event], None]


@dataclass(frozen=True)
class Answer:
    """A successful answer: parsed JSON, None if there was no body."""

    status: int
    data: Any
    bytes: int
    """Length of the decoded body."""
    where: str


@dataclass(frozen=True)
class _Raw:
    status: int
    headers: Mapping[str, str]
    body: bytes


class _NoAnswer(Exception):
    """The connection failed before the whole answer was there."""

    def __init__(self, why: str, *, lasting: bool = False) -> None:
        super().__init__(why)
        self.lasting = lasting


class _BadAnswer(Exception):
    """There is an answer, but nothing that can be used."""


def path_of(*segments: str) -> str:
    """A path of quoted segments: an id can never leave its place."""
    return "".join("/" + quote(segment, safe="") for segment in segments)


class Transport:
    """The connection to one server, for one thread. `http` replaces the network."""

    def __init__(
        self,
        connection: Connection,
        *,
        listener: Listener | None = None,
        http: httpx.BaseTransport | None = None,
    ) -> None:
        self.connection = connection
        self.listener = listener
        self._socket: Any = None
        timeout = connection.timeout
        self._client = httpx.Client(
            headers=[
                ("Accept", "application/json"),
                ("Accept-Encoding", "gzip"),
                ("User-Agent", f"argilla-syncer/{__version__}"),
                *connection.headers.items(),
                ("X-Argilla-Api-Key", connection.api_key),
            ],
            verify=_tls(connection),
            follow_redirects=False,
            # A proxy from the environment is not meant for a server on this machine.
            trust_env=not connection.is_loopback,
            timeout=httpx.Timeout(timeout, connect=min(timeout, 15.0)),
            limits=httpx.Limits(max_connections=1, max_keepalive_connections=1),
            transport=http,
        )

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def read(self, request: Request) -> Answer:
        """An answer to a request that changes nothing."""
        where = self._where(request)
        try:
            raw = self._exchange(request)
            self._check_status(raw, where, is_read=True)
            return self._answer(raw, where)
        except _NoAnswer as error:
            raise Unreachable(
                "The server gave no answer",
                where=where,
                why=self._plain(str(error)),
                advice="Check the URL, the network and whether the server is up",
                lasting=error.lasting,
            ) from error.__cause__
        except _BadAnswer as error:
            raise self.unexpected(where, str(error)) from error.__cause__

    def write(self, request: Request) -> Answer:
        """An answer to a request that changes something. It is sent once."""
        where = self._where(request)
        try:
            raw = self._exchange(request)
            self._check_status(raw, where, is_read=False)
            return self._answer(raw, where)
        except (_NoAnswer, _BadAnswer) as error:
            raise self.unknown(where, str(error), lasting=getattr(error, "lasting", False)) from error.__cause__

    def unexpected(self, where: str, why: str) -> UnexpectedAnswer:
        """The error for a read whose answer makes no sense."""
        return UnexpectedAnswer(
            "The answer is not what Argilla sends",
            where=where,
            why=self._plain(why),
            advice="Try again; if it stays, check that the URL is Argilla's own and that nothing on the way changes it",
        )

    def unknown(self, where: str, why: str, *, wait: float | None = None, lasting: bool = False) -> UnknownOutcome:
        """The error for a write that may or may not have been carried out."""
        return UnknownOutcome(
            "It is not known whether the server did this",
            where=where,
            why=self._plain(why),
            advice=WELL_AGAIN,
            retry_after=wait,
            lasting=lasting,
        )

    def _where(self, request: Request) -> str:
        return f"server {self.connection.name}, {request.method} {self.connection.url}{request.path}"

    def _plain(self, text: str) -> str:
        return plain(text, secrets=self.connection.secrets)

    def _exchange(self, request: Request) -> _Raw:
        """Send, and read the whole answer within the deadline; _NoAnswer or _BadAnswer."""
        began = time.monotonic()
        status, size = None, 0
        try:
            with Deadline(self.connection.timeout) as deadline:
                try:
                    raw = self._send(request, deadline)
                except httpx.RequestError as error:
                    raise _no_answer(error, deadline) from error
            status, size = raw.status, len(raw.body)
            return raw
        finally:
            self.tell(
                RequestDone(
                    server=self.connection.name,
                    method=request.method,
                    path=request.path,
                    status=status,
                    seconds=time.monotonic() - began,
                    bytes=size,
                )
            )

    def tell(self, event: Event) -> None:
        """Hand an event to the listener."""
        if self.listener:
            self.listener(event)

    def _send(self, request: Request, deadline: Deadline) -> _Raw:
        def trace(event: str, info: dict[str, Any]) -> None:
            opened = socket_of(event, info)
            if opened is not None:
                self._socket = opened
                deadline.watch(opened)

        if self._socket is not None:
            deadline.watch(self._socket)
        # ASCII, so that lone surrogates, which UTF-8 cannot hold, go through.
        content = None if request.body is None else json.dumps(request.body, allow_nan=False).encode("ascii")
        with self._client.stream(
            request.method,
            self.connection.url + request.path,
            params=list(request.params) or None,
            content=content,
            headers={} if content is None else {"Content-Type": "application/json"},
            extensions={"trace": trace},
        ) as response:
            try:
                body = b"".join(_decoded(response, deadline))
            except _BadAnswer:
                if response.is_success:
                    raise
                body = b""  # a status that says no needs no readable body
            return _Raw(response.status_code, response.headers, body)

    def _check_status(self, raw: _Raw, where: str, *, is_read: bool) -> None:
        if 200 <= raw.status < 300:
            return
        why = self._plain(message_of(_json_or_none(raw))) or f"HTTP status {raw.status}"
        wait = retry_after(raw.headers.get("retry-after"), datetime.now(UTC))
        if raw.status >= 500 or raw.status in _TRY_LATER:
            self._refuse_for_now(raw.status, where, why, wait, is_read=is_read)
        if 300 <= raw.status < 400:
            target = urlsplit(raw.headers.get("location", "")).hostname or "an unknown place"
            raise UnexpectedAnswer(
                "The server redirects to another place, which is not followed",
                where=where,
                why=self._plain(f"it points to {target}"),
                advice="Configure the URL at which Argilla itself answers",
            )
        _refuse(raw.status, where, why)

    def _refuse_for_now(self, status: int, where: str, why: str, wait: float | None, *, is_read: bool) -> NoReturn:
        if not is_read:
            raise self.unknown(where, f"status {status}: {why}", wait=wait)
        if status >= 500:
            why = f"status {status}: {why}"
            raise ServerFailed("The server failed", where=where, why=why, advice=WELL_AGAIN, retry_after=wait)
        what = "The server asks to come back later"
        raise Unreachable(what, where=where, why=why, advice=WELL_AGAIN, retry_after=wait)

    def _answer(self, raw: _Raw, where: str) -> Answer:
        if raw.status == 204:
            return Answer(raw.status, None, 0, where)
        kind = raw.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            raise _BadAnswer(f"it is {kind or 'nothing'} instead of JSON: is this the URL of an Argilla server?")
        return Answer(raw.status, _parsed(raw.body), len(raw.body), where)


def _tls(connection: Connection) -> ssl.SSLContext:
    if connection.url.startswith("http:"):
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if connection.ca_file is None:
        return httpx.create_ssl_context()
    try:
        return ssl.create_default_context(cafile=str(connection.ca_file))
    except (OSError, ssl.SSLError) as error:
        raise UsageError(
            f"The CA file {connection.ca_file} cannot be used",
            where=f"server {connection.name}",
            why=plain(str(error)),
        ) from error


def _no_answer(error: httpx.RequestError, deadline: Deadline) -> _NoAnswer:
    if deadline.expired:
        return _NoAnswer("the time for one request is over")
    if isinstance(error, httpx.TimeoutException):
        return _NoAnswer(f"it took too long ({type(error).__name__})")
    if isinstance(error, httpx.RemoteProtocolError):
        return _NoAnswer(f"the connection ended in the middle ({error})")
    # httpx, httpcore and ssl each wrap the one below.
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLCertVerificationError):
        cause = cause.__cause__ or cause.__context__
    if cause is not None:
        return _NoAnswer(f"its TLS certificate is not valid ({cause.verify_message})", lasting=True)
    return _NoAnswer(str(error) or type(error).__name__)


def _decoded(response: httpx.Response, deadline: Deadline) -> Iterator[bytes]:
    """The body's decoded pieces; _BadAnswer when it is too big, a bomb, or not whole; _NoAnswer when late."""
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip"):
        raise _BadAnswer(f"its encoding {encoding!r} was not asked for")
    gunzip = zlib.decompressobj(wbits=31) if encoding == "gzip" else None
    total = 0
    for chunk in response.iter_raw():
        if deadline.expired:
            raise _NoAnswer("the time for one request is over")
        for piece in _gunzipped(gunzip, chunk) if gunzip else (chunk,):
            total += len(piece)
            encoded = response.num_bytes_downloaded
            if total > MAX_BYTES or (total > RATIO_FREE_BYTES and total > MAX_RATIO * encoded):
                raise _BadAnswer(f"it is too big: more than {total:,} bytes from {encoded:,}")
            yield piece
    if gunzip and total and not gunzip.eof:
        raise _NoAnswer("the compressed answer was cut")


def _gunzipped(gunzip: zlib._Decompress, chunk: bytes) -> Iterator[bytes]:
    try:
        while chunk:
            yield gunzip.decompress(chunk, _GUNZIP_STEP)
            if gunzip.unused_data:
                raise _BadAnswer("something follows the compressed answer")
            chunk = gunzip.unconsumed_tail
    except zlib.error as error:
        raise _BadAnswer("its compression is damaged") from error


def _parsed(body: bytes) -> Any:
    def no_constant(name: str) -> NoReturn:
        raise ValueError(f"{name} is no JSON")

    try:
        return json.loads(body, parse_constant=no_constant)
    except (ValueError, RecursionError) as error:
        reason = "too deeply nested" if isinstance(error, RecursionError) else "cut or malformed"
        raise _BadAnswer(f"its JSON is {reason}") from error


def _json_or_none(raw: _Raw) -> Any:
    try:
        return _parsed(raw.body)
    except _BadAnswer:
        return None


def _refuse(status: int, where: str, why: str) -> NoReturn:
    """The error for a status that says no for good."""
    match status:
        case 401:
            raise AccessError(
                "The server does not know the API key",
                where=where,
                why=why,
                advice="Check that the key belongs to this server and is still valid",
            )
        case 403:
            raise AccessError(
                "The API key may not do this",
                where=where,
                why=why,
                advice="Use the key of an owner, or of an admin who is a member of the workspace",
            )
        case 404:
            advice = "It was deleted meanwhile, or the key may not see it: `syncer doctor` tells what the key can do"
            raise NotFound("It is not there", where=where, why=why, advice=advice)
        case 409:
            raise Conflicted("It exists already", where=where, why=why, advice="Look at what is there")
        case 413 | 422:
            what, advice = "The server did not accept the content", "Change what it does not accept, or leave it out"
            raise Rejected(what, where=where, why=why, advice=advice, status=status)
        case _:
            what, advice = f"The server answered with status {status}", "Look into the server's log, then try again"
            raise UnexpectedAnswer(what, where=where, why=why, advice=advice)
