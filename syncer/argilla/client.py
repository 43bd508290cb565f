"""One method per endpoint that reads. Nothing here can change anything on a server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self, TypeVar

import httpx
from pydantic import TypeAdapter

from syncer.argilla import wire
from syncer.argilla.capabilities import Capabilities, capabilities_of, probed
from syncer.argilla.connection import Connection
from syncer.argilla.retry import RetryPolicy
from syncer.argilla.transport import Answer, Listener, Params, Request, RetryWaits, Transport, path_of
from syncer.errors import NotFound, ServerError, ServerFailed, UnexpectedAnswer
from syncer.model import Dataset, Record, Settings, User

T = TypeVar("T")

_NOT_SETTINGS = frozenset({"id", "dataset_id", "inserted_at", "updated_at"})


@dataclass(frozen=True)
class Page:
    """Part of the list of records. `records` is empty if only ids were asked for; `external_ids` runs beside
    `ids`; `total` is the server's count of the whole list, `bytes` the size of the answer."""

    records: list[Record]
    ids: list[str]
    external_ids: list[str | None]
    total: int
    bytes: int


class Client:
    """Reads from one server, and repeats what failed for a while according to the policy.

    For one thread. Every method raises AccessError, NotFound, Unreachable, ServerFailed or UnexpectedAnswer;
    Stopped if the policy's stop event is set during a wait. `transport` replaces the network.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        policy: RetryPolicy | None = None,
        listener: Listener | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.connection = connection
        self.policy = policy or RetryPolicy()
        self._http = Transport(connection, listener=listener, http=transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    # The server and its people

    def version(self) -> str:
        """The server's version; UnexpectedAnswer if the URL is not that of an Argilla server."""
        try:
            return self._get(wire.VERSION, v1("version")).version
        except NotFound:
            pass  # before 1.29
        try:
            return self._get(wire.VERSION, path_of("api", "_info")).version
        except NotFound as error:
            raise UnexpectedAnswer(
                "This is no Argilla server",
                where=error.where,
                why="it does not tell a version",
                advice="Check the URL",
            ) from error

    @cached_property
    def capabilities(self) -> Capabilities:
        """What the server can do, asked once: by its version, and for one that is not known by its routes."""
        found = capabilities_of(self.version())
        return found if found.known or not found.supported else probed(found, self.routes())

    def routes(self) -> dict[str, dict[str, Any]]:
        """The paths of the server's OpenAPI document, with their methods in lower case."""
        return self._get(wire.OPENAPI, v1("openapi.json")).paths

    def me(self) -> User:
        """The owner of the API key."""
        return self._get(wire.USER, self._accounts("me")).model()

    def users(self) -> list[User]:
        """All users of the server; AccessError unless the key is an owner's."""
        return [user.model() for user in self._user_list(wire.USERS, "users")]

    def workspaces(self) -> list[tuple[str, str]]:
        """Id and name of each workspace: all for an owner, their own for others."""
        return [(found.id, found.name) for found in self._get(wire.WORKSPACES, v1("me", "workspaces")).items]

    def workspace_users(self, workspace_id: str) -> list[User]:
        """The members of a workspace; AccessError for annotators and for admins of others."""
        return [user.model() for user in self._user_list(wire.USERS, "workspaces", workspace_id, "users")]

    # Datasets

    def datasets(self) -> list[Dataset]:
        """Every dataset that the key's owner can see, drafts included."""
        workspaces = dict(self.workspaces())
        return [found.model(workspaces) for found in self._get(wire.DATASETS, v1("me", "datasets")).items]

    def dataset(self, dataset_id: str) -> Dataset:
        """One dataset."""
        found = self._get(wire.DATASET, v1("datasets", dataset_id))
        return found.model(dict(self.workspaces()))

    def last_activity(self, dataset_id: str) -> str | None:
        """When a person last wrote a response in the dataset, as the server puts it.

        Moves for people's responses and for syncer's single-response writes, not for bulk upserts, creations
        and deletions of records.
        """
        return self._get(wire.DATASET, v1("datasets", dataset_id)).last_activity_at

    def settings(self, dataset_id: str) -> Settings:
        """What the dataset is made of. A key of an annotator sees only the metadata meant for annotators."""
        dataset = self._get(wire.DATASET, v1("datasets", dataset_id))
        answer = self._read(Request("GET", v1("datasets", dataset_id, "questions")))
        questions = self._decode(wire.QUESTIONS, answer).items
        self._check_distinct([question.name for question in questions], answer)
        return Settings(
            guidelines=dataset.guidelines,
            allow_extra_metadata=dataset.allow_extra_metadata,
            distribution=dataset.distribution,
            dataset_metadata=dataset.metadata,
            fields=self._settings("datasets", dataset_id, "fields"),
            questions=tuple(question.model() for question in questions),
            metadata_properties=self._settings("me", "datasets", dataset_id, "metadata-properties"),
            vectors=self._settings("datasets", dataset_id, "vectors-settings"),
        )

    # Records

    def records_page(
        self, dataset_id: str, offset: int, limit: int, *, include: bool, questions: Mapping[str, str]
    ) -> Page:
        """At most `limit` (1000) records from `offset` on, in the order of their creation.

        With `include`, complete records, whose suggestions are named by `questions` (question id -> name);
        without, ids only. Up to 2.2 the list comes from the search index and may miss records.
        """
        wanted = [("include", kind) for kind in ("responses", "suggestions", "vectors") if include]
        params: Params = [("offset", offset), ("limit", limit), *wanted]
        request = Request("GET", v1("datasets", dataset_id, "records"), params)
        answer = self._read(request)
        records: list[Record] = []
        if include:
            page = self._decode(wire.RECORD_PAGE, answer)
            records = self._records(page.items, questions, answer)
            ids, total = [record.remote_id for record in records], page.total
            external_ids = [record.external_id for record in records]
        else:
            id_page = self._decode(wire.ID_PAGE, answer)
            ids, total = [item.id for item in id_page.items], id_page.total
            external_ids = [item.external_id for item in id_page.items]
        if len(set(ids)) < len(ids) or len(ids) > limit:
            raise self._http.unexpected(answer.where, "a page with repeated records or more than asked for")
        return Page(records, ids, external_ids, total, answer.bytes)

    def record_exists(self, record_id: str) -> bool:
        """Whether the server's database has this record. Only a plain "not found" counts as gone.

        From 2.3 on a record with vectors is answered by a 500, after it was found: that counts as there.
        """
        request = Request("GET", v1("records", record_id))
        try:
            if self.capabilities.lists_from_database:
                self._http.read(request)
            else:
                self._read(request)
        except NotFound:
            return False
        except ServerFailed:
            if not self.capabilities.lists_from_database:
                raise
        return True

    def progress_total(self, dataset_id: str) -> int | None:
        """The number of records in the database, for servers whose list comes from the search index.

        None from 2.3 on, where the total of the list itself is that number.
        """
        if self.capabilities.lists_from_database:
            return None
        if self.capabilities.progress:
            return self._get(wire.PROGRESS, v1("datasets", dataset_id, "progress")).total
        return self._get(wire.METRICS, v1("me", "datasets", dataset_id, "metrics")).records.count

    # How it is done

    def _accounts(self, *segments: str) -> str:
        """The path of users and workspaces, which lived outside of v1 for long."""
        return v1(*segments) if self.capabilities.v1_users else path_of("api", *segments)

    def _user_list(self, adapter: TypeAdapter[wire.WireItems[T]], *segments: str) -> list[T]:
        answer = self._read(Request("GET", self._accounts(*segments)))
        # Outside of v1 the list is bare.
        data = {"items": answer.data} if isinstance(answer.data, list) else answer.data
        return self._decode(adapter, Answer(answer.status, data, answer.bytes, answer.where)).items

    def _settings(self, *segments: str) -> tuple[dict[str, Any], ...]:
        answer = self._read(Request("GET", v1(*segments)))
        items = self._decode(wire.SETTINGS, answer).items
        self._check_distinct([item["name"] for item in items], answer)
        return tuple({key: item[key] for key in item if key not in _NOT_SETTINGS} for item in items)

    def _check_distinct(self, names: Sequence[str], answer: Answer) -> None:
        if len(set(names)) < len(names):
            raise self._http.unexpected(answer.where, "two things in it have one name")

    def _get(self, adapter: TypeAdapter[T], path: str) -> T:
        return self._decode(adapter, self._read(Request("GET", path)))

    def _read(self, request: Request) -> Answer:
        return self.policy.reads(self._tell)(self._http.read, request)

    def _tell(self, error: ServerError, seconds: float) -> None:
        self._http.tell(RetryWaits(self.connection.name, error, seconds))

    def _decode(self, adapter: TypeAdapter[T], answer: Answer) -> T:
        try:
            return wire.decode(adapter, answer.data)
        except wire.WrongShape as error:
            raise self._http.unexpected(answer.where, str(error)) from error

    def _records(self, items: list[wire.WireRecord], questions: Mapping[str, str], answer: Answer) -> list[Record]:
        try:
            return [item.model(questions) for item in items]
        except wire.WrongShape as error:
            raise self._http.unexpected(answer.where, str(error)) from error


def v1(*segments: str) -> str:
    """A path under `/api/v1`."""
    return path_of("api", "v1", *segments)
