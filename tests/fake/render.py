"""Rows as the JSON that the server answers with."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .quirks import Quirks
from .state import Dataset, Record, Response, Row, Setting, Suggestion, User, Workspace

Json = dict[str, Any]
DISTRIBUTION = "overlap"


@dataclass(frozen=True)
class Include:
    """Which relations a record is shown with; `vectors` is a list of names, or True for all."""

    responses: bool = False
    suggestions: bool = False
    vectors: bool | tuple[str, ...] = False


EVERYTHING = Include(responses=True, suggestions=True, vectors=True)


def stamp(moment: datetime) -> str:
    """Naive, with six digits unless they are all zero, as the server's encoder writes it."""
    return moment.isoformat()


def _times(row: Row) -> Json:
    return {"inserted_at": stamp(row.inserted_at), "updated_at": stamp(row.updated_at)}


def user_v1(user: User) -> Json:
    return {
        "id": user.id,
        "first_name": user.first_name,
        "last_name": user.last_name,
        "username": user.username,
        "role": user.role,
        "api_key": user.api_key,
        **_times(user),
    }


def user_v0(user: User, workspaces: list[Workspace]) -> Json:
    shown = user_v1(user)
    if user.last_name is None:
        del shown["last_name"]
    names = [workspace.name for workspace in workspaces]
    full_name = f"{user.first_name} {user.last_name}" if user.last_name else user.first_name
    return shown | {"full_name": full_name, "workspaces": names}


def workspace(row: Workspace) -> Json:
    return {"id": row.id, "name": row.name, **_times(row)}


def dataset(row: Dataset, quirks: Quirks) -> Json:
    shown: Json = {
        "id": row.id,
        "name": row.name,
        "guidelines": row.guidelines,
        "allow_extra_metadata": row.allow_extra_metadata,
        "status": row.status,
        "workspace_id": row.workspace_id,
        "last_activity_at": stamp(row.last_activity_at),
        **_times(row),
    }
    if quirks.distribution:
        shown["distribution"] = {"strategy": DISTRIBUTION, "min_submitted": row.min_submitted}
    if quirks.dataset_metadata:
        shown["metadata"] = row.metadata
    return shown


def setting(row: Setting, kind: str) -> Json:
    """A row of a dataset's `fields`, `questions`, `properties` or `vectors`."""
    shown: Json = {
        "id": row.id,
        "name": row.name,
        "title": row.title,
        "dataset_id": row.dataset_id,
        **_times(row),
    }
    if kind == "vectors":
        return shown | {"dimensions": row.dimensions}
    shown["settings"] = row.settings
    if kind == "properties":
        return shown | {"visible_for_annotators": row.visible}
    shown["required"] = row.required
    if kind == "questions":
        shown["description"] = row.description
    return shown


def response(row: Response) -> Json:
    return {
        "id": row.id,
        "values": row.values,
        "status": row.status,
        "record_id": row.record_id,
        "user_id": row.user_id,
        **_times(row),
    }


def suggestion(row: Suggestion) -> Json:
    return {
        "id": row.id,
        "question_id": row.question_id,
        "type": row.type,
        "value": row.value,
        "agent": row.agent,
        "score": row.score,
        **_times(row),
    }


def record(row: Record, quirks: Quirks, include: Include, only_user: str | None = None) -> Json:
    """A record with the relations asked for; those not asked for have no key."""
    shown: Json = {
        "id": row.id,
        "fields": row.fields,
        "metadata": row.metadata,
        "external_id": row.external_id,
        "dataset_id": row.dataset_id,
        **_times(row),
    }
    if quirks.distribution:
        shown["status"] = row.status
    if include.responses:
        shown["responses"] = [response(r) for r in row.responses if only_user in (None, r.user_id)]
    if include.suggestions:
        shown["suggestions"] = [suggestion(s) for s in row.suggestions]
    if include.vectors is True:
        shown["vectors"] = dict(row.vectors)
    elif include.vectors:
        shown["vectors"] = {name: v for name, v in row.vectors.items() if name in include.vectors}
    return shown
