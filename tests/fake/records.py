"""Records one by one and listed, and the suggestions of a record."""

from __future__ import annotations

from uuid import UUID

from . import errors, render
from .errors import RuleBroken
from .items import check_fields, check_metadata, check_vectors, read_item, refuse_repeated
from .render import Include
from .routes import Answer, Call, route
from .shapes import as_object
from .state import Dataset, Record
from .suggestions import check_suggestion, merge_suggestion, read_suggestion

DELETE_LIMIT = 100
LIST_LIMIT = 1000
BODY = ("body",)


def read_include(call: Call) -> Include:
    """`include=responses,suggestions` and `include=vectors:a,b`, each any number of times."""
    keys: set[str] = set()
    vectors: tuple[str, ...] = ()
    for value in call.query.get("include", []):
        key, colon, names = value.partition(":")
        if colon and key == "vectors":
            vectors += tuple(names.split(","))
        else:
            keys.update(value.split(","))
    if keys - {"responses", "suggestions", "vectors"} or ("vectors" in keys and vectors):
        if call.quirks.bad_include_breaks:
            raise errors.broken("pydantic.error_wrappers.ValidationError", "1 validation error for RecordIncludeParam")
        raise errors.invalid(("query", "include"), "value is not a valid enumeration member", "type_error.enum")
    return Include("responses" in keys, "suggestions" in keys, True if "vectors" in keys else vectors)


@route("GET", "/v1/datasets/{dataset_id}/records")
def list_records(call: Call) -> Answer:
    include = read_include(call)
    offset, limit = call.number("offset", 0, 0), call.number("limit", 50, 1, LIST_LIMIT)
    dataset = call.dataset(manage=True)
    if call.quirks.list_from_index:
        ids = call.index.ids(dataset)
        rows = [dataset.records.get(id_) for id_ in ids[offset : offset + limit]]
        total = len(ids)
    else:
        listed = dataset.listed()
        rows = list(listed[offset : offset + limit])
        total = len(listed)
    items = []
    for row in rows:
        if row is None:
            raise _ghost(call)
        items.append(render.record(row, call.quirks, include))
    return 200, {"items": items, "total": total}


def _ghost(call: Call) -> errors.Refusal:
    """The index named a record that the database does not have."""
    if call.quirks.distribution:
        return errors.invalid(("items", 0), "none is not an allowed value", "type_error.none.not_allowed")
    return errors.broken("pydantic.error_wrappers.ValidationError", "1 validation error for Records")


@route("GET", "/v1/records/{record_id}")
def get_record(call: Call) -> Answer:
    _, record = call.record()
    if not call.quirks.record_shows_responses:
        shown = render.record(record, call.quirks, Include(suggestions=True))
        return 200, shown | {"responses": None, "vectors": None}
    if record.vectors:
        raise errors.broken("sqlalchemy.exc.MissingGreenlet", "greenlet_spawn has not been called")
    return 200, render.record(record, call.quirks, render.EVERYTHING)


@route("PATCH", "/v1/records/{record_id}")
def patch_record(call: Call) -> Answer:
    dataset, record = call.record(manage=True)
    body = as_object(call.body, BODY)
    known = {key: body[key] for key in ("fields", "metadata", "suggestions", "vectors") if key in body}
    item = read_item(known, BODY, call.quirks, upsert=True)
    edits_fields = call.quirks.upsert_edits_fields and "fields" in item.given
    try:
        if edits_fields:
            check_fields(dataset, item.fields, call.quirks)
        check_metadata(dataset, item.metadata)
        check_vectors(dataset, item.vectors)
        refuse_repeated(item.suggestions)
        for suggestion in item.suggestions:
            check_suggestion(dataset, record.fields, suggestion, call.quirks)
    except RuleBroken as problem:
        raise errors.unprocessable(str(problem)) from None
    call.before_commit()
    if edits_fields and item.fields is not None:
        record.fields = item.fields
    if "metadata" in item.given:
        record.metadata = item.metadata
    if "suggestions" in item.given:
        record.suggestions = []
        for suggestion in item.suggestions:
            merge_suggestion(call.store, record, suggestion)
    record.vectors.update(item.vectors)
    record.updated_at = call.store.now()
    call.after_commit(dataset, [record])
    if record.vectors and call.quirks.patch_with_vectors_breaks:
        raise errors.broken("sqlalchemy.exc.MissingGreenlet", "greenlet_spawn has not been called")
    if call.quirks.upsert_edits_fields:
        return 200, render.record(record, call.quirks, render.EVERYTHING)
    shown = render.record(record, call.quirks, Include(suggestions=True, vectors=True))
    return 200, shown | {"responses": None}


@route("DELETE", "/v1/records/{record_id}")
def delete_record(call: Call) -> Answer:
    dataset, record = call.record(manage=True)
    _delete(call, dataset, [record])
    return 200, render.record(record, call.quirks, Include())


@route("DELETE", "/v1/datasets/{dataset_id}/records")
def delete_records(call: Call) -> Answer:
    dataset = call.dataset(manage=True)
    if "ids" not in call.query:
        raise errors.invalid(("query", "ids"), "field required", "value_error.missing")
    try:
        ids = [str(UUID(text)) for text in call.query["ids"][-1].split(",")]
    except ValueError:
        raise errors.unprocessable("Invalid UUID format") from None
    if len(ids) > DELETE_LIMIT:
        raise errors.unprocessable(f"Cannot delete more than {DELETE_LIMIT} records at once")
    _delete(call, dataset, [dataset.records[id_] for id_ in dict.fromkeys(ids) if id_ in dataset.records])
    return 204, None


def _delete(call: Call, dataset: Dataset, records: list[Record]) -> None:
    call.before_commit()
    for record in records:
        del dataset.records[record.id]
    call.after_commit(dataset, deleted=[record.id for record in records])


@route("GET", "/v1/records/{record_id}/suggestions")
def list_suggestions(call: Call) -> Answer:
    _, record = call.record()
    return 200, {"items": [render.suggestion(suggestion) for suggestion in record.suggestions]}


@route("PUT", "/v1/records/{record_id}/suggestions")
def put_suggestion(call: Call) -> Answer:
    dataset, record = call.record(manage=True)
    read = read_suggestion(as_object(call.body, BODY), BODY, call.quirks)
    question_id = read["question_id"]
    if all(question.id != question_id for question in dataset.questions):
        raise errors.unprocessable(f"Question with id `{question_id}` not found")
    try:
        check_suggestion(dataset, record.fields, read, call.quirks)
    except RuleBroken as problem:
        raise errors.unprocessable(str(problem)) from None
    status = 200 if any(s.question_id == question_id for s in record.suggestions) else 201
    call.before_commit()
    suggestion = merge_suggestion(call.store, record, read)
    call.after_commit(dataset, [record])
    return status, render.suggestion(suggestion)


@route("DELETE", "/v1/records/{record_id}/suggestions")
def delete_suggestions(call: Call) -> Answer:
    _, record = call.record(manage=True)
    ids = call.query.get("ids", [""])[-1].split(",")
    record.suggestions = [s for s in record.suggestions if s.id not in ids]
    return 204, None
