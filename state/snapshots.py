"""Snapshots: rows per record and response, their contents in `body`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass
from typing import Any

from sqlite_utils import Database

from state.bodies import Bodies, text_digest


@dataclass(frozen=True)
class SnapshotRow:
    """One side as read at one time."""

    id: int
    server: str
    url: str
    version: str
    dataset_id: str
    reference: str
    settings: str
    settings_digest: str
    activity: str | None
    taken_at: str
    complete: bool
    records: int
    responses: int
    digest: str | None


@dataclass(frozen=True)
class UserRow:
    """A person known to a snapshot; `username` is None when the key at hand cannot name an author."""

    user_id: str
    username: str | None
    role: str
    member: bool


@dataclass(frozen=True)
class RecordRow:
    """A record of a snapshot; `content` is a body digest."""

    remote_id: str
    position: int
    external_id: str | None
    content: str
    fields_digest: str
    status: str | None
    inserted_at: str
    updated_at: str


@dataclass(frozen=True)
class ResponseRow:
    """A response of a snapshot; `body` is a body digest of exact status and values."""

    record_id: str
    remote_id: str
    user_id: str | None
    status: str
    body: str
    digest: str
    inserted_at: str
    updated_at: str


class Snapshots:
    """Write a snapshot page by page, settle its order, complete it; read it in order."""

    def __init__(self, db: Database, bodies: Bodies) -> None:
        self._db = db
        self._bodies = bodies

    def begin(self, settings_text: str, **columns: Any) -> int:
        """Start a snapshot that is not complete yet; columns are those of SnapshotRow."""
        with self._db.atomic():
            columns["settings"] = self._bodies.put(settings_text)
            names = ", ".join(columns)
            marks = ", ".join("?" * len(columns))
            cursor = self._db.conn.execute(
                f"INSERT INTO snapshot ({names}) VALUES ({marks})",  # noqa: S608 - names are this code's own
                tuple(columns.values()),
            )
            self._db.conn.execute("DROP TABLE IF EXISTS temp.sweep")
            self._db.conn.execute("CREATE TEMP TABLE sweep (remote_id TEXT PRIMARY KEY, position INTEGER NOT NULL)")
            return int(cursor.lastrowid or 0)

    def add_users(self, snapshot_id: int, users: Iterable[UserRow]) -> None:
        """Add or replace people."""
        with self._db.atomic():
            self._db.conn.executemany(
                "INSERT OR REPLACE INTO snapshot_user VALUES (?, ?, ?, ?, ?)",
                ((snapshot_id, u.user_id, u.username, u.role, int(u.member)) for u in users),
            )

    def add_page(
        self,
        snapshot_id: int,
        records: Sequence[RecordRow],
        responses: Sequence[ResponseRow],
        texts: Iterable[str],
    ) -> None:
        """Add one page with the texts its rows refer to; a record read before is replaced as a whole."""
        connection = self._db.conn
        with self._db.atomic():
            self._bodies.put_many(texts)
            connection.executemany(
                "DELETE FROM snapshot_response WHERE snapshot_id = ? AND record_id = ?",
                ((snapshot_id, r.remote_id) for r in records),
            )
            connection.executemany(
                "INSERT OR REPLACE INTO snapshot_record VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                ((snapshot_id, *astuple(r)) for r in records),
            )
            connection.executemany(
                "INSERT INTO snapshot_response VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                ((snapshot_id, *astuple(r)) for r in responses),
            )

    def start_sweep(self) -> None:
        """Forget the last sweep's order."""
        self._db.conn.execute("DELETE FROM temp.sweep")

    def sweep_page(self, ids: Sequence[str], first: int) -> None:
        """Note ids in listing order; `first` is the position of the first of them."""
        with self._db.atomic():
            self._db.conn.executemany(
                "INSERT OR REPLACE INTO temp.sweep VALUES (?, ?)",
                ((remote_id, first + offset) for offset, remote_id in enumerate(ids)),
            )

    def swept(self, remote_id: str) -> bool:
        """Whether the current sweep has seen an id."""
        query = "SELECT 1 FROM temp.sweep WHERE remote_id = ?"
        return self._db.conn.execute(query, (remote_id,)).fetchone() is not None

    def unread(self, snapshot_id: int) -> list[tuple[str, int]]:
        """Ids and positions that the sweep has seen and the snapshot lacks."""
        rows = self._db.conn.execute(
            """SELECT remote_id, position FROM temp.sweep
               WHERE remote_id NOT IN (SELECT remote_id FROM snapshot_record WHERE snapshot_id = ?)
               ORDER BY position""",
            (snapshot_id,),
        )
        return [(str(row[0]), int(row[1])) for row in rows]

    def unseen(self, snapshot_id: int) -> list[str]:
        """Ids that the snapshot holds and the sweep did not see."""
        rows = self._db.conn.execute(
            """SELECT remote_id FROM snapshot_record
               WHERE snapshot_id = ? AND remote_id NOT IN (SELECT remote_id FROM temp.sweep)""",
            (snapshot_id,),
        )
        return [str(row[0]) for row in rows]

    def drop_records(self, snapshot_id: int, ids: Iterable[str]) -> None:
        """Remove records that are gone from the server."""
        pairs = [(snapshot_id, remote_id) for remote_id in ids]
        with self._db.atomic():
            for table, column in (("snapshot_response", "record_id"), ("snapshot_record", "remote_id")):
                self._db.conn.executemany(
                    f"DELETE FROM {table} WHERE snapshot_id = ? AND {column} = ?",  # noqa: S608
                    pairs,
                )

    def complete(self, snapshot_id: int) -> SnapshotRow:
        """Take the sweep's order for the records, count and hash everything, and mark it complete."""
        connection = self._db.conn
        with self._db.atomic():
            connection.execute(
                """UPDATE snapshot_record SET position =
                     (SELECT position FROM temp.sweep s WHERE s.remote_id = snapshot_record.remote_id)
                   WHERE snapshot_id = ?""",
                (snapshot_id,),
            )
            connection.execute(
                """UPDATE snapshot SET complete = 1, digest = ?,
                     records = (SELECT count(*) FROM snapshot_record WHERE snapshot_id = snapshot.id),
                     responses = (SELECT count(*) FROM snapshot_response WHERE snapshot_id = snapshot.id)
                   WHERE id = ?""",
                (self.content_digest(snapshot_id), snapshot_id),
            )
        return self.get(snapshot_id)

    def content_digest(self, snapshot_id: int) -> str:
        """Digest of settings, records in order and their responses; ids and times of the server left out."""
        total = hashlib.sha256(self.get(snapshot_id).settings_digest.encode())
        rows = self._db.conn.execute(
            """SELECT r.external_id, r.content,
                      (SELECT group_concat(part) FROM
                         (SELECT coalesce(u.username, a.user_id, '') || '=' || a.digest AS part
                            FROM snapshot_response a LEFT JOIN snapshot_user u
                              ON u.snapshot_id = a.snapshot_id AND u.user_id = a.user_id
                           WHERE a.snapshot_id = r.snapshot_id AND a.record_id = r.remote_id ORDER BY part))
                 FROM snapshot_record r WHERE r.snapshot_id = ? ORDER BY r.position""",
            (snapshot_id,),
        )
        for row in rows:
            total.update(repr(tuple(row)).encode())
        return "sha256:" + total.hexdigest()

    def get(self, snapshot_id: int) -> SnapshotRow:
        """A snapshot by id. Raises KeyError."""
        row = self._db.conn.execute("SELECT * FROM snapshot WHERE id = ?", (snapshot_id,)).fetchone()
        if row is None:
            raise KeyError(snapshot_id)
        return _snapshot(row)

    def all(self) -> list[SnapshotRow]:
        """All snapshots, oldest first."""
        return [_snapshot(row) for row in self._db.conn.execute("SELECT * FROM snapshot ORDER BY id")]

    def users(self, snapshot_id: int) -> list[UserRow]:
        """The people of a snapshot by user id."""
        rows = self._db.conn.execute(
            "SELECT user_id, username, role, member FROM snapshot_user WHERE snapshot_id = ? ORDER BY user_id",
            (snapshot_id,),
        )
        return [UserRow(row[0], row[1], row[2], bool(row[3])) for row in rows]

    def records(self, snapshot_id: int) -> Iterator[RecordRow]:
        """Records in listing order, streamed."""
        rows = self._db.conn.execute(
            """SELECT remote_id, position, external_id, content, fields_digest, status, inserted_at, updated_at
                 FROM snapshot_record WHERE snapshot_id = ? ORDER BY position, remote_id""",
            (snapshot_id,),
        )
        return (RecordRow(*row) for row in rows)

    def record(self, snapshot_id: int, remote_id: str) -> RecordRow | None:
        """One record, or None."""
        row = self._db.conn.execute(
            """SELECT remote_id, position, external_id, content, fields_digest, status, inserted_at, updated_at
                 FROM snapshot_record WHERE snapshot_id = ? AND remote_id = ?""",
            (snapshot_id, remote_id),
        ).fetchone()
        return RecordRow(*row) if row else None

    def responses(self, snapshot_id: int, record_id: str | None = None) -> Iterator[ResponseRow]:
        """Responses in the order of their records, streamed; of one record if given."""
        query = """SELECT a.record_id, a.remote_id, a.user_id, a.status, a.body, a.digest,
                          a.inserted_at, a.updated_at
                     FROM snapshot_response a WHERE a.snapshot_id = ?"""
        if record_id is not None:
            rows = self._db.conn.execute(query + " AND a.record_id = ? ORDER BY a.remote_id", (snapshot_id, record_id))
        else:
            rows = self._db.conn.execute(query + " ORDER BY a.record_id, a.remote_id", (snapshot_id,))
        return (ResponseRow(*row) for row in rows)

    def authors(self, snapshot_id: int) -> list[tuple[str | None, int]]:
        """User ids of authors (None: deleted users) and how many responses each has."""
        rows = self._db.conn.execute(
            """SELECT user_id, count(*) FROM snapshot_response WHERE snapshot_id = ?
               GROUP BY user_id ORDER BY user_id""",
            (snapshot_id,),
        )
        return [(row[0], int(row[1])) for row in rows]

    def changed_bodies(self, snapshot_id: int) -> list[str]:
        """Digests the snapshot refers to whose text is missing or no longer has that digest."""
        rows = self._db.conn.execute(
            """SELECT DISTINCT d.digest, b.json FROM (
                   SELECT settings AS digest FROM snapshot WHERE id = :id
                   UNION SELECT content FROM snapshot_record WHERE snapshot_id = :id
                   UNION SELECT body FROM snapshot_response WHERE snapshot_id = :id) d
               LEFT JOIN body b ON b.digest = d.digest""",
            {"id": snapshot_id},
        )
        return [str(row[0]) for row in rows if row[1] is None or text_digest(row[1]) != row[0]]

    def kept(self, before: int, now: int) -> tuple[int, int]:
        """How many records two snapshots of one dataset share, and how many of those changed their fields."""
        row = self._db.conn.execute(
            """SELECT count(*), coalesce(sum(a.fields_digest <> b.fields_digest), 0)
                 FROM snapshot_record a JOIN snapshot_record b ON b.remote_id = a.remote_id
                WHERE a.snapshot_id = ? AND b.snapshot_id = ?""",
            (before, now),
        ).fetchone()
        return int(row[0]), int(row[1])

    def changed_records(self, before: int, now: int) -> set[str]:
        """Ids of records of the first snapshot that are gone, or have other contents or responses, in the second."""
        contents = "SELECT remote_id, external_id, content, '' FROM snapshot_record WHERE snapshot_id = ?"
        responses = "SELECT record_id, user_id, digest, updated_at FROM snapshot_response WHERE snapshot_id = ?"
        found: set[str] = set()
        for rows, first, second in (
            (contents, before, now),
            (responses, before, now),
            (responses, now, before),
        ):
            found.update(str(row[0]) for row in self._db.conn.execute(f"{rows} EXCEPT {rows}", (first, second)))
        return found

    def prune(self, keep: int) -> list[int]:
        """Delete all but the newest `keep` complete snapshots of each dataset that no plan refers to."""
        with self._db.atomic():
            rows = self._db.conn.execute(
                """SELECT id FROM (SELECT id, complete, row_number() OVER
                       (PARTITION BY dataset_id, complete ORDER BY id DESC) AS age FROM snapshot)
                   WHERE (age > ? OR complete = 0)
                     AND id NOT IN (SELECT j.value FROM plan, json_each(plan.header, '$.snapshots') j)
                     AND id NOT IN (SELECT source_snapshot FROM pair_run WHERE source_snapshot IS NOT NULL)""",
                (keep,),
            )
            ids = [int(row[0]) for row in rows]
            self._db.conn.executemany("DELETE FROM snapshot WHERE id = ?", ((i,) for i in ids))
        return ids


def _snapshot(row: Any) -> SnapshotRow:
    return SnapshotRow(**{**dict(row), "complete": bool(row["complete"])})
