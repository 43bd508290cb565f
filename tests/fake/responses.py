"""Responses as people write them."""

from __future__ import annotations

from typing import Any

from . import errors, render
from .bulk import recompute
from .errors import Refusal, RuleBroken
from .routes import Answer, Call, route
from .shapes import as_list, as_object, as_uuid, needed
from .state import Dataset, Record, Response
from .values import check_answer, read_answer

BODY = ("body",)


def _check(dataset: Dataset, record: Record, status: str, values: dict[str, Any] | None) -> None:
    try:
        check_answer(dataset, record.fields, status, values)
    except RuleBroken as problem:
        raise errors.unprocessable(str(problem)) from None


def _person_wrote(call: Call, dataset: Dataset, record: Record) -> None:
    """What every write of a response by its own endpoint leaves behind."""
    dataset.last_activity_at = call.store.now()
    if call.quirks.response_touches_dataset:
        dataset.updated_at = dataset.last_activity_at
    recompute(call, dataset, record)
    call.after_commit(dataset, [record])


def _new(call: Call, record: Record, status: str, values: dict[str, Any] | None) -> Response:
    now = call.store.now()
    response = Response(call.store.new_id(), now, now, record.id, call.user.id, status, values)
    record.responses.append(response)
    return response


@route("POST", "/v1/records/{record_id}/responses")
def post_response(call: Call) -> Answer:
    dataset, record = call.record()
    status, values = read_answer(call.body, BODY, in_record=False)
    if record.response_of(call.user.id):
        raise errors.conflict(
            f"Response already exists for record with id `{record.id}` and by user with id `{call.user.id}`"
        )
    _check(dataset, record, status, values)
    call.before_commit()
    response = _new(call, record, status, values)
    _person_wrote(call, dataset, record)
    return 201, render.response(response)


def _own_or_managed(call: Call) -> tuple[Dataset, Record, Response]:
    response_id = call.id("response_id")
    found = call.store.find_response(response_id)
    if found is None:
        raise errors.not_found("Response", response_id)
    if found[2].user_id != call.user.id and not call.manager(found[0].workspace_id):
        raise errors.forbidden()
    return found


@route("PUT", "/v1/responses/{response_id}")
def put_response(call: Call) -> Answer:
    dataset, record, response = _own_or_managed(call)
    status, values = read_answer(call.body, BODY, in_record=False, update=True)
    _check(dataset, record, status, values)
    call.before_commit()
    if (status, values) != (response.status, response.values):
        response.status, response.values, response.updated_at = status, values, call.store.now()
    _person_wrote(call, dataset, record)
    return 200, render.response(response)


@route("DELETE", "/v1/responses/{response_id}")
def delete_response(call: Call) -> Answer:
    dataset, record, response = _own_or_managed(call)
    call.before_commit()
    record.responses.remove(response)
    _person_wrote(call, dataset, record)
    return 200, render.response(response)


@route("POST", "/v1/me/responses/bulk")
def post_responses_bulk(call: Call) -> Answer:
    items = as_list(needed(as_object(call.body, BODY), "items", BODY), ("body", "items"), 1, 100)
    read = []
    for place, item in enumerate(items):
        loc = ("body", "items", place)
        record_id = as_uuid(needed(as_object(item, loc), "record_id", loc), (*loc, "record_id"))
        read.append((record_id, *read_answer(item, loc, in_record=False, update=True)))
    return 200, {"items": [_upsert(call, *item) for item in read]}


def _upsert(call: Call, record_id: str, status: str, values: dict[str, Any] | None) -> dict[str, Any]:
    """One item of the bulk: the response, or the error that only this item has."""
    try:
        found = call.store.find_record(record_id)
        if found is None:
            raise errors.not_found("Record", record_id)
        dataset, record = found
        call.allow(dataset, manage=False)
        _check(dataset, record, status, values)
        call.before_commit()
        response = record.response_of(call.user.id)
        if response is None:
            response = _new(call, record, status, values)
        else:
            response.status, response.values, response.updated_at = status, values, call.store.now()
        _person_wrote(call, dataset, record)
    except Refusal as refusal:
        return {"item": None, "error": {"detail": refusal.sentence}}
    return {"item": render.response(response), "error": None}
