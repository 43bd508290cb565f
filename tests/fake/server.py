"""The fake server: an Argilla of one version as a pure request handler."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

from . import accounts, datasets, errors, records, responses, search, settings  # noqa: F401  (fill the route table)
from .index import Index
from .people import Person
from .quirks import Quirks
from .routes import ROUTES, Call, Route
from .seeding import Seeding
from .state import Store
from .transport import Disturb, FakeTransport, undisturbed

Reply = tuple[int, dict[str, str], bytes]
PAGE = b"<!DOCTYPE html><html><head><title>Argilla</title></head><body></body></html>"
JSON = {"content-type": "application/json"}
HTML = {"content-type": "text/html; charset=utf-8"}


def wall_clock() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Logged:
    """One request that the server has answered."""

    method: str
    path: str
    query: str
    body: bytes
    status: int

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class FakeArgilla(Seeding):
    """An Argilla server without a network.

    It begins as a new server does: with an owner `argilla` and a workspace `argilla`. The same version, clock, seed
    and requests give the same answers, ids and keys. `postgres` makes it refuse what only PostgreSQL refuses.
    """

    def __init__(
        self,
        version: str = "2.8.0",
        clock: Callable[[], datetime] = wall_clock,
        seed: int = 0,
        *,
        postgres: bool = False,
    ) -> None:
        self.version = version
        self.quirks = Quirks.of(version)
        self.store = Store(clock, seed)
        self.index = Index()
        self.log: list[Logged] = []
        """All requests but those of `person`s, in the order of their answers."""
        self._postgres = postgres
        self._routes = [route for route in ROUTES if route.exists(self.quirks)]
        self._lock = threading.RLock()
        self.owner = accounts.create_user(self.store, "argilla", "owner")
        accounts.create_workspace(self.store, "argilla").members.append(self.owner.id)

    @property
    def owner_key(self) -> str:
        return self.owner.api_key

    def person(self, username: str) -> Person:
        """Somebody at work in the web page."""
        user = self.store.user_named(username)
        if user is None:
            raise KeyError(username)
        return Person(self.store, user, self.answer)

    def transport(self, disturb: Disturb = undisturbed) -> FakeTransport:
        """A transport for an httpx client; `disturb` may act, and may return a fault, before each request."""
        return FakeTransport(self.handle, disturb)

    def handle(self, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Answer one request and log it; header names are looked up in lower case."""
        reply = self.answer(method, path, query, headers, body)
        self.log.append(Logged(method, path, query, body, reply[0]))
        return reply

    def answer(self, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Answer one request without logging it. Requests are served one after the other."""
        with self._lock:
            try:
                public = self._public(method, path)
                if public is not None:
                    return public
                status, shown = self._dispatch(method, path, query, headers, body)
            except errors.Refusal as refusal:
                status, shown = refusal.status, refusal.body
            return status, dict(JSON), b"" if shown is None else json.dumps(shown).encode()

    def _public(self, method: str, path: str) -> Reply | None:
        """What needs no key: the version, the description of the routes, and from 2.0 on the web page."""
        shown: Any = None
        if method == "GET":
            v1, v0 = self.quirks.accounts_in_v1, self.quirks.accounts_in_v0
            if (v1 and path == "/api/v1/version") or (v0 and path == "/api/_info"):
                shown = {"version": self.version}
            elif path == "/api/v1/openapi.json":
                shown = self._openapi()
            elif not path.startswith("/api/v1") and not v0:
                return 200, dict(HTML), PAGE
        return None if shown is None else (200, dict(JSON), json.dumps(shown).encode())

    def _openapi(self) -> dict[str, Any]:
        paths: dict[str, dict[str, Any]] = {}
        for route in self._routes:
            if route.path.startswith("/v1/"):
                paths.setdefault(f"/api{route.path}", {})[route.method.lower()] = {}
        return {"openapi": "3.1.0", "info": {"title": "Argilla v1", "version": self.version}, "paths": paths}

    def _dispatch(self, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes) -> tuple[int, Any]:
        route, params = self._find(method, path)
        key = headers.get("x-argilla-api-key")
        user = next((u for u in self.store.users.values() if u.api_key == key), None)
        if user is None:
            raise errors.unauthorized()
        parsed = parse_qs(query, keep_blank_values=True)
        call = Call(self.store, self.index, self.quirks, self._postgres, user, params, parsed, body)
        return route.handler(call)

    def _find(self, method: str, path: str) -> tuple[Route, dict[str, str]]:
        other_method = False
        for route in self._routes:
            match = route.pattern.fullmatch(path)
            if match and route.method == method:
                return route, match.groupdict()
            other_method = other_method or match is not None
        if other_method:
            raise errors.Refusal(405, {"detail": "Method Not Allowed"})
        raise errors.Refusal(404, {"detail": "Not Found"})
