"""Pure: which records and responses of the sources take part."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict, field_validator

from syncer.model import canonical_json, moment


class RecordLike(Protocol):
    """A record's row in a snapshot."""

    @property
    def remote_id(self) -> str: ...
    @property
    def external_id(self) -> str | None: ...
    @property
    def status(self) -> str | None: ...
    @property
    def inserted_at(self) -> str: ...


class ResponseLike(Protocol):
    """A response's row in a snapshot."""

    @property
    def status(self) -> str: ...
    @property
    def updated_at(self) -> str: ...


class Filters(BaseModel):
    """Conditions that all must hold; an empty one holds. Times are ISO 8601, in UTC unless they name a zone."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    record_status: tuple[str, ...] = ()
    response_status: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()
    metadata: tuple[tuple[str, str], ...] = ()
    """(name, text of the value) or (name, `LOW..HIGH`)."""
    ids: tuple[str, ...] = ()
    """Remote ids or external ids."""
    since: str | None = None
    """Only responses written at or after this time."""
    until: str | None = None
    query: str | None = None
    """Text that some field contains, whatever the case."""

    @field_validator("since", "until")
    @classmethod
    def _is_time(cls, text: str | None) -> str | None:
        if text is not None:
            moment(text)
        return text

    @property
    def by_author(self) -> bool:
        """Whether usernames matter."""
        return bool(self.authors)

    def keeps_record(self, row: RecordLike, content: Mapping[str, Any]) -> bool:
        """Whether a record takes part."""
        if self.record_status and row.status not in self.record_status:
            return False
        if self.ids and row.remote_id not in self.ids and row.external_id not in self.ids:
            return False
        if self.query is not None and self.query.casefold() not in _text(content["fields"]).casefold():
            return False
        metadata = content["metadata"] or {}
        return all(_matches(metadata.get(name), wanted) for name, wanted in self.metadata)

    def keeps_response(self, row: ResponseLike, username: str | None) -> bool:
        """Whether a response of a record that takes part is copied."""
        if self.response_status and row.status not in self.response_status:
            return False
        if self.authors and username not in self.authors:
            return False
        written = moment(row.updated_at)
        if self.since is not None and written < moment(self.since):
            return False
        return self.until is None or written < moment(self.until)


def _text(fields: Mapping[str, Any]) -> str:
    return "\n".join(v if isinstance(v, str) else canonical_json(v) for v in fields.values())


def _matches(value: Any, wanted: str) -> bool:
    if value is None:
        return False
    low, dots, high = wanted.partition("..")
    if dots and isinstance(value, int | float):
        try:
            return (not low or value >= float(low)) and (not high or value <= float(high))
        except ValueError:
            return False
    values = value if isinstance(value, list) else [value]
    return any(str(item) == wanted for item in values)
