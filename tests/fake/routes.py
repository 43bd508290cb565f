"""One request on its way through the fake server, and the table of routes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from . import errors
from .index import Index
from .quirks import Quirks
from .shapes import as_uuid
from .state import Dataset, Record, Store, User

Answer = tuple[int, Any]
"""Status and the JSON to send, or None for an empty body."""


@dataclass
class Call:
    """An authenticated request with all that a handler may use."""

    store: Store
    index: Index
    quirks: Quirks
    postgres: bool
    user: User
    params: dict[str, str]
    query: dict[str, list[str]]
    raw: bytes
    body_read: Any = field(default=None, repr=False)

    @property
    def body(self) -> Any:
        if self.body_read is None:
            if not self.raw:
                raise errors.invalid(["body"], "field required", "value_error.missing")
            try:
                self.body_read = json.loads(self.raw)
            except ValueError as problem:
                raise errors.invalid(["body"], f"JSON decode error: {problem}", "value_error.jsondecode") from None
        return self.body_read

    def id(self, name: str) -> str:
        return as_uuid(self.params[name], ("path", name))

    def number(self, name: str, default: int, low: int, high: int | None = None) -> int:
        """An integer parameter of the query."""
        loc = ("query", name)
        text = self.query.get(name, [str(default)])[-1]
        if not re.fullmatch(r"-?\d+", text):
            raise errors.invalid(loc, "value is not a valid integer", "type_error.integer")
        if int(text) < low:
            raise errors.invalid(loc, f"ensure this value is greater than or equal to {low}")
        if high is not None and int(text) > high:
            raise errors.invalid(loc, f"ensure this value is less than or equal to {high}")
        return int(text)

    def member(self, workspace_id: str) -> bool:
        """An owner is a member everywhere."""
        workspace = self.store.workspaces.get(workspace_id)
        return self.user.role == "owner" or (workspace is not None and self.user.id in workspace.members)

    def manager(self, workspace_id: str) -> bool:
        return self.user.role == "owner" or (self.user.role == "admin" and self.member(workspace_id))

    def owner_only(self) -> None:
        if self.user.role != "owner":
            raise errors.forbidden()

    def dataset(self, *, manage: bool = False) -> Dataset:
        """The dataset of the path; 404 if there is none, 403 if the caller may not."""
        dataset_id = self.id("dataset_id")
        dataset = self.store.datasets.get(dataset_id)
        if dataset is None:
            raise errors.not_found("Dataset", dataset_id)
        self.allow(dataset, manage=manage)
        return dataset

    def record(self, *, manage: bool = False) -> tuple[Dataset, Record]:
        record_id = self.id("record_id")
        found = self.store.find_record(record_id)
        if found is None:
            raise errors.not_found("Record", record_id)
        self.allow(found[0], manage=manage)
        return found

    def allow(self, dataset: Dataset, *, manage: bool) -> None:
        allowed = self.manager if manage else self.member
        if not allowed(dataset.workspace_id):
            raise errors.forbidden()

    def before_commit(self) -> None:
        """Where old versions index: a failure leaves nothing stored."""
        if not self.quirks.commits_before_indexing:
            self.index.require()

    def after_commit(self, dataset: Dataset, changed: Iterable[Record] = (), deleted: Iterable[str] = ()) -> None:
        """Index what is stored; a failure here is a 500 although the data is there."""
        self.index.add(dataset, changed)
        self.index.remove(dataset, deleted)


Handler = Callable[[Call], Answer]


@dataclass(frozen=True)
class Route:
    method: str
    path: str
    exists: Callable[[Quirks], bool]
    handler: Handler
    pattern: re.Pattern[str]


ROUTES: list[Route] = []


def route(method: str, path: str, exists: Callable[[Quirks], bool] = lambda _: True) -> Callable[[Handler], Handler]:
    """Register a handler for a path below `/api`, in the versions that have it."""

    def register(handler: Handler) -> Handler:
        pattern = re.compile("/api" + re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path))
        ROUTES.append(Route(method, path, exists, handler, pattern))
        return handler

    return register
