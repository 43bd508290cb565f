"""The journal: nothing in it can be changed, and what was changed all the same is seen."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from random import Random

import pytest

from state import StateProblem, Store
from state.journal import Journal
from tests.state.filling import plan, run, snapshot

EVENTS = (("i1", "started"), ("i2", "started"), ("i1", "done"), ("i2", "drifted"))
COLUMNS = ("seq", "item_id", "event", "at", "detail", "previous", "hash")


@pytest.fixture
def written(store: Store) -> int:
    """A run with four events."""
    return run(store, plan(store, snapshot(store)), *EVENTS)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE journal SET event = 'done'",
        "UPDATE journal SET detail = '{}' WHERE seq = 1",
        "DELETE FROM journal",
        "DELETE FROM journal WHERE seq = 4",
        "INSERT OR REPLACE INTO journal SELECT run_id, seq, item_id, 'done', at, detail, previous, hash FROM journal",
        "REPLACE INTO journal SELECT run_id, seq, item_id, 'done', at, detail, previous, hash FROM journal",
    ],
)
def test_nothing_is_changed_or_taken_out(store: Store, written: int, statement: str) -> None:
    before = list(store.journal.events(written))
    with pytest.raises(sqlite3.DatabaseError, match="append-only"):
        store.db.conn.execute(statement)
    assert list(store.journal.events(written)) == before
    assert store.journal.first_broken(written) is None


def test_events_come_back_in_order(store: Store, written: int) -> None:
    assert [(event.item_id, event.event) for event in store.journal.events(written)] == list(EVENTS)
    assert [event.event for event in store.journal.events(written, "i2")] == ["started", "drifted"]
    assert store.journal.counts(written) == {"started": 2, "done": 1, "drifted": 1}


def unlocked(store: Store) -> sqlite3.Connection:
    """Somebody who takes the locks away."""
    store.db.conn.executescript("DROP TRIGGER journal_no_update; DROP TRIGGER journal_no_delete;")
    return store.db.conn


def test_every_changed_character_is_seen(store: Store, written: int) -> None:
    connection = unlocked(store)
    for seq in range(1, len(EVENTS) + 1):
        for column in COLUMNS[1:]:
            row = connection.execute(f"SELECT {column} FROM journal WHERE seq = ?", (seq,))  # noqa: S608
            text = str(row.fetchone()[0])
            for place, char in enumerate(text):
                changed = f"{text[:place]}{chr(ord(char) ^ 1)}{text[place + 1 :]}"
                update = f"UPDATE journal SET {column} = ? WHERE seq = ?"  # noqa: S608
                connection.execute(update, (changed, seq))
                assert store.journal.first_broken(written) is not None, (seq, column, place)
                connection.execute(update, (text, seq))
    assert store.journal.first_broken(written) is None


@pytest.mark.parametrize("gone", [1, 2, 3])
def test_a_row_that_was_taken_out_is_seen(store: Store, written: int, gone: int) -> None:
    unlocked(store).execute("DELETE FROM journal WHERE seq = ?", (gone,))
    assert store.journal.first_broken(written) == gone


def test_a_row_that_was_put_in_is_seen(store: Store, written: int) -> None:
    connection = unlocked(store)
    connection.execute("UPDATE journal SET seq = seq + 10 WHERE seq > 2")
    connection.execute(
        "INSERT INTO journal SELECT run_id, 3, 'i3', 'done', at, detail, hash, hash FROM journal LIMIT 1"
    )
    assert store.journal.first_broken(written) == 3


def test_rows_that_changed_places_are_seen(store: Store, written: int) -> None:
    connection = unlocked(store)
    for old, new in ((2, 99), (3, 2), (99, 3)):
        connection.execute("UPDATE journal SET seq = ? WHERE seq = ?", (new, old))
    assert store.journal.first_broken(written) == 2


def test_the_journal_of_another_run_is_no_substitute(store: Store, written: int) -> None:
    other = run(store, plan(store), *EVENTS)
    connection = unlocked(store)
    connection.execute("DELETE FROM journal WHERE run_id = ?", (written,))
    connection.execute("UPDATE journal SET run_id = ? WHERE run_id = ?", (written, other))
    assert store.journal.first_broken(written) == 1


def test_a_batch_is_written_whole_or_not_at_all(store: Store, written: int) -> None:
    before = list(store.journal.events(written))

    def events() -> list[tuple[str, str, str]]:
        return [("i3", "started", "{}"), ("i4", "started", None)]  # type: ignore[list-item]

    with pytest.raises((sqlite3.IntegrityError, TypeError)):
        store.journal.append(written, events(), "t9")
    assert list(store.journal.events(written)) == before
    store.journal.append(written, [("i3", "started", "{}")], "t9")
    assert store.journal.first_broken(written) is None


def test_a_run_knows_its_datasets_and_what_came_after(store: Store, written: int) -> None:
    later = store.journal.start(plan(store), job=None, host="h", pid=2, datasets=["d1", "d2"], at="t")
    store.journal.add_dataset(later, "d3")
    assert store.journal.datasets(later) == ["d1", "d2", "d3"]
    assert [found.id for found in store.journal.runs_since(written, "d1")] == [later]
    assert store.journal.runs_since(written, "d9") == []
    assert [found.id for found in store.journal.unfinished()] == [written, later]
    store.journal.finish(written, outcome="complete", exit_code=0, summary="{}", at="t")
    assert [found.id for found in store.journal.unfinished()] == [later]


def test_flipped_bits_of_the_file_are_seen_or_change_nothing(place: Path) -> None:
    with Store(place) as store:
        run_id = run(store, plan(store, snapshot(store)), *EVENTS * 5)
        before = list(store.journal.events(run_id))
        store.db.conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    good = place.read_bytes()
    random = Random(7)
    seen = 0
    for number in range(150):
        flipped = bytearray(good)
        spot = random.randrange(len(good))
        flipped[spot] ^= 1 << random.randrange(8)
        copy = place.with_name(f"copy-{number}.db")
        copy.write_bytes(flipped)
        try:
            with Store(copy) as store:
                now = list(store.journal.events(run_id))
                assert now == before or store.journal.first_broken(run_id) is not None, spot
                seen += now != before
        except (StateProblem, sqlite3.DatabaseError, KeyError):
            seen += 1
    assert seen > 5


def test_a_journal_of_a_run_without_events_is_whole(store: Store) -> None:
    journal: Journal = store.journal
    assert journal.first_broken(run(store, plan(store))) is None
