"""One run's journal, in the words of the protocol."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from state import Store
from syncer.model import Record, Response, canonical_json, digest_of

TERMINAL = ("done", "drifted", "failed", "quarantined", "skipped")


class Ledger:
    """Writes events of one run. When a method returns, the event is on the disk."""

    def __init__(self, store: Store, run_id: int, clock: Callable[[], datetime]) -> None:
        self._store = store
        self.run_id = run_id
        self._clock = clock
        self._started: dict[str, dict[str, Any]] = {}
        self._latest: dict[str, dict[str, Any]] = {}
        self._ended: set[str] = set()
        for event in store.journal.events(run_id):
            if event.event == "started":
                self._latest[event.item_id] = json.loads(event.detail)
                self._started.setdefault(event.item_id, self._latest[event.item_id])
            elif event.event in TERMINAL:
                self._started.pop(event.item_id, None)
                self._latest.pop(event.item_id, None)
                self._ended.add(event.item_id)

    def is_ended(self, item_id: str) -> bool:
        """Whether an item has come to its end in this run."""
        return item_id in self._ended

    def started(self, intents: Iterable[tuple[str, Mapping[str, Any]]]) -> None:
        """Note intents (item id, detail) before they are sent. The first one of an item is what counts: it
        shows what was there before anything could have been sent."""
        rows = [(item, dict(detail)) for item, detail in intents]
        self._append((item, "started", detail) for item, detail in rows)
        for item, detail in rows:
            self._latest[item] = detail
            self._started.setdefault(item, detail)

    def first_intent(self, item_id: str) -> Mapping[str, Any] | None:
        """The detail of the first `started` of an item whose end is not known, also from before a crash."""
        return self._started.get(item_id)

    def last_intent(self, item_id: str) -> Mapping[str, Any] | None:
        """The detail of the last `started` of an item whose end is not known."""
        return self._latest.get(item_id)

    def end(self, event: str, ends: Iterable[tuple[str, Mapping[str, Any]]]) -> None:
        """Note how items ended: one of TERMINAL."""
        rows = list(ends)
        self._append((item, event, detail) for item, detail in rows)
        for item, _ in rows:
            self._started.pop(item, None)
            self._latest.pop(item, None)
            self._ended.add(item)

    def note(self, event: str, rows: Iterable[tuple[str, Mapping[str, Any]]]) -> None:
        """Note a finding (`overwritten`, `possibly-overwritten`) or a step that does not end an item."""
        self._append((item, event, detail) for item, detail in rows)

    def keep_response(self, response: Response | None) -> dict[str, Any] | None:
        """Store a response's content and return what the journal says of it."""
        if response is None:
            return None
        body = self._store.bodies.put(canonical_json(response.body))
        return {
            "response_id": response.remote_id,
            "user_id": response.user_id,
            "digest": response.digest,
            "body": body,
            "inserted_at": response.inserted_at,
            "updated_at": response.updated_at,
        }

    def keep_record(self, record: Record) -> str:
        """Store a complete record, read it back from the disk, and return its digest."""
        text = canonical_json(record_to_json(record))
        digest = self._store.bodies.put(text)
        self._store.bodies.get(digest)
        return digest

    @staticmethod
    def body_digest(value: Mapping[str, Any]) -> str:
        """The digest under which a value is stored."""
        return digest_of(value)

    def _append(self, rows: Iterable[tuple[str, str, Mapping[str, Any]]]) -> None:
        events = [(item, event, canonical_json(detail)) for item, event, detail in rows]
        if events:
            self._store.journal.append(self.run_id, events, self._clock().isoformat())


def shown_responses(record: Record) -> dict[str, dict[str, str]]:
    """What a record that a run has just created shows, by user id: digest and server's time of each response."""
    return {
        response.user_id: {"digest": response.digest, "updated_at": response.updated_at}
        for response in record.responses
        if response.user_id is not None
    }


def record_to_json(record: Record) -> dict[str, Any]:
    """A complete record as a plain JSON value."""
    return {
        "remote_id": record.remote_id,
        "external_id": record.external_id,
        "content": record.content,
        "status": record.status,
        "inserted_at": record.inserted_at,
        "updated_at": record.updated_at,
        "responses": [
            {
                "remote_id": r.remote_id,
                "user_id": r.user_id,
                "status": r.status,
                "values": r.values,
                "inserted_at": r.inserted_at,
                "updated_at": r.updated_at,
            }
            for r in record.responses
        ],
    }
