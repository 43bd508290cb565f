"""What runs remember: links, bases, origins of written values, conflicts and decisions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlite_utils import Database


@dataclass(frozen=True)
class Link:
    """A pair of remote ids of one record, under the record key that both copies share."""

    record_key: str
    source_id: str
    target_id: str


@dataclass(frozen=True)
class ConflictRow:
    """A conflict with both sides in `detail` (JSON), and the decision by hand if there is one."""

    id: int
    conflict_id: str
    plan_id: int
    target_dataset: str
    record_key: str
    person: str
    detail: str
    seen_at: str
    decision: str | None
    decided_at: str | None


class Memory:
    """Facts that outlive a run. Losing them is safe: everything is compared afresh, nothing is deleted."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def save_links(self, pair: str, links: Iterable[Link]) -> None:
        """Add or move links of a pair."""
        with self._db.atomic():
            for link in links:
                self._db.conn.execute(
                    "DELETE FROM link WHERE pair = ? AND (source_id = ? OR target_id = ?)",
                    (pair, link.source_id, link.target_id),
                )
                self._db.conn.execute(
                    "INSERT OR REPLACE INTO link VALUES (?, ?, ?, ?)",
                    (pair, link.record_key, link.source_id, link.target_id),
                )

    def links(self, pair: str) -> Iterator[Link]:
        """Links of a pair by record key, streamed."""
        rows = self._db.conn.execute(
            "SELECT record_key, source_id, target_id FROM link WHERE pair = ? ORDER BY record_key", (pair,)
        )
        return (Link(*row) for row in rows)

    def link_of(self, pair: str, *, source_id: str, target_id: str | None) -> Link | None:
        """The link of a source record, else of a target record, or None."""
        row = self._db.conn.execute(
            """SELECT record_key, source_id, target_id FROM link
                WHERE pair = :pair AND (source_id = :source OR target_id = :target)
                ORDER BY source_id = :source DESC LIMIT 1""",
            {"pair": pair, "source": source_id, "target": target_id},
        ).fetchone()
        return Link(*row) if row else None

    def move_target(self, old_id: str, new_id: str) -> None:
        """Follow a record that was re-created under a new remote id, on whichever side it is."""
        with self._db.atomic():
            self._db.conn.execute("UPDATE link SET target_id = ? WHERE target_id = ?", (new_id, old_id))
            self._db.conn.execute("UPDATE link SET source_id = ? WHERE source_id = ?", (new_id, old_id))
            self._db.conn.execute("UPDATE OR REPLACE origin SET record_id = ? WHERE record_id = ?", (new_id, old_id))

    def forget_record(self, remote_id: str) -> None:
        """Forget the links of a record that a run deleted, and the bases under them."""
        ids = (remote_id, remote_id)
        with self._db.atomic():
            self._db.conn.execute(
                """DELETE FROM base WHERE (pair, record_key) IN
                     (SELECT pair, record_key FROM link WHERE target_id = ? OR source_id = ?)""",
                ids,
            )
            self._db.conn.execute("DELETE FROM link WHERE target_id = ? OR source_id = ?", ids)

    def save_bases(self, pair: str, rows: Iterable[tuple[str, str, str]]) -> None:
        """Note (record key, person, digest) on which both sides agree now."""
        with self._db.atomic():
            self._db.conn.executemany("INSERT OR REPLACE INTO base VALUES (?, ?, ?, ?)", ((pair, *row) for row in rows))

    def forget_bases(self, pair: str, rows: Iterable[tuple[str, str]]) -> None:
        """Forget the base of (record key, person)."""
        with self._db.atomic():
            self._db.conn.executemany(
                "DELETE FROM base WHERE pair = ? AND record_key = ? AND person = ?",
                ((pair, *row) for row in rows),
            )

    def bases(self, pair: str) -> Iterator[tuple[str, str, str]]:
        """(record key, person, digest) of a pair, streamed."""
        rows = self._db.conn.execute(
            "SELECT record_key, person, digest FROM base WHERE pair = ? ORDER BY record_key, person", (pair,)
        )
        return ((row[0], row[1], row[2]) for row in rows)

    def save_origins(self, rows: Iterable[tuple[str, str, str, str, str]]) -> None:
        """Note (dataset, record, user id, `updated_at` that the server gave the value, time of the person's own
        write) of values that a run wrote."""
        with self._db.atomic():
            self._db.conn.executemany("INSERT OR REPLACE INTO origin VALUES (?, ?, ?, ?, ?)", rows)

    def written_at(self, dataset_id: str, record_id: str, person: str, updated_at: str) -> str:
        """When a person wrote a value that a server shows with `updated_at`: that time itself, unless it is
        the time of a run's write; then the time at the value's origin."""
        row = self._db.conn.execute(
            """SELECT written_at FROM origin
                WHERE dataset_id = ? AND record_id = ? AND person = ? AND server_time = ?""",
            (dataset_id, record_id, person, updated_at),
        ).fetchone()
        return str(row[0]) if row else updated_at

    def save_pair(self, pair: str, **columns: Any) -> None:
        """Note the state of a pair after a complete run; columns are those of the table `pair_run`."""
        columns = {"pair": pair, **columns}
        names = ", ".join(columns)
        marks = ", ".join("?" * len(columns))
        self._db.execute(
            f"INSERT OR REPLACE INTO pair_run ({names}) VALUES ({marks})",  # noqa: S608 - this code's own names
            tuple(columns.values()),
        )

    def pair(self, pair: str) -> dict[str, Any] | None:
        """The row of a pair, or None before its first complete run."""
        row = self._db.conn.execute("SELECT * FROM pair_run WHERE pair = ?", (pair,)).fetchone()
        return dict(row) if row else None

    def note_conflict(
        self,
        conflict_id: str,
        *,
        plan_id: int,
        target_dataset: str,
        record_key: str,
        person: str,
        detail: str,
        at: str,
    ) -> None:
        """Enter a conflict into the ledger; one that is known keeps its first sighting and its decision."""
        self._db.execute(
            """INSERT INTO conflict (conflict_id, plan_id, target_dataset, record_key, person, detail, seen_at)
               VALUES (?, ?, ?, ?, ?, ?, ?)
               ON CONFLICT (conflict_id) DO UPDATE SET plan_id = excluded.plan_id, detail = excluded.detail""",
            (conflict_id, plan_id, target_dataset, record_key, person, detail, at),
        )

    def conflicts(self) -> list[ConflictRow]:
        """The whole ledger, oldest first."""
        return [ConflictRow(**dict(row)) for row in self._db.conn.execute("SELECT * FROM conflict ORDER BY id")]

    def decide(self, conflict_id: str, decision: str, at: str) -> None:
        """Remember a decision by hand."""
        self._db.execute(
            "UPDATE conflict SET decision = ?, decided_at = ? WHERE conflict_id = ?",
            (decision, at, conflict_id),
        )

    def is_decided_since(self, at: str) -> bool:
        """Whether a conflict has been decided at or after a time."""
        query = "SELECT 1 FROM conflict WHERE decided_at >= ? LIMIT 1"
        return self._db.conn.execute(query, (at,)).fetchone() is not None

    def decision(self, conflict_id: str) -> str | None:
        """The decision for a conflict, or None."""
        row = self._db.conn.execute("SELECT decision FROM conflict WHERE conflict_id = ?", (conflict_id,)).fetchone()
        return row[0] if row else None
