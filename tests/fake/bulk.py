"""Creating records and upserting them, many in a call, all or none."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from . import render
from .errors import broken, unprocessable
from .items import Checker, Item, read_items
from .quirks import Quirks
from .routes import Answer, Call, route
from .state import Dataset, Record, Response, Store
from .suggestions import merge_suggestion

POSTGRES_ARGUMENTS = 32767
PER_RESPONSE = 7


def has_bulk(quirks: Quirks) -> bool:
    return quirks.bulk


@route("POST", "/v1/datasets/{dataset_id}/records", lambda quirks: quirks.plain_create)
def create_records(call: Call) -> Answer:
    _create(call, 1000)
    return 204, None


@route("POST", "/v1/datasets/{dataset_id}/records/bulk", has_bulk)
def create_bulk(call: Call) -> Answer:
    records = _create(call, 500)
    return 201, _reply(call, records)


@route("PUT", "/v1/datasets/{dataset_id}/records/bulk", has_bulk)
def upsert_bulk(call: Call) -> Answer:
    dataset = call.dataset(manage=True)
    items = read_items(call.body, call.quirks, 500, upsert=True)
    if dataset.status != "ready" and call.quirks.upsert_needs_published:
        raise unprocessable("records cannot be created or updated for a non published dataset")
    found = _find(call, dataset, items)
    Checker(call.store, call.quirks, dataset).check(items, found)
    _limits(call, items, found)
    call.before_commit()
    records = [
        _update(call, record, item) if record else _insert(call.store, dataset, item)
        for record, item in zip(found, items, strict=True)
    ]
    _relations(call, dataset, records, items)
    call.after_commit(dataset, records)
    return 200, _reply(call, records)


def _reply(call: Call, records: list[Record]) -> dict[str, list[render.Json]]:
    return {"items": [render.record(r, call.quirks, render.EVERYTHING) for r in records]}


def _create(call: Call, high: int) -> list[Record]:
    dataset = call.dataset(manage=True)
    items = read_items(call.body, call.quirks, high, upsert=False)
    if dataset.status != "ready":
        word = "records" if call.quirks.bulk else "Records"
        raise unprocessable(f"{word} cannot be created for a non published dataset")
    _refuse_known_external_ids(call, dataset, items)
    nobody: list[Record | None] = [None] * len(items)
    Checker(call.store, call.quirks, dataset).check(items, nobody)
    _limits(call, items, nobody)
    call.before_commit()
    records = [_insert(call.store, dataset, item) for item in items]
    _relations(call, dataset, records, items)
    call.after_commit(dataset, records)
    return records


def _refuse_known_external_ids(call: Call, dataset: Dataset, items: list[Item]) -> None:
    known = dataset.external_ids()
    ids = [item.external_id for item in items if item.external_id is not None]
    taken = [id_ for id_ in ids if id_ in known]
    if call.quirks.duplicate_external_id_breaks:
        if taken or len(ids) != len(set(ids)):
            raise broken(
                "sqlalchemy.exc.IntegrityError",
                "UNIQUE constraint failed: records.external_id, records.dataset_id",
            )
    elif taken:
        raise unprocessable(f"found records with same external ids: {', '.join(taken)}")


def _find(call: Call, dataset: Dataset, items: list[Item]) -> list[Record | None]:
    by_external_id = dataset.external_ids()
    found = []
    for item in items:
        by_id = dataset.records.get(item.id or "")
        external = by_external_id.get(item.external_id or "") if item.external_id is not None else None
        # An empty external id counts as none where the external id comes first.
        if call.quirks.external_id_wins:
            found.append(external if item.external_id else by_id)
        else:
            found.append(by_id or external)
    return found


def _limits(call: Call, items: list[Item], found: list[Record | None]) -> None:
    """What only PostgreSQL refuses: too many arguments, one row twice in a statement."""
    if not call.postgres:
        return
    if sum(len(item.responses) for item in items) * PER_RESPONSE > POSTGRES_ARGUMENTS:
        raise broken("sqlalchemy.exc.InterfaceError", "the number of query arguments cannot exceed 32767")
    rows = Counter(
        (record.id, user_id)
        for record, item in zip(found, items, strict=True)
        if record
        for user_id, _, _ in item.responses
    )
    if any(count > 1 for count in rows.values()):
        raise broken("sqlalchemy.exc.ProgrammingError", "ON CONFLICT DO UPDATE command cannot affect row a second time")


def _insert(store: Store, dataset: Dataset, item: Item) -> Record:
    now = store.now()
    record = Record(store.new_id(), now, now, dataset.id, item.fields or {}, item.metadata, item.external_id)
    dataset.records[record.id] = record
    return record


def _update(call: Call, record: Record, item: Item) -> Record:
    touched = False
    if "metadata" in item.given:
        touched = call.quirks.equal_metadata_touches_record or item.metadata != record.metadata
        record.metadata = item.metadata
    if "fields" in item.given and call.quirks.upsert_edits_fields and item.fields is not None:
        touched = touched or item.fields != record.fields
        record.fields = item.fields
    if item.suggestions and call.quirks.suggestion_upsert_touches_record:
        touched = True
    if touched:
        record.updated_at = call.store.now()
    return record


def _relations(call: Call, dataset: Dataset, records: list[Record], items: list[Item]) -> None:
    for record, item in zip(records, items, strict=True):
        for suggestion in item.suggestions:
            merge_suggestion(call.store, record, suggestion)
        record.vectors.update(item.vectors)
    merge_responses(call.store, records, items)
    for record in records:
        recompute(call, dataset, record)


def merge_responses(store: Store, records: list[Record], items: list[Item]) -> None:
    """Insert or overwrite per (record, person), one statement for the whole call.

    Rows that were there get the time of the statement as updated_at. New rows all get the first row's inserted_at
    as updated_at, so theirs is never later than their own inserted_at.
    """
    overwritten_at = store.now()
    first: datetime | None = None
    for record, item in zip(records, items, strict=True):
        for user_id, status, values in item.responses:
            stamp = store.now()
            first = first or stamp
            response = record.response_of(user_id)
            if response is None:
                record.responses.append(Response(store.new_id(), stamp, first, record.id, user_id, status, values))
            else:
                response.status, response.values, response.updated_at = status, values, overwritten_at


def recompute(call: Call, dataset: Dataset, record: Record) -> None:
    """Set the record's status, where there is one; its updated_at moves only if the status flips."""
    if not call.quirks.distribution:
        return
    submitted = sum(response.status == "submitted" for response in record.responses)
    status = "completed" if submitted >= dataset.min_submitted else "pending"
    if status != record.status:
        record.status = status
        record.updated_at = call.store.now()
