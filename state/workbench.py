"""Temporary tables in which two or more snapshots are joined for one plan.

A side is a number: the index of a source, or TARGET. A `ref` names a record of the target: its remote id, or
a made-up name for one that is not there (to be created, or left out). Every source record ends in exactly one
pair row, every answer under exactly one ref.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass
from typing import Any

from sqlite_utils import Database

TARGET = -1


@dataclass(frozen=True)
class Member:
    """A record that shares a key with others."""

    position: int
    remote_id: str
    external_id: str | None
    shared: str
    kept: bool = True
    """Whether it takes part; a record that a filter keeps out still has its counterpart."""


@dataclass(frozen=True)
class Candidate:
    """Unpaired records of one source, and target records not paired with that source, under one key."""

    key: str
    sources: tuple[Member, ...]
    targets: tuple[Member, ...]


@dataclass(frozen=True)
class PairRow:
    """What became of one source record: `outcome` names it, `rule` says by what it was found."""

    source: int
    source_id: str
    ref: str
    record_key: str
    rule: str
    outcome: str


@dataclass(frozen=True)
class AnswerRow:
    """One response under its ref and person, in the target's names; `problem` says why it cannot be copied."""

    ref: str
    person: str
    side: int
    digest: str
    body: str
    status: str
    updated_at: str
    remote_id: str
    problem: str | None


@dataclass(frozen=True)
class JoinedAnswer:
    """A row of the joined stream: a ref alone (`kind` empty), or one of its pairs, answers or bases."""

    ref: str
    ord: int
    kind: str
    person: str
    side: int
    payload: str


class Workbench:
    """One plan's scratch space; `reset` empties it."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def reset(self) -> None:
        """Make the tables anew."""
        self._db.executescript(
            """
            DROP TABLE IF EXISTS temp.w_record; DROP TABLE IF EXISTS temp.w_key;
            DROP TABLE IF EXISTS temp.w_pair; DROP TABLE IF EXISTS temp.w_target;
            DROP TABLE IF EXISTS temp.w_answer; DROP TABLE IF EXISTS temp.w_base;
            CREATE TEMP TABLE w_record (side INTEGER, remote_id TEXT, position INTEGER, external_id TEXT,
                shared TEXT, kept INTEGER, PRIMARY KEY (side, remote_id)) WITHOUT ROWID;
            CREATE INDEX temp.w_record_external ON w_record (side, external_id);
            CREATE TEMP TABLE w_key (side INTEGER, rank INTEGER, key TEXT, remote_id TEXT,
                PRIMARY KEY (side, rank, key, remote_id)) WITHOUT ROWID;
            CREATE TEMP TABLE w_pair (source INTEGER, source_id TEXT, ref TEXT, record_key TEXT, rule TEXT,
                outcome TEXT, PRIMARY KEY (source, source_id), UNIQUE (source, ref));
            CREATE INDEX temp.w_pair_ref ON w_pair (ref);
            CREATE TEMP TABLE w_target (ref TEXT PRIMARY KEY, ord INTEGER) WITHOUT ROWID;
            CREATE TEMP TABLE w_answer (ref TEXT, person TEXT, side INTEGER, digest TEXT, body TEXT,
                status TEXT, updated_at TEXT, remote_id TEXT, problem TEXT,
                PRIMARY KEY (ref, person, side)) WITHOUT ROWID;
            CREATE TEMP TABLE w_base (ref TEXT, person TEXT, side INTEGER, digest TEXT,
                PRIMARY KEY (ref, person, side)) WITHOUT ROWID;
            """
        )

    def add_records(self, side: int, members: Iterable[Member], keys: Iterable[tuple[str, int, str]]) -> None:
        """Add records of a side and their keys as (remote id, rank, key)."""
        with self._db.atomic():
            self._db.conn.executemany(
                "INSERT INTO w_record VALUES (?, ?, ?, ?, ?, ?)",
                ((side, m.remote_id, m.position, m.external_id, m.shared, int(m.kept)) for m in members),
            )
            self._db.conn.executemany(
                "INSERT OR IGNORE INTO w_key VALUES (?, ?, ?, ?)",
                ((side, rank, key, remote_id) for remote_id, rank, key in keys),
            )

    def add_refs(self, refs: Iterable[tuple[str, int]]) -> None:
        """Add refs with the number by which they are ordered."""
        with self._db.atomic():
            self._db.conn.executemany("INSERT OR IGNORE INTO w_target VALUES (?, ?)", refs)

    def candidates(self, source: int, rank: int) -> list[Candidate]:
        """Groups under one key that have unpaired records on both sides, by key."""
        member = "json_group_array(json_array(r.position, r.remote_id, r.external_id, r.shared, r.kept))"
        rows = self._db.conn.execute(
            f"""WITH s AS (
                    SELECT k.key, {member} AS members FROM w_key k
                      JOIN w_record r ON r.side = k.side AND r.remote_id = k.remote_id
                     WHERE k.side = :source AND k.rank = :rank AND NOT EXISTS
                       (SELECT 1 FROM w_pair p WHERE p.source = :source AND p.source_id = k.remote_id)
                     GROUP BY k.key),
                t AS (
                    SELECT k.key, {member} AS members FROM w_key k
                      JOIN w_record r ON r.side = k.side AND r.remote_id = k.remote_id
                     WHERE k.side = {TARGET} AND k.rank = :rank AND k.key IN (SELECT key FROM s) AND NOT EXISTS
                       (SELECT 1 FROM w_pair p WHERE p.source = :source AND p.ref = k.remote_id)
                     GROUP BY k.key)
                SELECT s.key, s.members, t.members FROM s JOIN t ON t.key = s.key ORDER BY s.key""",  # noqa: S608
            {"source": source, "rank": rank},
        )
        return [Candidate(row[0], _members(row[1]), _members(row[2])) for row in rows]

    def member(self, side: int, remote_id: str) -> Member:
        """A record of a side. Raises KeyError."""
        row = self._db.conn.execute(
            "SELECT position, remote_id, external_id, shared, kept FROM w_record WHERE side = ? AND remote_id = ?",
            (side, remote_id),
        ).fetchone()
        if row is None:
            raise KeyError(remote_id)
        return _member(row)

    def external_id_taken(self, external_id: str, ref: str) -> bool:
        """Whether a target record, or one to be created, other than `ref` has this external id."""
        row = self._db.conn.execute(
            "SELECT 1 FROM w_record WHERE side = ? AND external_id = ? AND remote_id <> ?",
            (TARGET, external_id, ref),
        ).fetchone()
        return row is not None

    def unpaired(self, source: int) -> list[Member]:
        """Records of a source that have no pair row yet, in listing order."""
        rows = self._db.conn.execute(
            """SELECT position, remote_id, external_id, shared, kept FROM w_record r
                WHERE side = ? AND NOT EXISTS
                  (SELECT 1 FROM w_pair p WHERE p.source = r.side AND p.source_id = r.remote_id)
                ORDER BY position, remote_id""",
            (source,),
        )
        return [_member(row) for row in rows]

    def add_pairs(self, pairs: Iterable[PairRow]) -> None:
        """Settle source records. A second record of one source under the same ref is refused by SQLite."""
        with self._db.atomic():
            self._db.conn.executemany("INSERT INTO w_pair VALUES (?, ?, ?, ?, ?, ?)", (astuple(pair) for pair in pairs))

    def promote(self, source: int, refs: Iterable[tuple[str, str, int]]) -> None:
        """Let (source record, ref, least rank) serve as target candidates for the sources that follow."""
        with self._db.atomic():
            for source_id, ref, rank in refs:
                self._db.conn.execute(
                    f"""INSERT INTO w_record SELECT {TARGET}, ?, position, external_id, shared, kept
                          FROM w_record WHERE side = ? AND remote_id = ?""",  # noqa: S608
                    (ref, source, source_id),
                )
                self._db.conn.execute(
                    f"""INSERT OR IGNORE INTO w_key SELECT {TARGET}, rank, key, ? FROM w_key
                         WHERE side = ? AND remote_id = ? AND rank >= ?""",  # noqa: S608
                    (ref, source, source_id, rank),
                )

    def pair_of(self, source: int, source_id: str) -> PairRow:
        """The pair row of a source record. Raises KeyError."""
        row = self._db.conn.execute(
            "SELECT * FROM w_pair WHERE source = ? AND source_id = ?", (source, source_id)
        ).fetchone()
        if row is None:
            raise KeyError(source_id)
        return PairRow(*row)

    def pairs(self, source: int | None = None) -> Iterator[PairRow]:
        """All pair rows, or one source's, by source and record."""
        rows = self._db.conn.execute(
            "SELECT * FROM w_pair WHERE source = ? OR ? IS NULL ORDER BY source, source_id", (source, source)
        )
        return (PairRow(*row) for row in rows)

    def outcomes(self) -> dict[tuple[int, str], int]:
        """How many records of each source have each outcome."""
        rows = self._db.conn.execute("SELECT source, outcome, count(*) FROM w_pair GROUP BY 1, 2")
        return {(int(row[0]), str(row[1])): int(row[2]) for row in rows}

    def wanted_targets(self) -> set[str]:
        """Target records that are paired with a source record or share any key with one."""
        rows = self._db.conn.execute(
            f"""SELECT ref FROM w_pair UNION
                SELECT remote_id FROM w_key t WHERE side = {TARGET} AND EXISTS
                    (SELECT 1 FROM w_key s WHERE s.side IN (SELECT DISTINCT side FROM w_key WHERE side <> {TARGET})
                        AND s.rank = t.rank AND s.key = t.key)"""  # noqa: S608
        )
        return {str(row[0]) for row in rows}

    def matched_answers(self) -> int:
        """How many responses of the target are on records that are paired with a source's."""
        query = f"""SELECT count(*) FROM w_answer WHERE side = {TARGET}
                     AND ref IN (SELECT ref FROM w_pair WHERE outcome = 'matched')"""  # noqa: S608
        return int(self._db.conn.execute(query).fetchone()[0])

    def add_answers(self, answers: Iterable[AnswerRow]) -> None:
        """Add responses. Two of one person and side under one ref are refused by SQLite."""
        with self._db.atomic():
            self._db.conn.executemany(
                "INSERT INTO w_answer VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", (astuple(a) for a in answers)
            )

    def add_bases(self, source: int, pair: str) -> None:
        """Bring in the bases of a pair for the records that are paired now."""
        with self._db.atomic():
            self._db.conn.execute(
                """INSERT INTO w_base SELECT p.ref, b.person, p.source, b.digest
                     FROM w_pair p JOIN base b ON b.pair = ? AND b.record_key = p.record_key
                    WHERE p.source = ?""",
                (pair, source),
            )

    def joined(self) -> Iterator[JoinedAnswer]:
        """Every ref in order with its pairs, answers and bases; by ref, person, kind, side."""
        rows = self._db.conn.execute(
            """SELECT t.ref, t.ord, coalesce(x.kind, ''), coalesce(x.person, ''), coalesce(x.side, 0),
                      coalesce(x.payload, 'null')
                 FROM w_target t LEFT JOIN (
                   SELECT ref, 'a-pair' AS kind, '' AS person, source AS side,
                          json_array(source_id, record_key, rule, outcome) AS payload FROM w_pair
                   UNION ALL
                   SELECT ref, 'answer', person, side,
                          json_array(digest, body, status, updated_at, remote_id, problem) FROM w_answer
                   UNION ALL
                   SELECT ref, 'base', person, side, json_array(digest) FROM w_base
                 ) x ON x.ref = t.ref
                ORDER BY t.ord, t.ref, x.person, x.kind, x.side"""
        )
        return (JoinedAnswer(*row) for row in rows)


def _members(text: str) -> tuple[Member, ...]:
    return tuple(sorted(map(_member, json.loads(text)), key=lambda m: (m.position, m.remote_id)))


def _member(row: Sequence[Any]) -> Member:
    return Member(row[0], row[1], row[2], row[3], bool(row[4]))
