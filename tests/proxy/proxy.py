"""The proxy: a recording one without rules, a faulty one with them."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from tests.fake.loopback import LoopbackHandler, LoopbackServer, running

from . import faults
from .exchange import Answer, ConnectionCut, Exchange, Seen
from .faults import Fault

LOGIN_PAGE = Answer(
    401, {"content-type": "text/html"}, b"<html><head><title>401 Unauthorized</title></head><body></body></html>"
)


@dataclass
class Rule:
    """A fault and the requests that it is for: the `nth` match, or from the `nth` match on."""

    fault: Fault
    method: str | None
    path: re.Pattern[str] | None
    where: Callable[[Seen], bool] | None
    nth: int
    always: bool
    matched: int = 0
    fired: int = 0

    def fires(self, seen: Seen) -> bool:
        """Count the request if it matches, and say whether it gets the fault."""
        if self.method not in (None, seen.method) or (self.path and not self.path.search(seen.path)):
            return False
        if self.where and not self.where(seen):
            return False
        self.matched += 1
        return self.matched == self.nth or (self.always and self.matched > self.nth)


class FaultProxy:
    """A plain HTTP proxy on a free loopback port in front of one server, as a context manager.

    Every request is in `log`, in the order of arrival. With `require`, requests without these headers get a 401 web
    page and the headers are not passed on, as in front of a private Space. `upstream` may be changed at any time.
    """

    def __init__(self, upstream: str, require: dict[str, str] | None = None) -> None:
        self.upstream = upstream.rstrip("/")
        self.require = {name.lower(): value for name, value in (require or {}).items()}
        self.log: list[Seen] = []
        self.rules: list[Rule] = []
        self.closing = threading.Event()
        self._lock = threading.Lock()
        self._server = _Server(self)
        self._stack = ExitStack()

    @property
    def url(self) -> str:
        return self._server.url

    def __enter__(self) -> Self:
        self._stack.enter_context(running(self._server))
        return self

    def __exit__(
        self, type_: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.closing.set()
        self._stack.close()

    def on(
        self,
        fault: Fault,
        method: str | None = None,
        path: str | None = None,
        where: Callable[[Seen], bool] | None = None,
        *,
        nth: int = 1,
        always: bool = False,
    ) -> Rule:
        """Add a rule. `path` is a regular expression searched in path and query. The first rule that fires wins."""
        rule = Rule(fault, method, re.compile(path) if path else None, where, nth, always)
        with self._lock:
            self.rules.append(rule)
        return rule

    def clear(self) -> None:
        """Forget all rules and the log."""
        with self._lock:
            self.rules.clear()
            self.log.clear()

    def sent(self, *methods: str) -> list[Seen]:
        """The logged requests with one of these methods."""
        return [seen for seen in self.log if seen.method in methods]

    def choose(self, seen: Seen) -> Fault:
        """Log a request and pick its fault."""
        with self._lock:
            self.log.append(seen)
            # Every rule counts every request, also behind the one that fires.
            firing = [rule for rule in self.rules if rule.fires(seen)]
        if not firing:
            return faults.deliver()
        firing[0].fired += 1
        seen.fault = firing[0].fault.name
        return firing[0].fault


class _Server(LoopbackServer):
    def __init__(self, proxy: FaultProxy) -> None:
        super().__init__(_Handler)
        self.proxy = proxy


class _Handler(LoopbackHandler):
    server: _Server

    def _serve(self) -> None:
        proxy = self.server.proxy
        body = self.read_body()
        if body is None:
            self.close_connection = True
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        seen = Seen(self.command, self.path, headers, body)
        fault = proxy.choose(seen)
        exchange = Exchange(seen, proxy.upstream, self.connection, proxy.closing, set(proxy.require))
        try:
            if any(headers.get(name) != value for name, value in proxy.require.items()):
                exchange.deliver(LOGIN_PAGE)
                return
            fault.handle(exchange)
        except ConnectionCut:
            self.close_connection = True

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve
