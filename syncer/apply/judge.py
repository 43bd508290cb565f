"""Pure: what a planned write to one response still means, given what is there now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from syncer.apply.reread import Absent
from syncer.model import Record, Response


@dataclass(frozen=True)
class Send:
    """The target still is as the plan expects: send."""

    current: Response | None


@dataclass(frozen=True)
class Done:
    """The target is already as the plan wants it."""

    current: Response | None


@dataclass(frozen=True)
class Drifted:
    """Somebody changed it: not sent."""

    why: str


def judge_response(
    record: Record | Absent,
    user_id: str,
    expects: str | None,
    leaves: str | None,
    intent: Mapping[str, Any] | None,
    written: str | None = None,
) -> Send | Done | Drifted:
    """Compare one response with what an operation expects and leaves (None: no response).

    `intent` is the first intent of the operation in this run. After one, a response that shows the expected
    value with a newer time was written by somebody meanwhile, perhaps over our own write: it is theirs.
    `written` is the server's time of the expected value, if only that very writing of it may be replaced.
    """
    if isinstance(record, Absent):
        return Drifted(record.value)
    current = record.response_of(user_id)
    digest = current.digest if current else None
    if digest == leaves:
        return Done(current)
    if digest != expects:
        return Drifted(_how(current, expects))
    before = intent.get("before") if intent else None
    if current is not None and before is not None and before["updated_at"] != current.updated_at:
        return Drifted("its author saved it again while the run was under way")
    if current is not None and written is not None and current.updated_at != written:
        return Drifted("its author saved it again since")
    return Send(current)


def _how(current: Response | None, expects: str | None) -> str:
    if current is None:
        return "it was deleted since the plan was made"
    return "it was added since the plan was made" if expects is None else "it was changed since the plan was made"


Finding = Literal["overwritten", "possibly-overwritten"]


def finding_after(
    expects: str | None, stored: Response | None, activity_before: str | None, activity_after: str | None
) -> Finding | None:
    """Whether a person's save in the window of a send may have been replaced by it.

    A response that was planned as absent and was there when the server wrote has `updated_at` after
    `inserted_at`. A person's save always moves the dataset's activity; a bulk write never does.
    """
    if expects is None:
        return "overwritten" if stored is not None and stored.updated_at > stored.inserted_at else None
    return "possibly-overwritten" if activity_before != activity_after else None
