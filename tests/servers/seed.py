"""Fills an Argilla server of any version through its public REST API, and reads it back.

    admin = Admin(server.url, server.owner_key, server.version)
    alice = admin.user("alice", workspaces=["group"])
    reviews = admin.dataset("group", "reviews", fields=["text"], questions=[label("topic", ["a", "b"])])
    ids = reviews.add([record({"text": "one"}, external_id="e1", responses=[answer(alice, {"topic": "a"})])])
    reviews.answer(alice, ids[0], {"topic": "b"})
    reviews.records()

Answers and suggestions are written plainly, by question name: `{"topic": "a"}`. What is read back is the
server's own JSON.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, NamedTuple, Self, TypeVar

import httpx

Json = dict[str, Any]
T = TypeVar("T")

EVERYTHING = ("responses", "suggestions", "vectors")
PASSWORD = "annotate-with-care"
TIMEOUT = 120
PAGE = 1000
CREATE_AT_ONCE = 500
DELETE_AT_ONCE = 100


class ApiError(Exception):
    """The server refused a call; `status` and `body` say how."""

    def __init__(self, method: str, path: str, status: int, body: str) -> None:
        super().__init__(f"{method} {path} answered {status}: {body}")
        self.status = status
        self.body = body


class User(NamedTuple):
    """A person on one server, with the API key that lets tests act as this person."""

    id: str
    username: str
    role: str
    key: str


def field(name: str, *, kind: str = "text", required: bool = True, **settings: Any) -> Json:
    """A field: text by default, or image, chat, custom."""
    return {
        "name": name,
        "title": name.capitalize(),
        "required": required,
        "settings": {"type": kind, **settings},
    }


def question(name: str, kind: str, *, required: bool = True, **settings: Any) -> Json:
    """A question of any kind with its settings as the API has them; the functions below are shorter."""
    return {
        "name": name,
        "title": name.capitalize(),
        "required": required,
        "settings": {"type": kind, **settings},
    }


def text(name: str, *, required: bool = True) -> Json:
    return question(name, "text", required=required)


def label(name: str, labels: Iterable[str], *, required: bool = True) -> Json:
    return question(name, "label_selection", required=required, options=_options(labels))


def multi_label(name: str, labels: Iterable[str], *, required: bool = True) -> Json:
    return question(name, "multi_label_selection", required=required, options=_options(labels))


def rating(name: str, values: Iterable[int], *, required: bool = True) -> Json:
    return question(name, "rating", required=required, options=[{"value": value} for value in values])


def ranking(name: str, labels: Iterable[str], *, required: bool = True) -> Json:
    return question(name, "ranking", required=required, options=_options(labels))


def span(name: str, field_name: str, labels: Iterable[str], *, required: bool = True) -> Json:
    return question(name, "span", required=required, field=field_name, options=_options(labels))


def terms(name: str, values: Sequence[str] | None = None) -> Json:
    """A metadata property for words."""
    return {"name": name, "title": name, "settings": {"type": "terms", "values": values}}


def integer(name: str) -> Json:
    return {"name": name, "title": name, "settings": {"type": "integer"}}


def number(name: str) -> Json:
    return {"name": name, "title": name, "settings": {"type": "float"}}


def answer(user: User | str, values: Mapping[str, Any] | None, status: str = "submitted") -> Json:
    """A response of a user (or of a user id), to be stored together with its record."""
    user_id = user if isinstance(user, str) else user.id
    return {"user_id": user_id, "status": status, "values": _wrapped(values)}


def record(
    fields: Mapping[str, Any],
    *,
    external_id: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    suggestions: Mapping[str, Any] | None = None,
    vectors: Mapping[str, Sequence[float]] | None = None,
    responses: Sequence[Json] = (),
) -> Json:
    """A record for `Dataset.add`. A suggestion is a value, or a dict with value, score, agent, type."""
    body: Json = {"fields": dict(fields), "responses": list(responses), "suggestions": dict(suggestions or {})}
    if external_id is not None:
        body["external_id"] = external_id
    if metadata is not None:
        body["metadata"] = dict(metadata)
    if vectors is not None:
        body["vectors"] = {name: list(vector) for name, vector in vectors.items()}
    return body


def _options(labels: Iterable[str]) -> list[Json]:
    return [{"value": value, "text": value} for value in labels]


def _wrapped(values: Mapping[str, Any] | None) -> Json | None:
    return None if values is None else {name: {"value": value} for name, value in values.items()}


class Admin:
    """Acts as the owner of one server. `http` is the client itself, for calls that have no method here."""

    def __init__(self, url: str, key: str, version: str) -> None:
        self.url = url
        self.version = tuple(int(part) for part in version.split("."))
        self.http = self._client(key)
        self._as_user: dict[str, httpx.Client] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        for client in [self.http, *self._as_user.values()]:
            client.close()

    def call(self, method: str, path: str, body: Any = None, *, user: User | None = None, **query: Any) -> Any:
        """Send one request below /api/v1 (or /api, if the path says so) and return the JSON of its answer.

        As the owner, or as `user` with that user's own key. Raises ApiError.
        """
        client = self.http if user is None else self._client_of(user)
        path = path if path.startswith("/api/") else f"/api/v1{path}"
        reply = client.request(method, path, json=body, params=query)
        if reply.is_error:
            raise ApiError(method, path, reply.status_code, reply.text)
        return reply.json() if reply.content else None

    @property
    def has_v1_accounts(self) -> bool:
        return self.version >= (1, 29)

    def users(self) -> list[User]:
        """All users."""
        reply = self.call("GET", "/users" if self.has_v1_accounts else "/api/users")
        return [_user(body) for body in (reply["items"] if self.has_v1_accounts else reply)]

    def user(self, username: str, *, role: str = "annotator", workspaces: Iterable[str] = ()) -> User:
        """Create a user and make them a member of the workspaces, which are created where missing."""
        body = {"username": username, "first_name": username, "role": role, "password": PASSWORD}
        user = _user(self.call("POST", "/users" if self.has_v1_accounts else "/api/users", body))
        for workspace in workspaces:
            self.add_member(workspace, user)
        return user

    def delete_user(self, user: User) -> None:
        self.call("DELETE", f"/users/{user.id}" if self.has_v1_accounts else f"/api/users/{user.id}")

    def workspaces(self) -> dict[str, str]:
        """The ids of all workspaces by name."""
        return {body["name"]: body["id"] for body in self.call("GET", "/me/workspaces")["items"]}

    def workspace(self, name: str) -> str:
        """The id of a workspace, which is created if it is missing."""
        known = self.workspaces().get(name)
        if known is not None:
            return known
        created = self.call("POST", "/workspaces" if self.has_v1_accounts else "/api/workspaces", {"name": name})
        return str(created["id"])

    def add_member(self, workspace: str, user: User) -> None:
        workspace_id = self.workspace(workspace)
        if self.has_v1_accounts:
            self.call("POST", f"/workspaces/{workspace_id}/users", {"user_id": user.id})
        else:
            self.call("POST", f"/api/workspaces/{workspace_id}/users/{user.id}")

    def dataset(
        self,
        workspace: str,
        name: str,
        *,
        fields: Sequence[Json | str] = ("text",),
        questions: Sequence[Json],
        metadata: Sequence[Json] = (),
        vectors: Mapping[str, int] | None = None,
        publish: bool = True,
        **settings: Any,
    ) -> Dataset:
        """Create a dataset. A plain string is a text field; vectors are dimensions by name.

        settings: guidelines, allow_extra_metadata, distribution, metadata, as the API has them.
        """
        body = {"name": name, "workspace_id": self.workspace(workspace), **settings}
        created = Dataset(self, self.call("POST", "/datasets", body)["id"], name, workspace)
        for part in fields:
            self.call("POST", f"{created.path}/fields", field(part) if isinstance(part, str) else part)
        for part in questions:
            self.call("POST", f"{created.path}/questions", part)
        for part in metadata:
            self.call("POST", f"{created.path}/metadata-properties", part)
        for vector, dimensions in (vectors or {}).items():
            vector_settings = {"name": vector, "title": vector, "dimensions": dimensions}
            self.call("POST", f"{created.path}/vectors-settings", vector_settings)
        if publish:
            self.call("PUT", f"{created.path}/publish")
        return created

    def datasets(self) -> list[Dataset]:
        """All datasets."""
        names = {workspace_id: name for name, workspace_id in self.workspaces().items()}
        found = self.call("GET", "/me/datasets")["items"]
        return [Dataset(self, body["id"], body["name"], names[body["workspace_id"]]) for body in found]

    def find(self, workspace: str, name: str) -> Dataset:
        """The dataset of this name. Raises LookupError."""
        for dataset in self.datasets():
            if (dataset.workspace, dataset.name) == (workspace, name):
                return dataset
        raise LookupError(f"there is no dataset {workspace}/{name}")

    def _client(self, key: str) -> httpx.Client:
        headers = {"X-Argilla-Api-Key": key}
        return httpx.Client(base_url=self.url, headers=headers, timeout=TIMEOUT, trust_env=False)

    def _client_of(self, user: User) -> httpx.Client:
        if user.id not in self._as_user:
            self._as_user[user.id] = self._client(user.key)
        return self._as_user[user.id]


def _user(body: Json) -> User:
    return User(body["id"], body["username"], body["role"], body["api_key"])


class Dataset:
    """One dataset on one server."""

    def __init__(self, admin: Admin, dataset_id: str, name: str, workspace: str) -> None:
        self.admin = admin
        self.id = dataset_id
        self.name = name
        self.workspace = workspace
        self.path = f"/datasets/{dataset_id}"

    def info(self) -> Json:
        """The dataset itself: name, status, guidelines, times."""
        return dict(self.admin.call("GET", self.path))

    def fields(self) -> list[Json]:
        return list(self.admin.call("GET", f"{self.path}/fields")["items"])

    def questions(self) -> list[Json]:
        return list(self.admin.call("GET", f"{self.path}/questions")["items"])

    def question_ids(self) -> dict[str, str]:
        """The ids of the questions by name."""
        return {question["name"]: question["id"] for question in self.questions()}

    def metadata_properties(self) -> list[Json]:
        return list(self.admin.call("GET", f"/me{self.path}/metadata-properties")["items"])

    def vectors_settings(self) -> list[Json]:
        return list(self.admin.call("GET", f"{self.path}/vectors-settings")["items"])

    def add(self, records: Sequence[Json]) -> list[str]:
        """Store records (see `record`) and return their ids in the same order.

        Servers before 1.28 do not answer with ids: these are then read from the end of the list, which must
        not be wrong at that moment. Raises ApiError, LookupError.
        """
        if self.admin.version >= (1, 28):
            replies = [
                self.admin.call("POST", f"{self.path}/records/bulk", {"items": items})
                for items in self._batches(records)
            ]
            return [stored["id"] for reply in replies for stored in reply["items"]]
        before = self.total()
        self.add_unseen(records)
        ids = [stored["id"] for stored in self._pages((), before)]
        if len(ids) != len(records):
            raise LookupError(f"{len(records)} records were added, but the list shows {len(ids)} new ones")
        return ids

    def add_unseen(self, records: Sequence[Json]) -> None:
        """Store records without asking for their ids: for a list that is wrong on purpose."""
        create = "records/bulk" if self.admin.version >= (1, 28) else "records"
        for items in self._batches(records):
            self.admin.call("POST", f"{self.path}/{create}", {"items": items})

    def total(self) -> int:
        """The number of records, as the list has it."""
        return int(self.admin.call("GET", f"{self.path}/records", limit=1)["total"])

    def ids(self) -> list[str]:
        return [stored["id"] for stored in self._pages(())]

    def records(self, include: Sequence[str] = EVERYTHING) -> list[Json]:
        """All records in the order of the list, with everything that belongs to them."""
        return list(self._pages(include))

    def record(self, record_id: str) -> Json:
        """One record with everything, as the list has it. Raises LookupError."""
        for stored in self._pages(EVERYTHING):
            if stored["id"] == record_id:
                return stored
        raise LookupError(f"the list of {self.name} has no record {record_id}")

    def responses(self, record_id: str) -> dict[str | None, Json]:
        """The responses to a record by user id (None where the author was deleted; the last of several)."""
        return {response["user_id"]: response for response in self.record(record_id)["responses"]}

    def answer(self, user: User, record_id: str, values: Mapping[str, Any] | None, status: str = "submitted") -> Json:
        """Answer a record as this user, with the user's own key, or change the answer. Returns the response.

        The user must be a member of the workspace. Raises ApiError.
        """
        body: Json = {"record_id": record_id, "status": status, "values": _wrapped(values)}
        if values is None:
            del body["values"]
        path = "/me/responses/bulk"
        outcome = self.admin.call("POST", path, {"items": [body]}, user=user)["items"][0]
        if outcome["item"] is None:
            raise ApiError("POST", path, 200, outcome["error"]["detail"])
        return dict(outcome["item"])

    def edit_response(
        self,
        response_id: str,
        values: Mapping[str, Any] | None,
        status: str = "submitted",
        *,
        user: User | None = None,
    ) -> Json:
        """Replace a response, as the owner or as its author. Returns the response."""
        body = {"values": _wrapped(values), "status": status}
        return dict(self.admin.call("PUT", f"/responses/{response_id}", body, user=user))

    def delete_response(self, response_id: str, *, user: User | None = None) -> None:
        """Delete a response, as the owner or as its author."""
        self.admin.call("DELETE", f"/responses/{response_id}", user=user)

    def edit(self, record_id: str, **changes: Any) -> None:
        """Change a record: metadata, vectors, from 2.6 fields; suggestions (by question name) replace all."""
        if "suggestions" in changes:
            changes["suggestions"] = _suggestions(changes["suggestions"], self.question_ids())
        self.admin.call("PATCH", f"/records/{record_id}", changes)

    def delete(self, record_ids: Sequence[str]) -> None:
        """Delete records; ids that are unknown are skipped by the server."""
        for ids in _batched(record_ids, DELETE_AT_ONCE):
            self.admin.call("DELETE", f"{self.path}/records", ids=",".join(ids))

    def drop(self) -> None:
        """Delete the dataset."""
        self.admin.call("DELETE", self.path)

    def _pages(self, include: Sequence[str], offset: int = 0) -> Iterator[Json]:
        query: Json = {"limit": PAGE, **({"include": list(include)} if include else {})}
        while True:
            items = self.admin.call("GET", f"{self.path}/records", offset=offset, **query)["items"]
            yield from items
            offset += len(items)
            if len(items) < PAGE:
                return

    def _batches(self, records: Sequence[Json]) -> Iterator[list[Json]]:
        ids = self.question_ids() if any(item["suggestions"] for item in records) else {}
        for chunk in _batched(records, CREATE_AT_ONCE):
            yield [{**item, "suggestions": _suggestions(item["suggestions"], ids)} for item in chunk]


def _batched(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (items[start : start + size] for start in range(0, len(items), size))


def _suggestions(by_name: Mapping[str, Any], question_ids: Mapping[str, str]) -> list[Json]:
    return [
        {"question_id": question_ids[name], **(given if _is_full(given) else {"value": given})}
        for name, given in by_name.items()
    ]


def _is_full(suggestion: Any) -> bool:
    return isinstance(suggestion, dict) and "value" in suggestion
