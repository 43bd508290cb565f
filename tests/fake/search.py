"""Searching records: the part of it that a migration has use for. It always goes through the index."""

from __future__ import annotations

from typing import Any

from . import errors, render
from .records import LIST_LIMIT, read_include
from .routes import Answer, Call, route
from .shapes import as_choice, as_list, as_object, needed
from .state import Dataset, Record

FILTERS = ("body", "filters", "and")


@route("POST", "/v1/datasets/{dataset_id}/records/search")
def search(call: Call) -> Answer:
    return _search(call, call.dataset(manage=True), own=False)


@route("POST", "/v1/me/datasets/{dataset_id}/records/search")
def search_own(call: Call) -> Answer:
    return _search(call, call.dataset(), own=True)


def _search(call: Call, dataset: Dataset, *, own: bool) -> Answer:
    include = read_include(call)
    offset, limit = call.number("offset", 0, 0), call.number("limit", 50, 1, LIST_LIMIT)
    body = as_object(call.body, ("body",))
    filters = as_object(body.get("filters") or {"and": []}, ("body", "filters")).get("and") or []
    text = ((body.get("query") or {}).get("text") or {}).get("q", "")
    for item in filters:
        _check_filter(call, as_object(item, FILTERS))
    hits = [
        (id_, record)
        for id_ in call.index.ids(dataset)
        if (record := dataset.records.get(id_)) is None or _matches(call, record, filters, text)
    ]
    items = []
    for _, record in _sorted(hits, body.get("sort") or [])[offset : offset + limit]:
        if record is None:
            raise errors.broken("pydantic.error_wrappers.ValidationError", "1 validation error for SearchRecord")
        shown = render.record(record, call.quirks, include, call.user.id if own else None)
        if own and shown["metadata"] is not None and not call.manager(dataset.workspace_id):
            hidden = {prop.name for prop in dataset.properties if not prop.visible}
            shown["metadata"] = {k: v for k, v in shown["metadata"].items() if k not in hidden}
        items.append({"record": shown, "query_score": 1.0})
    return 200, {"items": items, "total": len(hits)}


def _check_filter(call: Call, item: dict[str, Any]) -> None:
    kind = as_choice(needed(item, "type", FILTERS), (*FILTERS, "type"), ("terms", "range"))
    scope = as_object(needed(item, "scope", FILTERS), (*FILTERS, "scope"))
    if scope.get("entity") == "record":
        known = ["inserted_at", "updated_at"]
        known += ["status"] if call.quirks.distribution else []
        known += ["id", "external_id"] if call.quirks.search_by_id else []
        as_choice(scope.get("property"), (*FILTERS, "scope", "property"), known)
    if kind == "terms":
        as_list(needed(item, "values", FILTERS), (*FILTERS, "values"), 1, 250)


def _matches(call: Call, record: Record, filters: list[dict[str, Any]], text: str) -> bool:
    words = text.lower().split()
    content = " ".join(str(value) for value in record.fields.values()).lower()
    return all(word in content for word in words) and all(_fits(call, record, item) for item in filters)


def _fits(call: Call, record: Record, item: dict[str, Any]) -> bool:
    values = _scoped(call, record, item["scope"])
    if item["type"] == "terms":
        return any(str(value) in item["values"] for value in values)
    low, high = item.get("ge"), item.get("le")
    return any((low is None or value >= low) and (high is None or value <= high) for value in values)


def _scoped(call: Call, record: Record, scope: dict[str, Any]) -> list[Any]:
    """The values of a record that a filter looks at."""
    entity = scope["entity"]
    if entity == "record":
        value = render.record(record, call.quirks, render.Include())[scope["property"]]
        return [] if value is None else [value]
    if entity == "metadata":
        value = (record.metadata or {}).get(scope["metadata_property"])
        return value if isinstance(value, list) else [] if value is None else [value]
    if entity == "response" and scope.get("property") == "status":
        return [response.status for response in record.responses] or ["pending"]
    raise errors.unprocessable(f"filter scope {entity!r} is not part of this server")


def _sorted(hits: list[tuple[str, Record | None]], sort: list[dict[str, Any]]) -> list[tuple[str, Record | None]]:
    for order in reversed(sort):
        name = order["scope"]["property"]
        hits = sorted(hits, key=lambda hit: getattr(hit[1], name), reverse=order.get("order") == "desc")
    return hits
