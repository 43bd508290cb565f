"""The faults of the matrix: what happens to one request, and how the program is to take it."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial
from typing import Any

from tests.proxy import Fault, faults
from tests.proxy.exchange import Answer, Exchange

JSON = {"content-type": "application/json"}
ELSEWHERE = "http://elsewhere.invalid/login"
SHORT = 2.0
"""Seconds that a request may take where nothing answers."""


@dataclass(frozen=True)
class Row:
    """A fault, and the words that the program has for it. `timeout`: seconds for one request.

    `again`: it is worth another attempt, and the run ends as if nothing had been. Else the program stops with
    `code` (a run that is under way: 5, unless it is the key), and goes on when it is called again.
    """

    fault: Callable[[], Fault]
    words: str
    again: bool = True
    code: int = 1
    timeout: float = 60.0
    partly: bool = False
    """A write may leave some of its items to the next plan."""
    lie: bool = False
    """It need not be noticed at once, but nothing wrong may be done for it."""
    known: bool = False
    """After a write it is clear that nothing was done; else what is there is read, and the run goes on."""

    def codes(self, *, is_write: bool, under_way: bool, undisturbed: int) -> set[int]:
        """The exit codes that are right."""
        if self.partly:
            # A dataset that vanishes between plan and run makes the plan stale.
            return {undisturbed, 4, 5} if is_write or under_way else {undisturbed, 1, 6}
        if self.lie:
            return {undisturbed, 4, 5} if under_way else {undisturbed, 4, 1, 2, 6}
        if self.again or (is_write and not self.known):
            return {undisturbed}
        return {5 if under_way and self.code == 1 else self.code}


def changed(change: Callable[[Answer], Answer]) -> Fault:
    """Let the server do the work, and change its answer on the way."""

    def handle(exchange: Exchange) -> None:
        exchange.deliver(change(exchange.forward()))

    return Fault("changed", handle)


def body(data: bytes, **headers: str) -> Fault:
    """Another body, below the status of the server's answer."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return changed(lambda answer: Answer(200 if answer.status == 204 else answer.status, JSON | named, data))


def rewritten(change: Callable[[Any], Any]) -> Fault:
    """The parsed body changed; an empty one stays as it is."""

    def apply(answer: Answer) -> Answer:
        if not answer.body:
            return answer
        text = json.dumps(change(json.loads(answer.body)))
        return Answer(answer.status, answer.headers, text.encode())

    return changed(apply)


def odd_keys(data: Any) -> Any:
    """Keys that Argilla does not send, with values that are hard to hold."""
    odd = {"unknown": [2**70, -(2**63) - 1, "\ud800", "a\u0000b", {"deep": [[[None]]]}]}
    return {**data, **odd} if isinstance(data, dict) else data


def _items(data: Any, change: Callable[[list[Any]], list[Any]]) -> Any:
    return {**data, "items": change(data["items"])} if isinstance(data, dict) and "items" in data else data


def closing() -> Fault:
    """A complete answer, and the connection closed behind it without a word."""

    def handle(exchange: Exchange) -> None:
        exchange.deliver(exchange.forward())
        raise exchange.cut()

    return Fault("closing", handle)


def on_date(seconds: float) -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)


TRY_AGAIN = r"trying again|complete"
RETRIED: dict[str, Callable[[], Fault]] = {
    "reset before it is read": lambda: faults.cut_before(reset=True),
    "closed before it is read": faults.cut_before,
    "cut while it is sent": faults.cut_sending,
    "reset after the work": lambda: faults.lose_answer(reset=True),
    "closed after the work": faults.lose_answer,
    "reset in the answer": lambda: faults.cut_answer(5, "length", reset=True),
    "cut in the answer, by length": lambda: faults.cut_answer(5, "length"),
    "cut in the answer, chunked": lambda: faults.cut_answer(5, "chunked"),
    "cut in the answer, compressed": lambda: faults.cut_answer(5, "gzip"),
    "408": lambda: faults.answer(408),
    "425": lambda: faults.answer(425),
    "429": faults.busy,
    "429, come back at once": lambda: faults.busy("0"),
    "429, come back in seconds": lambda: faults.busy("3"),
    "429, come back at a time": lambda: faults.busy(on_date(3)),
    "429, come back in ten years": lambda: faults.busy("315360000"),
    "429, come back at a time in ten years": lambda: faults.busy(on_date(315360000)),
    "429, come back at nonsense": lambda: faults.busy("soon; \x1b[31m"),
    "500 before the work": lambda: faults.answer(500, JSON, b'{"detail": "oh"}'),
    "500 after the work": lambda: faults.answer_after(500),
    "502": lambda: faults.answer(502),
    "502, a web page that calls itself JSON": faults.bad_gateway,
    "503": lambda: faults.answer(503, {"retry-after": "1"}),
    "504 after the work": lambda: faults.answer_after(504),
}
"""Reads are repeated; before a write is repeated, what is there is read."""
LATE: dict[str, Callable[[], Fault]] = {
    "no answer ever": faults.black_hole,
    "a byte a second": lambda: faults.drip(1.0),
}
UNREADABLE: dict[str, Callable[[], Fault]] = {
    "cut in the answer, and lied about": lambda: faults.cut_answer(5, "shorter"),
    "cut in the answer, by the end of the connection": lambda: faults.cut_answer(5, "close"),
    "malformed JSON": lambda: body(b'{"items": [}'),
    "an empty 200": lambda: body(b""),
    "another type": lambda: body(b"<html></html>", content_type="text/html"),
    "a number": lambda: body(b"7"),
    "a list": lambda: body(b"[7]"),
    "nothing in it": lambda: body(b"{}"),
    "items of nothing": lambda: body(b'{"items": [{}], "total": 1}'),
    "not a number": lambda: body(b'{"items": [NaN], "total": NaN}'),
    "nested too deeply": lambda: body(b"[" * 200_000),
    "no UTF-8": lambda: body(b'{"items": ["\xff"]}'),
    "an encoding that was not asked for": lambda: body(b"{}", content_encoding="br"),
    "no gzip": lambda: body(b"{}", content_encoding="gzip"),
    "something behind the gzip": lambda: body(gzip.compress(b"{}") + b"{}", content_encoding="gzip"),
    "a gzip bomb": faults.gzip_bomb,
}
"""A read stops the program: what answers is not the server that was meant. A write may have been done, so what is
there is read."""
REFUSED: dict[str, tuple[Callable[[], Fault], str, int]] = {
    "captive portal": (lambda: faults.redirect(ELSEWHERE), "redirects", 1),
    "another origin": (lambda: faults.redirect(ELSEWHERE, 307), "elsewhere.invalid", 1),
    "400": (lambda: faults.answer(400), "400", 1),
    "401": (lambda: faults.answer(401, JSON, b'{"detail": "no"}'), "key", 8),
    "403": (lambda: faults.answer(403), "key", 8),
}
HARMLESS: dict[str, Callable[[], Fault]] = {
    "unknown keys with odd values": lambda: rewritten(odd_keys),
    "closed behind the answer": closing,
}
TURNED_DOWN: dict[str, tuple[Callable[[], Fault], str]] = {
    "404": (
        lambda: faults.answer(404, JSON, b'{"detail": "not found"}'),
        "not there|gone|stale|version|not what Argilla",
    ),
    "409": (lambda: faults.answer(409), "exists"),
    "413": (lambda: faults.answer(413), "did not accept"),
    "422": (lambda: faults.answer(422, JSON, b'{"detail": "bad"}'), "did not accept"),
}
"""A write is taken apart until what is not accepted is alone; that is put aside, and comes with the next plan."""
LIES: dict[str, Callable[[Any], Any]] = {
    "items twice": lambda data: _items(data, lambda items: items + items[:1]),
    "an item is missing": lambda data: _items(data, lambda items: items[1:]),
    "items in another order": lambda data: _items(data, lambda items: items[::-1]),
}
"""In one answer, and not in the next: what is read is read once more, what is written is looked at."""
ROWS: dict[str, Row] = {
    **{name: Row(fault, TRY_AGAIN) for name, fault in RETRIED.items()},
    **{name: Row(fault, TRY_AGAIN, timeout=SHORT) for name, fault in LATE.items()},
    **{name: Row(fault, "not what Argilla sends|JSON", again=False) for name, fault in UNREADABLE.items()},
    **{name: Row(fault, words, again=False, code=code, known=True) for name, (fault, words, code) in REFUSED.items()},
    **{name: Row(fault, words, again=False, partly=True) for name, (fault, words) in TURNED_DOWN.items()},
    **{name: Row(partial(rewritten, lie), "", lie=True) for name, lie in LIES.items()},
    **{name: Row(fault, "complete") for name, fault in HARMLESS.items()},
}
