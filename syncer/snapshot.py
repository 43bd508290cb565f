"""Read one dataset into the store. Only reads are sent.

The list of records has no snapshot: rows move while it is read. Pages overlap by a row, a page that shows no
known row is read again further back, and ids are swept again until two sweeps agree. The list only grows at
its end and shrinks anywhere, so a row that was there all the time cannot be missed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from state import RecordRow, ResponseRow, SnapshotRow, Store, UserRow
from syncer.argilla import Client, Page
from syncer.errors import AccessError, ServerError
from syncer.events import Listener, Progress, nobody
from syncer.model import Dataset, Record, Settings, User, canonical_json, digest_of_text

FIRST_LIMIT = 20
MAX_LIMIT = 1000
GROWTH = 4
PAGE_BYTES = 4 * 2**20
MAX_SWEEPS = 10
"""Sweeps that may disagree before a dataset counts as too busy to be read."""


@dataclass(frozen=True)
class Fresh:
    """Rows of a page that no earlier page has shown, with their positions in the list."""

    page: Page
    rows: list[tuple[int, str]]


class Walk:
    """One pass over a dataset's list, from its first row to its last."""

    def __init__(self, client: Client, store: Store, dataset_id: str, questions: dict[str, str]) -> None:
        self._client = client
        self._store = store
        self._dataset_id = dataset_id
        self._questions = questions

    def pages(self, *, include: bool) -> Iterator[Fresh]:
        """Every page with the rows that are new in it; the order is noted in the store's sweep."""
        snapshots = self._store.snapshots
        snapshots.start_sweep()
        offset, limit, noted = 0, FIRST_LIMIT if include else MAX_LIMIT, 0
        while True:
            page = self._client.records_page(
                self._dataset_id, offset, limit, include=include, questions=self._questions
            )
            known = [snapshots.swept(remote_id) for remote_id in page.ids]
            if offset > 0 and not any(known):
                # Rows before this page are gone and others moved up past it: go back to a row that is known.
                offset = max(0, offset - limit + 1)
                continue
            # Numbered as they are met: the offset of a row shrinks when rows before it are deleted meanwhile.
            fresh = [remote_id for i, remote_id in enumerate(page.ids) if not known[i]]
            snapshots.sweep_page(fresh, noted)
            yield Fresh(page, list(enumerate(fresh, start=noted)))
            noted += len(fresh)
            if len(page.ids) < limit:
                return
            offset += len(page.ids) - 1
            limit = next_limit(limit, page) if include else limit


def next_limit(limit: int, page: Page) -> int:
    """The number of rows to ask for next, so that a page stays near PAGE_BYTES; it grows slowly."""
    per_row = max(1, page.bytes // max(1, len(page.ids)))
    return max(2, min(MAX_LIMIT, limit * GROWTH, PAGE_BYTES // per_row))


def take_snapshot(
    client: Client,
    store: Store,
    dataset: Dataset,
    reference: str,
    now: datetime,
    listener: Listener = nobody,
) -> SnapshotRow:
    """Read a dataset whole and return its complete snapshot.

    Raises ServerError when the list hides records or does not come to rest, and what Client raises.
    """
    settings = client.settings(dataset.remote_id)
    settings_text = canonical_json(settings_to_json(settings))
    snapshot_id = store.snapshots.begin(
        settings_text,
        server=client.connection.name,
        url=client.connection.url,
        version=client.capabilities.version,
        dataset_id=dataset.remote_id,
        reference=reference,
        settings_digest=settings.digest,
        activity=client.last_activity(dataset.remote_id),
        taken_at=now.isoformat(),
    )
    reading = _Reading(client, store, dataset, settings, snapshot_id, listener)
    reading.contents()
    reading.settle()
    store.snapshots.add_users(snapshot_id, _people(client, store, dataset, snapshot_id))
    return store.snapshots.complete(snapshot_id)


class _Reading:
    """The reading of one snapshot."""

    def __init__(
        self,
        client: Client,
        store: Store,
        dataset: Dataset,
        settings: Settings,
        snapshot_id: int,
        listener: Listener,
    ) -> None:
        self._client = client
        self._store = store
        self._dataset = dataset
        self._questions = {q.remote_id: q.name for q in settings.questions}
        self._id = snapshot_id
        self._listener = listener
        self._walk = Walk(client, store, dataset.remote_id, self._questions)
        self._order = ""

    def contents(self) -> None:
        """The first pass, which reads everything."""
        order, done = hashlib.sha256(), 0
        for fresh in self._walk.pages(include=True):
            self._add(fresh.page.records, {remote_id: position for position, remote_id in fresh.rows})
            for _, remote_id in fresh.rows:
                order.update(remote_id.encode() + b"\n")
            done += len(fresh.rows)
            self._tell(done, fresh.page.total)
        self._order = order.hexdigest()

    def settle(self) -> None:
        """Sweep ids until the order is the same twice and nothing is missing or left over."""
        for _ in range(MAX_SWEEPS):
            order, last = hashlib.sha256(), 0
            for fresh in self._walk.pages(include=False):
                for position, remote_id in fresh.rows:
                    order.update(remote_id.encode() + b"\n")
                    last = position + 1
            quiet = self._read_missing() and self._drop_gone()
            if quiet and order.hexdigest() == self._order and not self._hidden(last):
                return
            self._order = order.hexdigest()
        raise ServerError(
            "the list of records does not come to rest, so no complete snapshot could be taken",
            where=self._where(),
            why="it changed between all sweeps, or it hides records that the server's database has",
            advice="Try again when fewer records are added and deleted. On Argilla before 2.3 the list comes from "
            "the search index: `python -m argilla_server search-engine reindex` on the server mends it",
        )

    def _add(self, records: list[Record], positions: dict[str, int]) -> None:
        rows, responses, texts = [], [], []
        for record in records:
            if record.remote_id in positions:
                row, answers, bodies = _rows(record, positions[record.remote_id])
                rows.append(row)
                responses += answers
                texts += bodies
        self._store.snapshots.add_page(self._id, rows, responses, texts)

    def _read_missing(self) -> bool:
        """Read what a sweep has shown and no page has; True if there was nothing."""
        missing = self._store.snapshots.unread(self._id)
        for remote_id, position in missing:
            page = self._client.records_page(
                self._dataset.remote_id, max(0, position - 1), 3, include=True, questions=self._questions
            )
            self._add(page.records, {remote_id: position})
        return not missing

    def _drop_gone(self) -> bool:
        """Drop what the list shows no more; True if there was nothing.

        Where the list comes from the index, its silence proves nothing: the database is asked.
        """
        unseen = self._store.snapshots.unseen(self._id)
        if self._client.capabilities.lists_from_database:
            gone = unseen
        else:
            gone = [remote_id for remote_id in unseen if not self._client.record_exists(remote_id)]
        self._store.snapshots.drop_records(self._id, gone)
        return not unseen

    def _hidden(self, listed: int) -> bool:
        in_database = self._client.progress_total(self._dataset.remote_id)
        return in_database is not None and in_database != listed

    def _tell(self, done: int, total: int) -> None:
        self._listener(Progress("snapshot", self._where(), done, total))

    def _where(self) -> str:
        return f"{self._client.connection.name}:{self._dataset.workspace}/{self._dataset.name}"


def _rows(record: Record, position: int) -> tuple[RecordRow, list[ResponseRow], list[str]]:
    content = canonical_json(record.content)
    texts = [content]
    responses = []
    for response in record.responses:
        body = canonical_json(response.body)
        texts.append(body)
        responses.append(
            ResponseRow(
                record.remote_id,
                response.remote_id,
                response.user_id,
                response.status,
                digest_of_text(body),
                response.digest,
                response.inserted_at,
                response.updated_at,
            )
        )
    row = RecordRow(
        record.remote_id,
        position,
        record.external_id,
        digest_of_text(content),
        digest_of_text(canonical_json(record.fields)),
        record.status,
        record.inserted_at,
        record.updated_at,
    )
    return row, responses, texts


def _people(client: Client, store: Store, dataset: Dataset, snapshot_id: int) -> list[UserRow]:
    """Members, everybody else whom the key can see, and authors whom it cannot name."""
    members = {user.remote_id: user for user in client.workspace_users(dataset.workspace_id)}
    found: dict[str, User] = {**_all_users(client), **members}
    people = [UserRow(u.remote_id, u.username, u.role, u.remote_id in members) for u in found.values()]
    people += [
        UserRow(user_id, None, "unknown", False)
        for user_id, _ in store.snapshots.authors(snapshot_id)
        if user_id is not None and user_id not in found
    ]
    return people


def _all_users(client: Client) -> dict[str, User]:
    me = client.me()
    try:
        return {user.remote_id: user for user in client.users()}
    except AccessError:
        return {me.remote_id: me}  # only owners may list all users


def settings_to_json(settings: Settings) -> dict[str, object]:
    """Settings with the questions' remote ids, as a snapshot stores them."""
    return {**settings.as_dict(), "question_ids": {q.name: q.remote_id for q in settings.questions}}
