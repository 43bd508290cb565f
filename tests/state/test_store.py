"""Opening the state: where it may lie, who may read it, which schema it has."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlite_utils import Database

from state import SchemaTooNew, StateProblem, Store, UnsafeLocation
from state.schema import migrations
from tests.state.filling import everything, tables


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def open_umask() -> Iterator[None]:
    """A umask under which everybody may read what is created carelessly."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("open_umask")
def test_only_the_owner_may_read(place: Path) -> None:
    with Store(place) as store:
        everything(store)
        assert mode(place.parent) == 0o700
        files = list(place.parent.iterdir())
        assert {path.name for path in files} == {"state.db", "state.db-wal", "state.db-shm"}
        assert {mode(path) for path in files} == {0o600}


def test_a_folder_that_is_there_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    Store(tmp_path / "state.db").close()
    assert mode(tmp_path) == 0o755
    assert mode(tmp_path / "state.db") == 0o600


def test_a_symlinked_folder_is_refused(tmp_path: Path) -> None:
    real = tmp_path / "real"
    real.mkdir()
    (tmp_path / "link").symlink_to(real)
    with pytest.raises(UnsafeLocation, match="symbolic link"):
        Store(tmp_path / "link" / "state.db")
    assert list(real.iterdir()) == []


def test_a_symlinked_file_is_refused(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    place = tmp_path / "state.db"
    place.symlink_to(elsewhere)
    with pytest.raises(UnsafeLocation, match="symbolic link"):
        Store(place)
    assert not elsewhere.exists()


@pytest.mark.parametrize("content", [b"this is no database, whatever its name", b"SQLite format 3\0" + b"x" * 4096])
def test_what_is_no_database_is_refused_and_kept(place: Path, content: bytes) -> None:
    place.parent.mkdir()
    place.write_bytes(content)
    with pytest.raises(StateProblem):
        Store(place)
    assert place.read_bytes() == content


def test_a_newer_schema_is_refused_and_kept(place: Path) -> None:
    with Store(place) as store:
        everything(store)
        before = tables(store)
        store.db.conn.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('syncer', 'm999_future', 'now')"
        )
    with pytest.raises(SchemaTooNew, match="m999_future"):
        Store(place)
    connection = sqlite3.connect(place)
    assert connection.execute("SELECT count(*) FROM journal").fetchone()[0] == len(before["journal"])
    connection.close()


def test_every_table_takes_rows_and_keeps_them(place: Path) -> None:
    with Store(place) as store:
        everything(store)
        before = tables(store)
    assert all(before.values()), [name for name, rows in before.items() if not rows]
    with Store(place) as store:
        assert tables(store) == before


def test_the_oldest_schema_is_brought_up_to_date_with_all_that_is_in_it(place: Path) -> None:
    place.parent.mkdir()
    connection = sqlite3.connect(place, isolation_level=None)
    old = Database(connection)
    later = [migration.name for migration in migrations.pending(old)][1:]
    migrations.apply(old, stop_before=later)
    assert [found.name for found in migrations.applied(old)] == ["m001_initial"]
    connection.executescript(
        """
        INSERT INTO body VALUES ('sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a', '{}');
        INSERT INTO plan (kind, header, created_at) VALUES ('sync', '{}', 't');
        INSERT INTO plan_item VALUES (1, 0, 'operation', 'write_response', 'i1', 'd1', '{}');
        INSERT INTO run (plan_id, host, pid, started_at) VALUES (1, 'h', 1, 't');
        INSERT INTO journal VALUES (1, 1, 'i1', 'started', 't', '{}', 'sha256:0', 'sha256:1');
        INSERT INTO link VALUES ('a>b', 'k', 'a', 'b');
        INSERT INTO base VALUES ('a>b', 'k', 'ann', 'd');
        """
    )
    connection.close()
    with Store(place) as store:
        assert migrations.pending(store.db) == []
        assert [run.id for run in store.journal.unfinished()] == [1]
        assert [event.event for event in store.journal.events(1)] == ["started"]
        assert [link.source_id for link in store.memory.links("a>b")] == ["a"]
        assert list(store.memory.bases("a>b")) == [("k", "ann", "d")]
        assert store.bodies.get("sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a") == "{}"


def test_a_step_that_fails_half_way_leaves_nothing(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Store(place).close()

    def broken(db: Database) -> None:
        db.conn.execute("CREATE TABLE half_done (x)")
        raise sqlite3.OperationalError("disk full")

    monkeypatch.setattr(migrations, "_migrations", list(migrations._migrations))
    migrations(name="m998_broken")(broken)
    with pytest.raises(sqlite3.OperationalError, match="disk full"):
        Store(place)
    monkeypatch.undo()
    with Store(place) as store:
        assert "half_done" not in store.db.table_names()


OPEN = """
import sys
from pathlib import Path
from state import Store
sys.stdin.readline()
with Store(Path(sys.argv[1])) as store:
    store.bodies.put("{}")
print("opened")
"""


def test_several_processes_may_open_a_new_state_at_once(place: Path) -> None:
    for attempt in range(3):
        state = place.with_name(f"state-{attempt}.db")
        processes = [
            subprocess.Popen(
                [sys.executable, "-c", OPEN, str(state)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for _ in range(4)
        ]
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        ends = [process.communicate(timeout=60) for process in processes]
        assert [out for out, _ in ends] == ["opened\n"] * 4, [error for _, error in ends]
