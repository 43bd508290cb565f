"""What the fake server has stored, as plain objects."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

TICK = timedelta(microseconds=1)


@dataclass
class Row:
    id: str
    inserted_at: datetime
    updated_at: datetime


@dataclass
class User(Row):
    username: str
    first_name: str
    last_name: str | None
    role: str
    api_key: str


@dataclass
class Workspace(Row):
    name: str
    members: list[str] = field(default_factory=list)
    """Ids of users, in the order of joining."""


@dataclass
class Setting(Row):
    """A field, question, metadata property or vectors setting of a dataset."""

    name: str
    title: str
    dataset_id: str
    settings: dict[str, Any]
    required: bool = False
    description: str | None = None
    visible: bool = True
    dimensions: int = 0


@dataclass
class Response(Row):
    record_id: str
    user_id: str | None
    status: str
    values: dict[str, Any] | None


@dataclass
class Suggestion(Row):
    question_id: str
    type: str | None
    value: Any
    agent: str | None
    score: float | list[float] | None


@dataclass
class Record(Row):
    dataset_id: str
    fields: dict[str, Any]
    metadata: dict[str, Any] | None
    external_id: str | None
    status: str = "pending"
    responses: list[Response] = field(default_factory=list)
    suggestions: list[Suggestion] = field(default_factory=list)
    vectors: dict[str, list[float]] = field(default_factory=dict)

    def response_of(self, user_id: str) -> Response | None:
        return next((r for r in self.responses if r.user_id == user_id), None)


@dataclass
class Dataset(Row):
    name: str
    workspace_id: str
    guidelines: str | None
    allow_extra_metadata: bool
    min_submitted: int
    metadata: dict[str, Any] | None
    last_activity_at: datetime
    status: str = "draft"
    fields: list[Setting] = field(default_factory=list)
    questions: list[Setting] = field(default_factory=list)
    properties: list[Setting] = field(default_factory=list)
    vectors: list[Setting] = field(default_factory=list)
    records: dict[str, Record] = field(default_factory=dict)

    def listed(self) -> list[Record]:
        """All records in the order of the list: by inserted_at, then as stored."""
        return sorted(self.records.values(), key=lambda record: record.inserted_at)

    def with_external_id(self, external_id: str) -> Record | None:
        return next((r for r in self.records.values() if r.external_id == external_id), None)

    def external_ids(self) -> dict[str, Record]:
        return {r.external_id: r for r in self.records.values() if r.external_id is not None}


def named(settings: Iterable[Setting], name: str) -> Setting | None:
    return next((setting for setting in settings if setting.name == name), None)


class Store:
    """All rows of one server, its clock and its ids."""

    def __init__(self, clock: Callable[[], datetime], seed: int) -> None:
        self._clock = clock
        self._random = Random(seed)
        self._last = datetime.min
        self.users: dict[str, User] = {}
        self.workspaces: dict[str, Workspace] = {}
        self.datasets: dict[str, Dataset] = {}

    def new_id(self) -> str:
        return str(UUID(int=self._random.getrandbits(128), version=4))

    def new_key(self, username: str) -> str:
        return f"key-{username}-{self._random.getrandbits(128):032x}"

    def now(self) -> datetime:
        """A naive UTC stamp; two calls at one clock reading differ by a microsecond, as on a real server."""
        stamp = self._clock().replace(tzinfo=None)
        if timedelta(0) <= self._last - stamp < timedelta(seconds=1):
            stamp = self._last + TICK
        self._last = stamp
        return stamp

    def user_named(self, username: str) -> User | None:
        return next((u for u in self.users.values() if u.username == username), None)

    def workspace_named(self, name: str) -> Workspace | None:
        return next((w for w in self.workspaces.values() if w.name == name), None)

    def find_record(self, record_id: str) -> tuple[Dataset, Record] | None:
        for dataset in self.datasets.values():
            if record := dataset.records.get(record_id):
                return dataset, record
        return None

    def find_response(self, response_id: str) -> tuple[Dataset, Record, Response] | None:
        for dataset in self.datasets.values():
            for record in dataset.records.values():
                for response in record.responses:
                    if response.id == response_id:
                        return dataset, record, response
        return None

    def find_setting(self, kind: str, id_: str) -> tuple[Dataset, Setting] | None:
        """A row of the datasets' lists `fields`, `questions`, `properties` or `vectors`."""
        for dataset in self.datasets.values():
            for setting in getattr(dataset, kind):
                if setting.id == id_:
                    return dataset, setting
        return None
