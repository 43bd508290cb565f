"""`make bench`: what the program costs above the server's own time, as ratios of one run on one machine."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.table import Table

from state import Store
from syncer.argilla import Client, Connection
from syncer.argilla.writes import Writer
from syncer.jobs import Runner
from syncer.model import Dataset as Found
from syncer.options import JobOptions
from syncer.plan_model import Located
from syncer.snapshot import take_snapshot
from tests.proxy import FaultProxy, Seen
from tests.servers import Server, running_server
from tests.servers.builds import build
from tests.servers.seed import Admin, Dataset, User, answer, label, record, text

RECORDS = 2000
VERSION = "2.8.0"
QUESTIONS = (label("mood", ["good", "bad"]), text("note", required=False))
SDK = Path(__file__).with_name("sdk_read.py")


class Bench:
    """One server with a copy of alice's work, and the group's copy of the same records, still empty of answers."""

    def __init__(self, server: Server, admin: Admin, folder: Path) -> None:
        self.server = server
        self.people = [admin.user(name, workspaces=["own", "group"]) for name in ("alice", "bob")]
        self.own, self.group, self.bare = (
            admin.dataset(place, "reviews", questions=list(QUESTIONS)) for place in ("own", "group", "bare")
        )
        self.own.add([_record(i, self.people) for i in range(RECORDS)])
        for copy in (self.group, self.bare):
            copy.add([_record(i, []) for i in range(RECORDS)])
        self.store = Store(folder / "state.db")

    def connection(self, name: str = "server", url: str | None = None) -> Connection:
        return Connection(name, url or self.server.url, self.server.owner_key, {}, None, False)

    def client(self, name: str) -> Client:
        return Client(self.connection(name))

    def writer(self, name: str) -> Writer:
        return Writer(self.connection(name))

    def located(self, dataset: Dataset) -> Located:
        client = self.client("server")
        found = next(d for d in client.datasets() if d.remote_id == dataset.id)
        return Located(client, f"server:{found.workspace}/{found.name}", found, found.workspace, found.name)

    def snapshot(self, url: str | None = None) -> None:
        """Read alice's copy into the state."""
        with Client(self.connection(url=url)) as client:
            take_snapshot(client, self.store, self._found(client), "server:own/reviews", datetime.now(UTC))

    def _found(self, client: Client) -> Found:
        return next(d for d in client.datasets() if d.remote_id == self.own.id)

    def migrate(self) -> int:
        """Plan, apply and verify; the number of operations that were done."""
        runner = Runner(self.store, self, lambda: datetime.now(UTC))
        options = JobOptions(quiet=0.0)
        plan = runner.plan([self.located(self.own)], self.located(self.group), options)
        return runner.apply(plan).counts["done"]


def _record(i: int, people: list[User]) -> dict[str, Any]:
    answers = [answer(person, {"mood": "good", "note": f"note {i}"}) for person in people]
    return record({"text": f"text {i} " + "word " * 40}, external_id=f"e{i}", responses=answers)


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def replay(server: Server, requests: list[Seen]) -> Callable[[], None]:
    """The same requests once more, with nothing around them."""
    headers = {"X-Argilla-Api-Key": server.owner_key}

    def run() -> None:
        with httpx.Client(base_url=server.url, headers=headers, trust_env=False, timeout=60) as client:
            for seen in requests:
                client.request(seen.method, seen.path, content=seen.body or None).raise_for_status().json()

    return run


def recorded(bench: Bench, work: Callable[[str], object]) -> list[Seen]:
    """The requests that some work makes."""
    with FaultProxy(bench.server.url) as proxy:
        work(proxy.url)
        return list(proxy.log)


def sdk(bench: Bench, url: str) -> float:
    """Seconds that the SDK takes to read alice's copy."""
    command = [str(build(VERSION).python), str(SDK), url, bench.server.owner_key, "own", "reviews"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    shown = json.loads(done.stdout.splitlines()[-1])
    if shown["responses"] != RECORDS * len(bench.people):
        raise SystemExit(f"the SDK saw {shown['responses']} responses")
    return float(shown["seconds"])


def write_bare(bench: Bench) -> None:
    """The answers of alice's copy into the bare one, in calls of fifty records: what the server can take."""
    rows = [{"id": row, "responses": _record(i, bench.people)["responses"]} for i, row in enumerate(bench.bare.ids())]
    headers = {"X-Argilla-Api-Key": bench.server.owner_key}
    with httpx.Client(base_url=bench.server.url, headers=headers, trust_env=False, timeout=60) as client:
        for start in range(0, len(rows), 50):
            path = f"/api/v1/datasets/{bench.bare.id}/records/bulk"
            client.put(path, json={"items": rows[start : start + 50]}).raise_for_status()


def start_up(*arguments: str) -> float:
    """Seconds of a call that does nothing: the best of five."""
    command = [sys.executable, *arguments]
    return min(seconds(lambda: subprocess.run(command, check=True, capture_output=True)) for _ in range(5))


def measure(bench: Bench) -> list[tuple[str, float, str, float]]:
    """Rows: what, its cost, against what, that one's cost."""
    requests = recorded(bench, bench.snapshot)
    by_sdk = len(recorded(bench, lambda url: sdk(bench, url)))
    rows = [
        (
            "snapshot, seconds",
            seconds(bench.snapshot),
            "the same requests in a bare loop",
            seconds(replay(bench.server, requests)),
        ),
        ("snapshot, seconds", seconds(bench.snapshot), "the SDK reads the dataset", sdk(bench, bench.server.url)),
        ("snapshot, requests", float(len(requests)), "the SDK's requests", float(by_sdk)),
    ]
    done = 0

    def migrate() -> None:
        nonlocal done
        done = bench.migrate()

    rows.append(
        (
            "plan, apply, verify, seconds",
            seconds(migrate),
            "bulk upserts in a bare loop",
            seconds(lambda: write_bare(bench)),
        )
    )
    if done != RECORDS * len(bench.people):
        raise SystemExit(f"only {done} responses arrived")
    rows.append(
        ("--version, seconds", start_up("-m", "syncer", "--version"), "the interpreter alone", start_up("-c", "pass"))
    )
    return rows


def main() -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        running_server(VERSION) as server,
        Admin(server.url, server.owner_key, server.version) as admin,
    ):
        print(f"seeding {RECORDS} records with two responses each on a real {VERSION} ...", flush=True)
        rows = measure(Bench(server, admin, Path(folder)))
    table = Table("what", "cost", "against", "cost ", "ratio", box=None, pad_edge=False)
    for what, cost, other, base in rows:
        table.add_row(what, f"{cost:.3g}", other, f"{base:.3g}", f"{cost / base:.2f}")
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
