"""The journal: what a run intended and what became of it, append-only, one hash chain per run."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sqlite_utils import Database

GENESIS = "sha256:" + "0" * 64


@dataclass(frozen=True)
class RunRow:
    """One execution of a plan; `outcome` is None while it is unfinished."""

    id: int
    plan_id: int
    job: str | None
    host: str
    pid: int
    started_at: str
    finished_at: str | None
    outcome: str | None
    exit_code: int | None
    summary: str | None


@dataclass(frozen=True)
class Event:
    """One journal row. `detail` is JSON; contents appear in it as digests of bodies."""

    seq: int
    item_id: str
    event: str
    at: str
    detail: str


class Journal:
    """Runs and their events. When a method returns, what it wrote is on the disk."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def start(self, plan_id: int, *, job: str | None, host: str, pid: int, datasets: Iterable[str], at: str) -> int:
        """Open a run of a plan over some datasets, and return its id."""
        with self._db.atomic():
            cursor = self._db.conn.execute(
                "INSERT INTO run (plan_id, job, host, pid, started_at) VALUES (?, ?, ?, ?, ?)",
                (plan_id, job, host, pid, at),
            )
            run_id = int(cursor.lastrowid or 0)
            self._db.conn.executemany(
                "INSERT INTO run_dataset VALUES (?, ?)", ((run_id, d) for d in sorted(set(datasets)))
            )
        return run_id

    def add_dataset(self, run_id: int, dataset_id: str) -> None:
        """Note a dataset that the run itself created."""
        self._db.execute("INSERT OR IGNORE INTO run_dataset VALUES (?, ?)", (run_id, dataset_id))

    def append(self, run_id: int, events: Iterable[tuple[str, str, str]], at: str) -> None:
        """Append (item id, event, detail JSON) rows in one durable transaction."""
        with self._db.atomic():
            last = self._db.conn.execute(
                "SELECT seq, hash FROM journal WHERE run_id = ? ORDER BY seq DESC LIMIT 1", (run_id,)
            ).fetchone()
            seq, previous = (int(last[0]), str(last[1])) if last else (0, GENESIS)
            for item_id, event, detail in events:
                seq += 1
                digest = _chain(previous, run_id, Event(seq, item_id, event, at, detail))
                self._db.conn.execute(
                    "INSERT INTO journal VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    (run_id, seq, item_id, event, at, detail, previous, digest),
                )
                previous = digest

    def finish(self, run_id: int, *, outcome: str, exit_code: int, summary: str, at: str) -> None:
        """Close a run."""
        self._db.execute(
            "UPDATE run SET finished_at = ?, outcome = ?, exit_code = ?, summary = ? WHERE id = ?",
            (at, outcome, exit_code, summary, run_id),
        )

    def get(self, run_id: int) -> RunRow:
        """A run by id. Raises KeyError."""
        row = self._db.conn.execute("SELECT * FROM run WHERE id = ?", (run_id,)).fetchone()
        if row is None:
            raise KeyError(run_id)
        return RunRow(**dict(row))

    def runs(self) -> list[RunRow]:
        """All runs, oldest first."""
        return [RunRow(**dict(row)) for row in self._db.conn.execute("SELECT * FROM run ORDER BY id")]

    def unfinished(self) -> list[RunRow]:
        """Runs that were started and never closed, oldest first."""
        rows = self._db.conn.execute("SELECT * FROM run WHERE outcome IS NULL ORDER BY id")
        return [RunRow(**dict(row)) for row in rows]

    def run_of_plan(self, plan_id: int) -> RunRow | None:
        """The last run of a plan, or None."""
        rows = self._db.conn.execute("SELECT * FROM run WHERE plan_id = ? ORDER BY id DESC", (plan_id,))
        row = rows.fetchone()
        return RunRow(**dict(row)) if row else None

    def last_of_job(self, job: str) -> RunRow | None:
        """The newest finished run of a job, or None."""
        row = self._db.conn.execute(
            "SELECT * FROM run WHERE job = ? AND outcome IS NOT NULL ORDER BY id DESC LIMIT 1", (job,)
        ).fetchone()
        return RunRow(**dict(row)) if row else None

    def datasets(self, run_id: int) -> list[str]:
        """Ids of the datasets that a run may write to."""
        rows = self._db.conn.execute("SELECT dataset_id FROM run_dataset WHERE run_id = ? ORDER BY 1", (run_id,))
        return [str(row[0]) for row in rows]

    def last_run(self) -> int:
        """The id of the newest run, 0 if there is none."""
        return int(self._db.conn.execute("SELECT coalesce(max(id), 0) FROM run").fetchone()[0])

    def settled(self, dataset_id: str) -> int:
        """The newest run such that it and all older ones are at an end, as far as they may write to a dataset."""
        row = self._db.conn.execute(
            """SELECT min(run.id) - 1 FROM run JOIN run_dataset d ON d.run_id = run.id
                WHERE run.outcome IS NULL AND d.dataset_id = ?""",
            (dataset_id,),
        ).fetchone()
        return self.last_run() if row[0] is None else int(row[0])

    def runs_since(self, run_id: int, dataset_id: str) -> list[RunRow]:
        """Runs newer than one that may have written to a dataset."""
        rows = self._db.conn.execute(
            """SELECT run.* FROM run JOIN run_dataset d ON d.run_id = run.id
                WHERE run.id > ? AND d.dataset_id = ? ORDER BY run.id""",
            (run_id, dataset_id),
        )
        return [RunRow(**dict(row)) for row in rows]

    def events(self, run_id: int, item_id: str | None = None) -> Iterator[Event]:
        """Events of a run in order, streamed; of one item if given."""
        query = "SELECT seq, item_id, event, at, detail FROM journal WHERE run_id = ?"
        if item_id is None:
            rows = self._db.conn.execute(query + " ORDER BY seq", (run_id,))
        else:
            rows = self._db.conn.execute(query + " AND item_id = ? ORDER BY seq", (run_id, item_id))
        return (Event(*row) for row in rows)

    def counts(self, run_id: int) -> dict[str, int]:
        """How many items have each event at least once."""
        rows = self._db.conn.execute(
            "SELECT event, count(DISTINCT item_id) FROM journal WHERE run_id = ? GROUP BY event", (run_id,)
        )
        return {str(row[0]): int(row[1]) for row in rows}

    def first_broken(self, run_id: int) -> int | None:
        """The number of the first event that does not fit the hash chain, or None if all is well."""
        previous = GENESIS
        rows = self._db.conn.execute(
            "SELECT seq, item_id, event, at, detail, previous, hash FROM journal WHERE run_id = ? ORDER BY seq",
            (run_id,),
        )
        for expected, row in enumerate(rows, start=1):
            event = Event(*row[:5])
            if event.seq != expected or row[5] != previous or row[6] != _chain(previous, run_id, event):
                return expected
            previous = row[6]
        return None


def _chain(previous: str, run_id: int, event: Event) -> str:
    text = "\n".join([previous, str(run_id), str(event.seq), event.item_id, event.event, event.at, event.detail])
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()
