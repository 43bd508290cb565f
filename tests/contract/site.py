"""What a contract test acts on: one server, and on it a dataset and two people of the test's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from tests.servers.seed import Admin, ApiError, Dataset, Json, User, answer, label, record, text


@dataclass(frozen=True)
class Site:
    """One server, as its owner sees it."""

    admin: Admin

    @property
    def version(self) -> tuple[int, ...]:
        return self.admin.version

    @property
    def has_bulk(self) -> bool:
        """Whether records can be upserted in bulk."""
        return self.version >= (1, 28)

    @property
    def has_status(self) -> bool:
        """Whether records have a status."""
        return self.version >= (2,)

    @property
    def lists_from_index(self) -> bool:
        """Whether the record list goes through the search index."""
        return self.version < (2, 3)


@dataclass(frozen=True)
class Stage:
    """A published dataset with a required question `topic` (a, b, c) and an optional one `note`."""

    site: Site
    dataset: Dataset
    alice: User
    bob: User

    @staticmethod
    def build(site: Site, number: int) -> Stage:
        """A stage whose names hold the number."""
        workspace = f"contract-{number}"
        dataset = site.admin.dataset(
            workspace, "reviews", questions=[label("topic", "abc"), text("note", required=False)]
        )
        alice, bob = (site.admin.user(f"{name}-{number}", workspaces=[workspace]) for name in ("alice", "bob"))
        return Stage(site, dataset, alice, bob)

    @property
    def version(self) -> tuple[int, ...]:
        return self.site.version

    @property
    def admin_user(self) -> User:
        """The owner."""
        return next(user for user in self.site.admin.users() if user.role == "owner")

    def needs_bulk(self) -> None:
        """Skip the test on servers without the bulk upsert."""
        if not self.site.has_bulk:
            pytest.skip("this version has no bulk upsert")

    def add(self, *texts: str, **more: Any) -> list[str]:
        """Records with these texts, which are their external ids as well; returns their ids."""
        return self.dataset.add([record({"text": name}, external_id=name, **more) for name in texts])

    def upsert(self, *items: Json) -> list[Json]:
        """The bulk upsert; the records of its reply."""
        path = f"{self.dataset.path}/records/bulk"
        return list(self.site.admin.call("PUT", path, {"items": list(items)})["items"])

    def activity(self) -> str:
        """When a person last wrote, as the dataset says."""
        return str(self.dataset.info()["last_activity_at"])

    def get(self, record_id: str) -> Json:
        """One record by its own call."""
        return dict(self.site.admin.call("GET", f"/records/{record_id}"))


def responses(record_id: str, *answers: Json) -> Json:
    """An upsert item that holds nothing but an id and responses."""
    return {"id": record_id, "responses": list(answers)}


def topic(user: User, value: str, status: str = "submitted") -> Json:
    """A response to the question `topic`, as it is sent inside a record."""
    return answer(user, {"topic": value}, status)


def topics(found: Json) -> dict[str, tuple[str, Any]]:
    """user id -> (status, answer to `topic`) of a record."""
    return {r["user_id"]: (r["status"], r["values"] and r["values"]["topic"]["value"]) for r in found["responses"]}


def response_of(found: Json, user: User) -> Json:
    """A person's response in a record."""
    return next(dict(r) for r in found["responses"] if r["user_id"] == user.id)


@contextmanager
def refused(status: int, says: str = "") -> Iterator[None]:
    """Expect the server to refuse a call."""
    with pytest.raises(ApiError) as caught:
        yield
    assert caught.value.status == status, caught.value
    assert says in caught.value.body, caught.value
