"""Fake servers, one state and a runner: the stage of the tests of the core."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

from state import Store
from syncer import ops
from syncer.argilla import Client, Connection, RetryPolicy
from syncer.argilla.writes import Writer
from syncer.items import AnyItem
from syncer.jobs import Runner, RunResult
from syncer.options import JobOptions
from syncer.plan_model import Located, Summary
from tests.fake import FakeArgilla
from tests.fake.transport import Disturb, undisturbed

START = datetime(2026, 1, 1, tzinfo=UTC)


class Clock:
    """A clock that moves when it is told to, and by a second whenever it is read."""

    def __init__(self) -> None:
        self._now = START

    def __call__(self) -> datetime:
        self._now += timedelta(seconds=1)
        return self._now

    def forward(self, **time: float) -> None:
        self._now += timedelta(**time)


class World:
    """Named fake servers with one state; datasets are named `server:workspace/dataset` as in the product."""

    def __init__(self, folder: Path, *versions: str) -> None:
        """Servers `s0`, `s1`, ... of these versions."""
        self.clock = Clock()
        self.fakes = {
            f"s{i}": FakeArgilla(version, self.clock, seed=i + 1) for i, version in enumerate(versions or ("2.8.0",))
        }
        self.disturb: Disturb = undisturbed
        self.store = Store(folder / "state" / "state.db")
        self.runner = Runner(self.store, self, self.clock)

    def connection(self, name: str) -> Connection:
        """The connection of a named server."""
        port = 6900 + list(self.fakes).index(name)
        return Connection(name, f"http://127.0.0.1:{port}", self.fakes[name].owner_key, {}, None, False)

    def client(self, name: str) -> Client:
        """A client that only reads."""
        return Client(self.connection(name), transport=self.fakes[name].transport(self.disturb))

    def writer(self, name: str) -> Writer:
        """A client that also writes."""
        policy = RetryPolicy(sleep=lambda _: None)
        return Writer(self.connection(name), policy=policy, transport=self.fakes[name].transport(self.disturb))

    def locate(self, reference: str) -> Located:
        """A dataset that is there, or the place for one to be created."""
        server, _, path = reference.partition(":")
        workspace, _, name = path.partition("/")
        client = self.client(server)
        found = [d for d in client.datasets() if (d.workspace, d.name) == (workspace, name)]
        return Located(client, reference, found[0] if found else None, workspace, name)

    def plan(self, sources: Sequence[str], target: str, **options: Any) -> int:
        """Plan a job; the plan's id."""
        wanted = JobOptions(**{"records": True, "quiet": 0.0, **options})
        return self.runner.plan([self.locate(source) for source in sources], self.locate(target), wanted)

    def items(self, plan_id: int) -> list[AnyItem]:
        """A plan's items."""
        return [ops.parse_item(row.payload) for row in self.store.plans.items(plan_id)]

    def kinds(self, plan_id: int) -> list[str]:
        """What a plan would do or report, in words."""
        shown = [item for item in self.items(plan_id) if not isinstance(item, ops.Unchanged)]
        return [f"{item.kind} {item.reason}" if isinstance(item, ops.Skip) else item.kind for item in shown]

    def summary(self, plan_id: int) -> Summary:
        """A plan's figures."""
        return self.runner.load(plan_id)[1]

    def apply(self, plan_id: int) -> RunResult:
        """Apply a plan."""
        return self.runner.apply(plan_id)

    def sync(self, sources: Sequence[str], target: str, **options: Any) -> RunResult:
        """Plan and apply."""
        return self.apply(self.plan(sources, target, **options))

    def close(self) -> None:
        """Close the state."""
        self.store.close()


def label(value: str) -> dict[str, Any]:
    """Values that answer the question `label`."""
    return {"label": {"value": value}}


def answer(username: str, value: str | None, status: str = "submitted") -> dict[str, Any]:
    """A response as the seed of a fake server takes it."""
    return {"username": username, "status": status, "values": label(value) if value is not None else {}}


def record(text: str, *responses: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A record as the seed of a fake server takes it."""
    return {"fields": {"text": text}, "responses": list(responses), **more}


def answers(rows: list[dict[str, Any]]) -> dict[tuple[str, str], tuple[str, Any]]:
    """(text, username) -> (status, values) of a fake's dump; texts must be distinct."""
    found = {}
    for row in rows:
        for response in row["responses"]:
            key = (cast(str, row["fields"]["text"]), cast(str, response["username"]))
            assert key not in found, f"two responses of {key}"
            found[key] = (response["status"], response["values"])
    return found
