"""Datasets: find, create, change, publish, count."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from . import errors, render
from .quirks import Quirks
from .routes import Answer, Call, route
from .shapes import Loc, as_bool, as_choice, as_integer, as_object, as_text, as_uuid, needed
from .state import Dataset

SLUG = re.compile(r"^(?!-|_)[a-zA-Z0-9-_ ]+$")
BODY: Loc = ("body",)


def _read_name(call: Call, value: Any) -> str:
    name = as_text(value, ("body", "name"), 1, 200)
    if not call.quirks.free_names and not SLUG.match(name):
        raise errors.invalid(("body", "name"), f'string does not match regex "{SLUG.pattern}"')
    return name


def _read_guidelines(value: Any) -> str | None:
    return None if value is None else as_text(value, ("body", "guidelines"), 1, 10000)


def _read_min_submitted(value: Any) -> int:
    loc = ("body", "distribution")
    distribution = as_object(value, loc)
    as_choice(needed(distribution, "strategy", loc), (*loc, "strategy"), (render.DISTRIBUTION,))
    return as_integer(needed(distribution, "min_submitted", loc), (*loc, "min_submitted"), low=1)


def _read_metadata(value: Any) -> dict[str, Any] | None:
    return None if value is None else as_object(value, ("body", "metadata"))


@route("GET", "/v1/me/datasets")
def list_datasets(call: Call) -> Answer:
    wanted = call.query.get("workspace_id", [None])[-1]
    if wanted is not None and not call.member(wanted):
        raise errors.forbidden()
    rows = [d for d in call.store.datasets.values() if call.member(d.workspace_id)]
    if wanted is not None:
        rows = [d for d in rows if d.workspace_id == wanted]
    if call.quirks.dataset_filters:
        for key in ("name", "status"):
            if key in call.query:
                rows = [d for d in rows if getattr(d, key) == call.query[key][-1]]
    return 200, {"items": [render.dataset(d, call.quirks) for d in rows]}


@route("GET", "/v1/datasets/{dataset_id}")
def get_dataset(call: Call) -> Answer:
    return 200, render.dataset(call.dataset(), call.quirks)


@route("POST", "/v1/datasets")
def post_dataset(call: Call) -> Answer:
    body = as_object(call.body, BODY)
    name = _read_name(call, needed(body, "name", BODY))
    workspace_id = as_uuid(needed(body, "workspace_id", BODY), ("body", "workspace_id"))
    guidelines = _read_guidelines(body.get("guidelines"))
    extra = as_bool(body.get("allow_extra_metadata", True), ("body", "allow_extra_metadata"))
    min_submitted = 1
    if call.quirks.distribution and "distribution" in body:
        min_submitted = _read_min_submitted(body["distribution"])
    metadata = _read_metadata(body.get("metadata")) if call.quirks.dataset_metadata else None
    if not call.manager(workspace_id):
        raise errors.forbidden()
    if workspace_id not in call.store.workspaces:
        raise errors.unprocessable(f"Workspace with id `{workspace_id}` not found")
    _require_free_name(call, name, workspace_id)
    now = call.store.now()
    row = Dataset(call.store.new_id(), now, now, name, workspace_id, guidelines, extra, min_submitted, metadata, now)
    call.store.datasets[row.id] = row
    return 201, render.dataset(row, call.quirks)


def _require_free_name(call: Call, name: str, workspace_id: str) -> None:
    if any(d.name == name and d.workspace_id == workspace_id for d in call.store.datasets.values()):
        raise errors.conflict(f"Dataset with name `{name}` already exists for workspace with id `{workspace_id}`")


@route("PATCH", "/v1/datasets/{dataset_id}")
def patch_dataset(call: Call) -> Answer:
    row = call.dataset(manage=True)
    body = as_object(call.body, BODY)
    for key in ("name", "allow_extra_metadata", "distribution"):
        if key in body and body[key] is None:
            raise errors.invalid(BODY, f"The following keys must have non-null values: {key}")
    changes: dict[str, Any] = {}
    if "name" in body:
        changes["name"] = _read_name(call, body["name"])
    if "guidelines" in body:
        changes["guidelines"] = _read_guidelines(body["guidelines"])
    if "allow_extra_metadata" in body:
        changes["allow_extra_metadata"] = as_bool(body["allow_extra_metadata"], ("body", "allow_extra_metadata"))
    if "metadata" in body and call.quirks.dataset_metadata:
        changes["metadata"] = _read_metadata(body["metadata"])
    if "distribution" in body and call.quirks.distribution:
        changes["min_submitted"] = _read_min_submitted(body["distribution"])
        _require_changeable_distribution(row, call.quirks)
    _change(call, row, changes)
    return 200, render.dataset(row, call.quirks)


def _require_changeable_distribution(row: Dataset, quirks: Quirks) -> None:
    if quirks.distribution_is_fixed and any(record.responses for record in row.records.values()):
        message = "Distribution settings can't be modified for a dataset containing user responses"
        raise errors.Refusal(422, {"code": "update_distribution_with_existing_responses", "message": message})


def _change(call: Call, row: Dataset, changes: dict[str, Any]) -> None:
    """Both times of the dataset move, unless nothing is different afterwards."""
    if all(getattr(row, key) == value for key, value in changes.items()):
        return
    for key, value in changes.items():
        setattr(row, key, value)
    row.updated_at = row.last_activity_at = call.store.now()


@route("PUT", "/v1/datasets/{dataset_id}/publish")
def publish(call: Call) -> Answer:
    row = call.dataset(manage=True)
    if row.status == "ready":
        raise errors.unprocessable("Dataset has already been published")
    if not any(field.required or call.quirks.any_field_publishes for field in row.fields):
        kind = "fields" if call.quirks.any_field_publishes else "required fields"
        raise errors.unprocessable(f"Dataset cannot be published without {kind}")
    if not any(question.required for question in row.questions):
        raise errors.unprocessable("Dataset cannot be published without required questions")
    call.before_commit()
    _change(call, row, {"status": "ready"})
    call.after_commit(row)
    return 200, render.dataset(row, call.quirks)


@route("DELETE", "/v1/datasets/{dataset_id}")
def delete_dataset(call: Call) -> Answer:
    row = call.dataset(manage=True)
    del call.store.datasets[row.id]
    return 200, render.dataset(row, call.quirks)


@route("GET", "/v1/datasets/{dataset_id}/progress")
def progress(call: Call) -> Answer:
    row = call.dataset()
    total = len(row.records)
    if not call.quirks.distribution:
        return 200, _old_progress(row)
    completed = sum(record.status == "completed" for record in row.records.values())
    return 200, {"total": total, "completed": completed, "pending": total - completed}


def _old_progress(row: Dataset) -> dict[str, int]:
    kinds: Counter[str] = Counter()
    for record in row.records.values():
        statuses = {response.status for response in record.responses} - {"draft"}
        kinds["conflicting" if len(statuses) > 1 else next(iter(statuses), "pending")] += 1
    return {"total": len(row.records)} | {
        kind: kinds[kind] for kind in ("submitted", "discarded", "conflicting", "pending")
    }


@route("GET", "/v1/me/datasets/{dataset_id}/metrics")
def metrics(call: Call) -> Answer:
    row = call.dataset()
    own = Counter(r.status for record in row.records.values() for r in record.responses if r.user_id == call.user.id)
    counts = {status: own[status] for status in ("submitted", "discarded", "draft")}
    total = len(row.records)
    return 200, {"responses": {"total": total, **counts, "pending": total - sum(counts.values())}}
