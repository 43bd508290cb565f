"""One method per endpoint that writes. Only `syncer.apply` may use it.

Every call is sent once. UnknownOutcome means that the server may or may not have done it: read again before
anything else. There is no method that deletes a user, a workspace or a dataset.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import httpx
from pydantic import SecretStr, TypeAdapter

from syncer.argilla import wire
from syncer.argilla.client import Client, v1
from syncer.argilla.connection import Connection
from syncer.argilla.retry import RetryPolicy
from syncer.argilla.transport import Answer, Listener, Request, Transport
from syncer.errors import UnexpectedAnswer
from syncer.model import Question, Record, Response, Settings, Status, User, Values

T = TypeVar("T")

MAX_UPSERT_RECORDS = 500
MAX_DELETED_RECORDS = 100


@dataclass(frozen=True)
class ResponseBody:
    """One person's answer as it is sent inside a record."""

    user_id: str
    status: Status
    values: Values | None

    @property
    def wire(self) -> dict[str, Any]:
        """The JSON object. Inside of records the server refuses null values, even of drafts."""
        return {"user_id": self.user_id, "status": self.status, "values": self.values or {}}


@dataclass(frozen=True)
class SuggestionBody:
    """A suggestion as it is sent: by the id of the target's question."""

    question_id: str
    value: Any
    score: float | list[float] | None = None
    agent: str | None = None
    type: str | None = None

    @property
    def wire(self) -> dict[str, Any]:
        """The JSON object."""
        return {
            "question_id": self.question_id,
            "value": self.value,
            "score": self.score,
            "agent": self.agent,
            "type": self.type,
        }


@dataclass(frozen=True)
class NewRecord:
    """A record to create. The external id makes the server refuse a repeat."""

    external_id: str
    fields: dict[str, Any]
    metadata: dict[str, Any] | None = None
    suggestions: tuple[SuggestionBody, ...] = ()
    vectors: Mapping[str, list[float]] | None = None
    responses: tuple[ResponseBody, ...] = ()

    @property
    def wire(self) -> dict[str, Any]:
        """The JSON object, without what there is nothing of."""
        body: dict[str, Any] = {"external_id": self.external_id, "fields": self.fields}
        if self.metadata is not None:
            body["metadata"] = self.metadata
        if self.suggestions:
            body["suggestions"] = [suggestion.wire for suggestion in self.suggestions]
        if self.vectors:
            body["vectors"] = dict(self.vectors)
        if self.responses:
            body["responses"] = [response.wire for response in self.responses]
        return body


class Writer(Client):
    """A client that can also write. Raises, besides a client's errors, Conflicted, Rejected, UnknownOutcome."""

    def __init__(
        self,
        connection: Connection,
        *,
        policy: RetryPolicy | None = None,
        listener: Listener | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        super().__init__(connection, policy=policy, listener=listener, transport=transport)
        self._listener = listener
        self._transport = transport
        self._question_names: dict[str, dict[str, str]] = {}

    def settled(self, work: Callable[[], T]) -> T:
        """The result of work that reads before it sends; it is done again after an unknown outcome, as the policy
        allows. Raises the last error."""
        return self.policy.writes(self._tell)(work)

    # Responses

    def upsert_responses(self, dataset_id: str, items: Sequence[tuple[str, Sequence[ResponseBody]]]) -> list[Record]:
        """Insert or replace people's responses on at most 500 existing records (1.28 and newer).

        An item is a record id and its responses; each record, and each person on it, may occur once. Returns
        the records with all responses after the write, in the order of the items. A record that is gone makes
        the server reject the whole call.
        """
        bodies = [
            {"id": record_id, "responses": [response.wire for response in responses]} for record_id, responses in items
        ]
        return self.upsert_records(dataset_id, bodies)

    def upsert_records(self, dataset_id: str, items: Sequence[Mapping[str, Any]]) -> list[Record]:
        """Change at most 500 existing records, each item a body with `id` and what is to change.

        Metadata is replaced as a whole, suggestions are merged by question, vectors by name, responses by
        person. Without `fields` in the body a record that is gone is never created anew. Returns the records
        after the write, in the order of the items.
        """
        # Read before the write, so that nothing but the answer itself can fail after it.
        questions = self._questions_of(dataset_id)
        path = v1("datasets", dataset_id, "records", "bulk")
        answer = self._http.write(Request("PUT", path, body={"items": [dict(item) for item in items]}))
        decoded = self._written(wire.RECORDS, answer)
        try:
            records = self._records(decoded.items, questions, answer)
        except UnexpectedAnswer as error:
            raise self._http.unknown(answer.where, error.why) from error
        if [record.remote_id for record in records] != [item["id"] for item in items]:
            raise self._http.unknown(answer.where, "the answer names other records than were sent")
        return records

    def update_response(self, response_id: str, status: Status, values: Values | None) -> Response:
        """Replace status and values of one response, whoever's it is."""
        body = {"status": status, "values": values}
        answer = self._http.write(Request("PUT", v1("responses", response_id), body=body))
        return self._written(wire.RESPONSE, answer).model()

    def delete_response(self, response_id: str) -> Response:
        """Delete one response, whoever's it is, and return it as it was; NotFound if it is gone."""
        answer = self._http.write(Request("DELETE", v1("responses", response_id)))
        return self._written(wire.RESPONSE, answer).model()

    def post_response_as(self, api_key: SecretStr, record_id: str, status: Status, values: Values | None) -> Response:
        """Insert a response as its author, with the author's own key; Conflicted if the author has one there.

        The key is used for this one call, on a connection of its own.
        """
        connection = replace(self.connection, api_key=api_key.get_secret_value())
        http = Transport(connection, listener=self._listener, http=self._transport)
        try:
            body = {"status": status, "values": values}
            answer = http.write(Request("POST", v1("records", record_id, "responses"), body=body))
        finally:
            if self._transport is None:
                http.close()
        return self._written(wire.RESPONSE, answer).model()

    def author_keys(self) -> dict[str, SecretStr]:
        """User id -> API key of every user; AccessError unless the key is an owner's. Never store or log it."""
        holders = self._user_list(wire.KEY_HOLDERS, "users")
        return {holder.id: SecretStr(holder.api_key) for holder in holders}

    # Records

    def create_records(self, dataset_id: str, records: Sequence[NewRecord]) -> None:
        """Create at most 500 records. An external id that is there already makes the server reject the whole
        call (UnknownOutcome on 1.27 and older, which answer 500)."""
        path = v1("datasets", dataset_id, "records", *(["bulk"] if self.capabilities.bulk_create else []))
        self._http.write(Request("POST", path, body={"items": [record.wire for record in records]}))

    def update_record(self, record_id: str, body: Mapping[str, Any]) -> None:
        """Change metadata (as a whole), suggestions (all replaced) or vectors of one record."""
        self._http.write(Request("PATCH", v1("records", record_id), body=dict(body)))

    def delete_records(self, dataset_id: str, ids: Sequence[str]) -> None:
        """Delete at most 100 records with all that hangs on them. Unknown ids are skipped without a word."""
        if not 1 <= len(ids) <= MAX_DELETED_RECORDS:
            raise ValueError(f"from 1 to {MAX_DELETED_RECORDS} records in a call, not {len(ids)}")
        path = v1("datasets", dataset_id, "records")
        self._http.write(Request("DELETE", path, [("ids", ",".join(ids))]))

    # Workspaces and users

    def create_workspace(self, name: str) -> str:
        """Create a workspace and return its id; Conflicted if the name is taken."""
        return self._created(self._accounts("workspaces"), {"name": name})

    def create_user(self, username: str, first_name: str, password: str, role: str = "annotator") -> User:
        """Create a user; the server chooses id and API key. Conflicted if the name is taken."""
        body = {"username": username, "first_name": first_name, "password": password, "role": role}
        answer = self._http.write(Request("POST", self._accounts("users"), body=body))
        return self._written(wire.USER, answer).model()

    def add_member(self, workspace_id: str, user_id: str) -> None:
        """Make a user a member of a workspace; Conflicted if they are one."""
        path = self._accounts("workspaces", workspace_id, "users")
        if self.capabilities.v1_users:
            request = Request("POST", path, body={"user_id": user_id})
        else:
            request = Request("POST", self._accounts("workspaces", workspace_id, "users", user_id))
        self._http.write(request)

    # Datasets: create one, then its fields, questions, metadata properties and vectors, then publish it

    def create_dataset(self, name: str, workspace_id: str, settings: Settings) -> str:
        """Create an empty draft with the guidelines, distribution and flags of `settings`; returns its id.

        What the server does not know (see its capabilities) is left out. Conflicted if the name is taken.
        """
        body: dict[str, Any] = {
            "name": name,
            "workspace_id": workspace_id,
            "guidelines": settings.guidelines or None,
            "allow_extra_metadata": settings.allow_extra_metadata,
        }
        if self.capabilities.distribution and settings.distribution is not None:
            body["distribution"] = settings.distribution
        if self.capabilities.dataset_metadata and settings.dataset_metadata is not None:
            body["metadata"] = settings.dataset_metadata
        return self._created(v1("datasets"), body)

    def create_field(self, dataset_id: str, field: Mapping[str, Any]) -> str:
        """Add a field to a draft: an object as in `Settings.fields`."""
        return self._created(v1("datasets", dataset_id, "fields"), field)

    def create_question(self, dataset_id: str, question: Question) -> str:
        """Add a question to a draft; a span question needs its field to be there."""
        body = {
            "name": question.name,
            "title": question.title,
            "description": question.description or None,
            "required": question.required,
            "settings": question.settings,
        }
        return self._created(v1("datasets", dataset_id, "questions"), body)

    def create_metadata_property(self, dataset_id: str, metadata_property: Mapping[str, Any]) -> str:
        """Add a metadata property, at any time: an object as in `Settings.metadata_properties`."""
        return self._created(v1("datasets", dataset_id, "metadata-properties"), metadata_property)

    def create_vector(self, dataset_id: str, vector: Mapping[str, Any]) -> str:
        """Add a vector, at any time: an object as in `Settings.vectors`."""
        return self._created(v1("datasets", dataset_id, "vectors-settings"), vector)

    def publish(self, dataset_id: str) -> None:
        """Open a draft for annotation, for good; Rejected if it is published already."""
        self._http.write(Request("PUT", v1("datasets", dataset_id, "publish")))

    # How it is done

    def _created(self, path: str, body: Mapping[str, Any]) -> str:
        return self._written(wire.ID, self._http.write(Request("POST", path, body=dict(body)))).id

    def _questions_of(self, dataset_id: str) -> dict[str, str]:
        """Question id -> name, asked once: questions of a published dataset stay."""
        if dataset_id not in self._question_names:
            found = self._get(wire.QUESTIONS, v1("datasets", dataset_id, "questions")).items
            self._question_names[dataset_id] = {question.id: question.name for question in found}
        return self._question_names[dataset_id]

    def _written(self, adapter: TypeAdapter[T], answer: Answer) -> T:
        try:
            return wire.decode(adapter, answer.data)
        except wire.WrongShape as error:
            raise self._http.unknown(answer.where, str(error)) from error
