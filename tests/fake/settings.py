"""Fields, questions, metadata properties and vectors settings of a dataset."""

from __future__ import annotations

import re
from typing import Any

from . import errors, render
from .questions import check_patch, read_question
from .quirks import Quirks
from .routes import Answer, Call, route
from .shapes import Loc, as_bool, as_choice, as_integer, as_list, as_object, as_text, needed
from .state import Dataset, Setting, named

BODY: Loc = ("body",)
SLUG = re.compile(r"^(?=.*[a-z0-9])[a-z0-9_-]+$")
LABELS = {
    "fields": "Field",
    "questions": "Question",
    "properties": "Metadata property",
    "vectors": "Vector settings",
}


def _listing(call: Call, kind: str) -> Answer:
    dataset = call.dataset()
    rows: list[Setting] = getattr(dataset, kind)
    if kind == "properties" and not call.manager(dataset.workspace_id):
        rows = [row for row in rows if row.visible]
    return 200, {"items": [render.setting(row, kind) for row in rows]}


@route("GET", "/v1/datasets/{dataset_id}/fields")
def list_fields(call: Call) -> Answer:
    return _listing(call, "fields")


@route("GET", "/v1/datasets/{dataset_id}/questions")
def list_questions(call: Call) -> Answer:
    return _listing(call, "questions")


@route("GET", "/v1/me/datasets/{dataset_id}/metadata-properties")
def list_properties(call: Call) -> Answer:
    return _listing(call, "properties")


@route("GET", "/v1/datasets/{dataset_id}/vectors-settings")
def list_vectors(call: Call) -> Answer:
    return _listing(call, "vectors")


def _add(call: Call, dataset: Dataset, kind: str, body: dict[str, Any], **more: Any) -> Answer:
    """Store a new row after the checks that all four kinds share."""
    rows: list[Setting] = getattr(dataset, kind)
    name = as_text(needed(body, "name", BODY), ("body", "name"), 1, 200)
    title = as_text(needed(body, "title", BODY), ("body", "title"), 1, 500)
    if not call.quirks.free_names and not SLUG.match(name):
        raise errors.invalid(("body", "name"), f'string does not match regex "{SLUG.pattern}"')
    if named(rows, name):
        raise errors.conflict(f"{LABELS[kind]} with name `{name}` already exists for dataset with id `{dataset.id}`")
    now = call.store.now()
    row = Setting(call.store.new_id(), now, now, name, title, dataset.id, **more)
    rows.append(row)
    return 201, render.setting(row, kind)


@route("POST", "/v1/datasets/{dataset_id}/fields")
def post_field(call: Call) -> Answer:
    dataset = call.dataset(manage=True)
    body = as_object(call.body, BODY)
    settings = _read_field(needed(body, "settings", BODY), call.quirks)
    if dataset.status == "ready":
        raise errors.unprocessable("Field cannot be created for a published dataset")
    return _add(call, dataset, "fields", body, settings=settings, required=bool(body.get("required")))


def _read_field(value: Any, quirks: Quirks) -> dict[str, Any]:
    loc = ("body", "settings")
    settings = as_object(value, loc)
    kind = as_choice(needed(settings, "type", loc), (*loc, "type"), quirks.field_types)
    if kind in ("text", "chat"):
        return {"type": kind, "use_markdown": as_bool(settings.get("use_markdown", kind == "chat"), loc)}
    if kind == "custom":
        template = as_text(needed(settings, "template", loc), (*loc, "template"))
        return {"type": kind, "template": template, "advanced_mode": bool(settings.get("advanced_mode"))}
    return {"type": kind}


@route("POST", "/v1/datasets/{dataset_id}/questions")
def post_question(call: Call) -> Answer:
    dataset = call.dataset(manage=True)
    body = as_object(call.body, BODY)
    settings = read_question(needed(body, "settings", BODY), call.quirks)
    description = body.get("description")
    if description is not None:
        as_text(description, ("body", "description"), 1, 1000)
    if dataset.status == "ready":
        raise errors.unprocessable("questions cannot be created for a published dataset")
    if settings["type"] == "span":
        _check_span_field(dataset, settings["field"])
    return _add(
        call,
        dataset,
        "questions",
        body,
        settings=settings,
        required=bool(body.get("required")),
        description=description,
    )


def _check_span_field(dataset: Dataset, field: str) -> None:
    names = [row.name for row in dataset.fields]
    if field not in names:
        raise errors.unprocessable(f"'{field}' is not a valid field name.\nValid field names are {names!r}")
    for question in dataset.questions:
        if question.settings.get("field") == field:
            raise errors.unprocessable(f"'{field}' is already used by span question with id '{question.id}'")


@route("POST", "/v1/datasets/{dataset_id}/metadata-properties")
def post_property(call: Call) -> Answer:
    dataset = call.dataset(manage=True)
    body = as_object(call.body, BODY)
    settings = _read_property(needed(body, "settings", BODY))
    visible = as_bool(body.get("visible_for_annotators", True), ("body", "visible_for_annotators"))
    return _add(call, dataset, "properties", body, settings=settings, visible=visible)


def _read_property(value: Any) -> dict[str, Any]:
    loc = ("body", "settings")
    settings = as_object(value, loc)
    kind = as_choice(needed(settings, "type", loc), (*loc, "type"), ("terms", "integer", "float"))
    if kind == "terms":
        values = settings.get("values")
        return {"type": kind, "values": values and as_list(values, (*loc, "values"), 1, 250)}
    low, high = settings.get("min"), settings.get("max")
    if low is not None and high is not None and low >= high:
        raise errors.invalid(loc, f"'min' ({low}) must be lower than 'max' ({high})")
    return {"type": kind, "min": low, "max": high}


@route("POST", "/v1/datasets/{dataset_id}/vectors-settings")
def post_vector(call: Call) -> Answer:
    dataset = call.dataset(manage=True)
    body = as_object(call.body, BODY)
    dimensions = as_integer(needed(body, "dimensions", BODY), ("body", "dimensions"), low=1)
    if len(dataset.vectors) >= 5:
        raise errors.unprocessable(
            f"The maximum number of vector settings has been reached for dataset with id `{dataset.id}`"
        )
    return _add(call, dataset, "vectors", body, settings={}, dimensions=dimensions)


def _patched(call: Call, kind: str, param: str) -> tuple[Setting, dict[str, Any]]:
    """The row of a PATCH, for its managers, with the title already changed."""
    row_id = call.id(param)
    found = call.store.find_setting(kind, row_id)
    if found is None:
        raise errors.not_found(LABELS[kind], row_id)
    dataset, row = found
    call.allow(dataset, manage=True)
    body = as_object(call.body, BODY)
    if "title" in body:
        as_text(body["title"], ("body", "title"), 1, 500)
    return row, body


def _save(call: Call, row: Setting, kind: str, changes: dict[str, Any]) -> Answer:
    if any(getattr(row, key) != value for key, value in changes.items()):
        for key, value in changes.items():
            setattr(row, key, value)
        row.updated_at = call.store.now()
    return 200, render.setting(row, kind)


@route("PATCH", "/v1/fields/{field_id}")
def patch_field(call: Call) -> Answer:
    row, body = _patched(call, "fields", "field_id")
    changes = {"title": body.get("title", row.title), "settings": row.settings}
    if "settings" in body:
        changes["settings"] = _read_field(body["settings"], call.quirks)
        if changes["settings"]["type"] != row.settings["type"]:
            raise errors.unprocessable(
                f"Field type cannot be changed. Expected '{row.settings['type']}' "
                f"but got '{changes['settings']['type']}'"
            )
    return _save(call, row, "fields", changes)


@route("PATCH", "/v1/questions/{question_id}")
def patch_question(call: Call) -> Answer:
    row, body = _patched(call, "questions", "question_id")
    changes = {"title": body.get("title", row.title), "description": body.get("description", row.description)}
    if "settings" in body:
        changes["settings"] = check_patch(row.settings, body["settings"])
    return _save(call, row, "questions", changes)


@route("PATCH", "/v1/metadata-properties/{property_id}")
def patch_property(call: Call) -> Answer:
    row, body = _patched(call, "properties", "property_id")
    visible = as_bool(body.get("visible_for_annotators", row.visible), ("body", "visible_for_annotators"))
    return _save(call, row, "properties", {"title": body.get("title", row.title), "visible": visible})


@route("PATCH", "/v1/vectors-settings/{vector_id}")
def patch_vector(call: Call) -> Answer:
    row, body = _patched(call, "vectors", "vector_id")
    return _save(call, row, "vectors", {"title": body.get("title", row.title)})
