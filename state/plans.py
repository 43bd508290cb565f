"""Plans: a header, counts, and ordered items (operations, conflicts, skips)."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass
from typing import Any

from sqlite_utils import Database

BATCH = 1000


@dataclass(frozen=True)
class PlanRow:
    """A saved plan; `header` and `counts` are JSON texts, `digest` covers them and the items."""

    id: int
    kind: str
    header: str
    counts: str | None
    digest: str | None
    created_at: str


@dataclass(frozen=True)
class ItemRow:
    """One item of a plan: `category` is operation, conflict, skip or unchanged; `payload` is JSON."""

    seq: int
    category: str
    kind: str
    item_id: str
    dataset_id: str | None
    payload: str


class Plans:
    """Save a plan while it is made, and read it back in order."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def save(self, kind: str, header: str, items: Iterable[ItemRow], created_at: str) -> int:
        """Write a plan whole or not at all, and return its id. `items` may read the store while it is made."""
        connection = self._db.conn
        total = hashlib.sha256(f"{kind}\n{header}\n".encode())
        with self._db.atomic():
            cursor = connection.execute(
                "INSERT INTO plan (kind, header, created_at) VALUES (?, ?, ?)", (kind, header, created_at)
            )
            plan_id = int(cursor.lastrowid or 0)
            stream = iter(items)
            while chunk := list(itertools.islice(stream, BATCH)):
                for item in chunk:
                    total.update(repr(astuple(item)).encode())
                connection.executemany(
                    "INSERT INTO plan_item VALUES (?, ?, ?, ?, ?, ?, ?)",
                    ((plan_id, *astuple(i)) for i in chunk),
                )
            connection.execute("UPDATE plan SET digest = ? WHERE id = ?", ("sha256:" + total.hexdigest(), plan_id))
        return plan_id

    def save_links(self, plan_id: int) -> None:
        """Keep the workbench's pairs of existing records with a plan, for the run that will confirm them."""
        self._db.execute(
            """INSERT INTO plan_link SELECT ?, source, record_key, source_id, ref FROM temp.w_pair
                WHERE outcome = 'matched'""",
            (plan_id,),
        )

    def links(self, plan_id: int, source: int) -> Iterator[tuple[str, str, str]]:
        """(record key, source record, target record) of the pairs that a plan has found, streamed."""
        rows = self._db.conn.execute(
            "SELECT record_key, source_id, target_id FROM plan_link WHERE plan_id = ? AND source = ?",
            (plan_id, source),
        )
        return ((row[0], row[1], row[2]) for row in rows)

    def set_counts(self, plan_id: int, counts: str) -> None:
        """Store the plan's figures (JSON), once."""
        digest = _with_counts(self.get(plan_id).digest, counts)
        self._db.execute("UPDATE plan SET counts = ?, digest = ? WHERE id = ?", (counts, digest, plan_id))

    def get(self, plan_id: int) -> PlanRow:
        """A plan by id. Raises KeyError."""
        row = self._db.conn.execute("SELECT * FROM plan WHERE id = ?", (plan_id,)).fetchone()
        if row is None:
            raise KeyError(plan_id)
        return PlanRow(**dict(row))

    def all(self) -> list[PlanRow]:
        """All plans, oldest first."""
        return [PlanRow(**dict(row)) for row in self._db.conn.execute("SELECT * FROM plan ORDER BY id")]

    def is_intact(self, plan_id: int) -> bool:
        """Whether header, items and figures still have the digest they were saved with."""
        plan = self.get(plan_id)
        total = hashlib.sha256(f"{plan.kind}\n{plan.header}\n".encode())
        for item in self.items(plan_id):
            total.update(repr(astuple(item)).encode())
        digest = "sha256:" + total.hexdigest()
        return plan.digest == (digest if plan.counts is None else _with_counts(digest, plan.counts))

    def items(
        self,
        plan_id: int,
        *,
        category: str | None = None,
        kinds: Iterable[str] = (),
        dataset_id: str | None = None,
    ) -> Iterator[ItemRow]:
        """Items in order, streamed; narrowed by category, kinds and dataset."""
        query = "SELECT seq, category, kind, item_id, dataset_id, payload FROM plan_item WHERE plan_id = ?"
        parameters: list[Any] = [plan_id]
        for column, wanted in (("category", category), ("dataset_id", dataset_id)):
            if wanted is not None:
                query += f" AND {column} = ?"
                parameters.append(wanted)
        kinds = list(kinds)
        if kinds:
            query += f" AND kind IN ({', '.join('?' * len(kinds))})"
            parameters += kinds
        rows = self._db.conn.execute(query + " ORDER BY seq", parameters)
        return (ItemRow(*row) for row in rows)

    def count(self, plan_id: int) -> dict[tuple[str, str], int]:
        """How many items of each (category, kind) a plan has."""
        rows = self._db.conn.execute(
            "SELECT category, kind, count(*) FROM plan_item WHERE plan_id = ? GROUP BY 1, 2", (plan_id,)
        )
        return {(row[0], row[1]): int(row[2]) for row in rows}

    def touched_records(self, plan_id: int, dataset_id: str) -> set[str]:
        """Ids of the existing records of a dataset on which a plan has operations."""
        rows = self._db.conn.execute(
            """SELECT DISTINCT json_extract(payload, '$.record_id') FROM plan_item
                WHERE plan_id = ? AND category = 'operation' AND dataset_id = ?""",
            (plan_id, dataset_id),
        )
        return {str(row[0]) for row in rows if row[0] is not None}

    def unfinished(self, plan_id: int, run_id: int, kinds: Iterable[str], dataset_id: str | None) -> list[ItemRow]:
        """Operations of a plan, of some kinds and one dataset, that a run has not brought to an end."""
        kinds = list(kinds)
        rows = self._db.conn.execute(
            f"""SELECT seq, category, kind, item_id, dataset_id, payload FROM plan_item i
                WHERE plan_id = ? AND category = 'operation' AND kind IN ({", ".join("?" * len(kinds))})
                  AND (dataset_id = ? OR ? IS NULL)
                  AND NOT EXISTS (SELECT 1 FROM journal j WHERE j.run_id = ? AND j.item_id = i.item_id
                      AND j.event IN ('done', 'drifted', 'failed', 'quarantined', 'skipped'))
                ORDER BY seq""",  # noqa: S608 - only question marks are inserted
            (plan_id, *kinds, dataset_id, dataset_id, run_id),
        )
        return [ItemRow(*row) for row in rows]


def _with_counts(digest: str | None, counts: str) -> str:
    return "sha256:" + hashlib.sha256(f"{digest}\n{counts}".encode()).hexdigest()
