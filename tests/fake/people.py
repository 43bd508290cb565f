"""People at work in the web page, as tests let them act."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .state import Response, Store, User

Answerer = Callable[[str, str, str, Mapping[str, str], bytes], tuple[int, dict[str, str], bytes]]


class PersonRefused(Exception):
    """The server refused what a person wanted to save."""


@dataclass(frozen=True)
class Person:
    """One user in front of the web page; every act is a request under the user's own key that no log shows."""

    store: Store
    user: User
    answer: Answerer

    def submit(self, record_id: str, values: dict[str, Any]) -> dict[str, Any]:
        """Save an answer, the first one or a new version; `values` is question name to bare value."""
        return self._save(record_id, "submitted", values)

    edit = submit

    def draft(self, record_id: str, values: dict[str, Any] | None = None) -> dict[str, Any]:
        return self._save(record_id, "draft", values)

    def discard(self, record_id: str, values: dict[str, Any] | None = None) -> dict[str, Any]:
        return self._save(record_id, "discarded", values)

    def delete_response(self, record_id: str) -> dict[str, Any]:
        response = self._own(record_id)
        if response is None:
            raise PersonRefused(f"{self.user.username} has no response on {record_id}")
        return self._request("DELETE", f"/api/v1/responses/{response.id}", None)

    def _save(self, record_id: str, status: str, values: dict[str, Any] | None) -> dict[str, Any]:
        wrapped = None if values is None else {name: {"value": value} for name, value in values.items()}
        body = {"status": status, "values": wrapped}
        response = self._own(record_id)
        if response is None:
            return self._request("POST", f"/api/v1/records/{record_id}/responses", body)
        return self._request("PUT", f"/api/v1/responses/{response.id}", body)

    def _own(self, record_id: str) -> Response | None:
        found = self.store.find_record(record_id)
        return found[1].response_of(self.user.id) if found else None

    def _request(self, method: str, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
        raw = b"" if body is None else json.dumps(body).encode()
        status, _, answer = self.answer(method, path, "", {"x-argilla-api-key": self.user.api_key}, raw)
        if status >= 400:
            raise PersonRefused(f"{method} {path}: {status} {answer.decode()}")
        read: dict[str, Any] = json.loads(answer)
        return read
