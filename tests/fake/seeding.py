"""Filling a fake server in a test, and looking at what it holds."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from . import accounts
from .quirks import Quirks
from .state import Dataset, Record, Store, User, Workspace

Row = dict[str, Any]


def text_field(name: str, *, required: bool = True) -> Row:
    return {
        "name": name,
        "title": name,
        "required": required,
        "settings": {"type": "text", "use_markdown": False},
    }


def label_question(name: str, labels: Sequence[str], *, required: bool = True, multi: bool = False) -> Row:
    options = [{"value": label, "text": label.title()} for label in labels]
    kind = "multi_label_selection" if multi else "label_selection"
    return {"name": name, "title": name, "required": required, "settings": {"type": kind, "options": options}}


def text_question(name: str, *, required: bool = False) -> Row:
    return {"name": name, "title": name, "required": required, "settings": {"type": "text"}}


def rating_question(name: str, values: Iterable[int] = range(1, 6), *, required: bool = False) -> Row:
    options = [{"value": value} for value in values]
    return {
        "name": name,
        "title": name,
        "required": required,
        "settings": {"type": "rating", "options": options},
    }


class Seeding:
    """The part of the fake server that tests use to set a scene: no request, no log, the same rules."""

    store: Store
    quirks: Quirks
    owner: User

    def answer(
        self, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        raise NotImplementedError

    def add_workspace(self, name: str) -> Workspace:
        return accounts.create_workspace(self.store, name)

    def add_user(self, username: str, role: str = "annotator", workspaces: Iterable[str] = ("argilla",)) -> User:
        """A user who is a member of the named workspaces; those that do not exist are created."""
        user = accounts.create_user(self.store, username, role)
        for name in workspaces:
            workspace = self.store.workspace_named(name) or self.add_workspace(name)
            workspace.members.append(user.id)
        return user

    def delete_user(self, username: str) -> None:
        user = self.store.user_named(username)
        if user is None:
            raise KeyError(username)
        accounts.delete_user(self.store, self.quirks, user)

    def add_dataset(
        self,
        name: str = "reviews",
        workspace: str = "argilla",
        fields: Iterable[Row] = (text_field("text"),),
        questions: Iterable[Row] = (label_question("label", ["a", "b", "c"]), text_question("note")),
        *,
        properties: Iterable[Row] = (),
        vectors: Iterable[Row] = (),
        publish: bool = True,
        **more: Any,
    ) -> Dataset:
        """A dataset made of request bodies; `more` goes into the dataset's own body."""
        place = self.store.workspace_named(workspace) or self.add_workspace(workspace)
        created = self._post("/datasets", {"name": name, "workspace_id": place.id, **more})
        path = f"/datasets/{created['id']}"
        parts = {"fields": fields, "questions": questions, "metadata-properties": properties}
        for part, bodies in (parts | {"vectors-settings": vectors}).items():
            for body in bodies:
                self._post(f"{path}/{part}", body)
        if publish:
            self._request("PUT", f"{path}/publish", None)
        return self.store.datasets[created["id"]]

    def add_records(self, dataset: Dataset, bodies: Iterable[Row]) -> list[Record]:
        """Records from request bodies, in their order; responses in them may name `username` for `user_id`."""
        items = [self._with_user_ids(body) for body in bodies]
        before = set(dataset.records)
        path = f"/datasets/{dataset.id}/records" + ("/bulk" if self.quirks.bulk else "")
        for start in range(0, len(items), 500):
            self._post(path, {"items": items[start : start + 500]})
        return [record for id_, record in dataset.records.items() if id_ not in before]

    def _with_user_ids(self, body: Row) -> Row:
        named = []
        for response in body.get("responses", []):
            user = self.store.user_named(response["username"]) if "username" in response else None
            named.append(response | ({"user_id": user.id} if user else {}))
        return body | ({"responses": named} if named else {})

    def _post(self, path: str, body: Row) -> Any:
        return self._request("POST", path, body)

    def _request(self, method: str, path: str, body: Row | None) -> Any:
        raw = b"" if body is None else json.dumps(body).encode()
        headers = {"x-argilla-api-key": self.owner.api_key}
        status, _, answer = self.answer(method, f"/api/v1{path}", "", headers, raw)
        if status >= 400:
            raise AssertionError(f"{method} {path}: {status} {answer.decode()}")
        return json.loads(answer) if answer else None

    def dump(self, dataset: Dataset) -> list[Row]:
        """What the dataset's records hold for people, without ids and times, in a fixed order."""
        names = {user.id: user.username for user in self.store.users.values()}
        questions = {question.id: question.name for question in dataset.questions}
        shown = [_dump(record, names, questions) for record in dataset.records.values()]
        return sorted(shown, key=lambda row: json.dumps(row, sort_keys=True))


def _dump(record: Record, names: dict[str, str], questions: dict[str, str]) -> Row:
    responses = [
        {"username": r.user_id and names[r.user_id], "status": r.status, "values": r.values or {}}
        for r in record.responses
    ]
    suggestions = [
        {
            "question": questions[s.question_id],
            "value": s.value,
            "score": s.score,
            "agent": s.agent,
            "type": s.type,
        }
        for s in record.suggestions
    ]
    return {
        "fields": record.fields,
        "metadata": record.metadata,
        "external_id": record.external_id,
        "status": record.status,
        "vectors": record.vectors,
        "responses": sorted(responses, key=lambda row: json.dumps(row, sort_keys=True)),
        "suggestions": sorted(suggestions, key=lambda row: str(row["question"])),
    }
