"""The servers of the contract, and a fresh place on one of them for each test."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import httpx
import pytest

from tests.fake import VERSIONS
from tests.servers.seed import Admin, Dataset, Json, User, answer, label, text

SERVERS = [*(f"fake-{version}" for version in VERSIONS), "real-1.27.0", "real-1.29.1", "real-2.4.0", "real-2.8.0"]
EVERY_DAY = {name for name in SERVERS if name not in ("real-1.29.1", "real-2.4.0")}
QUESTIONS = (label("topic", ["a", "b", "c"]), text("note", required=False))


class ServerLike(Protocol):
    """What a fake and a real server have in common."""

    @property
    def url(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def owner_key(self) -> str: ...
    @property
    def index(self) -> Callable[..., None]: ...


def number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def parameters(names: Sequence[str]) -> list[Any]:
    """Servers as parameters; some are for the whole matrix of versions only."""
    return [name if name in EVERY_DAY else pytest.param(name, marks=pytest.mark.matrix) for name in names]


def on(*, since: str = "0", before: str = "999") -> pytest.MarkDecorator:
    """Run a test only on the servers from one version on, and before another."""
    chosen = [name for name in SERVERS if number(since) <= number(name.partition("-")[2]) < number(before)]
    return pytest.mark.parametrize("server", parameters(chosen), indirect=True)


@dataclass(frozen=True)
class Scene:
    """A workspace of its own with a published dataset, and two annotators who are members."""

    server: ServerLike
    admin: Admin
    ann: User
    bob: User
    dataset: Dataset
    suffix: str
    """Makes names unique on a server that other tests use too."""

    @property
    def version(self) -> tuple[int, ...]:
        return self.admin.version

    def stranger(self, role: str = "annotator") -> User:
        """A user who is a member of no workspace."""
        return self.admin.user(f"stranger-{self.suffix}", role=role)

    def records(self, count: int = 1, **more: Any) -> list[str]:
        """Store so many records without external ids and return their ids."""
        bodies = [{"fields": {"text": f"text {place}"}, "suggestions": {}, **more} for place in range(count)]
        return self.dataset.add(bodies)

    def put(self, items: Sequence[Json]) -> list[Json]:
        """Upsert records and return the records of the reply. Raises ApiError."""
        reply = self.admin.call("PUT", f"{self.dataset.path}/records/bulk", {"items": list(items)})
        return list(reply["items"])

    def put_answers(self, record_id: str, *answers: Json) -> Json:
        """Upsert responses of one record, naming nothing else, and return the record."""
        (record,) = self.put([{"id": record_id, "responses": list(answers)}])
        return record

    def raw(self, method: str, path: str, **more: Any) -> httpx.Response:
        """Send one request as the owner and return the answer, whatever it is."""
        return self.admin.http.request(method, path if path.startswith("/api/") else f"/api/v1{path}", **more)

    def refused(self, method: str, path: str, body: Any = None, **more: Any) -> tuple[int, str]:
        """Status and text of a request that must be an error."""
        reply = self.raw(method, path, json=body, **more)
        assert reply.is_error, f"{method} {path} answered {reply.status_code}: {reply.text}"
        return reply.status_code, reply.text


def submitted(user: User, topic: str) -> Json:
    return answer(user, {"topic": topic})


def by_user(record: Json) -> dict[str, Json]:
    """A record's responses by their author's id."""
    return {response["user_id"]: response for response in record["responses"]}


def topic_of(response: Json) -> str:
    return str(response["values"]["topic"]["value"])
