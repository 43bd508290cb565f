"""Open the state database: safe place, safe pragmas, current schema."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from types import TracebackType

from sqlite_utils import Database

from state.bodies import Bodies
from state.errors import SchemaTooNew, StateProblem, UnsafeLocation
from state.journal import Journal
from state.memory import Memory
from state.plans import Plans
from state.schema import migrations
from state.snapshots import Snapshots
from state.workbench import Workbench


class Store:
    """The state in one SQLite file (STRICT tables need SQLite 3.37).

    Creates the folder (0700) and the file (0600) when missing and brings the schema up to date. Raises
    UnsafeLocation for a symlinked folder, SchemaTooNew for a state of a newer program, StateProblem when the
    file is no database, and sqlite3.Error for what the disk refuses.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        _prepare(path)
        # Autocommit: a transaction exists only inside `Database.atomic()`.
        connection = sqlite3.connect(path, isolation_level=None, timeout=30.0, check_same_thread=False)
        self.db = Database(connection)
        try:
            self._configure()
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            connection.close()
            if isinstance(error, sqlite3.OperationalError):
                raise
            raise StateProblem(f"{path} is not a usable state database: {error}") from error
        except BaseException:
            connection.close()
            raise
        self.bodies = Bodies(self.db)
        self.snapshots = Snapshots(self.db, self.bodies)
        self.plans = Plans(self.db)
        self.journal = Journal(self.db)
        self.memory = Memory(self.db)
        self.workbench = Workbench(self.db)

    def _configure(self) -> None:
        connection = self.db.conn
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA journal_mode=WAL")
        # A journal row must be on the disk before the request it announces leaves.
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        known = {migration.name for migration in migrations._migrations}
        newer = [m.name for m in migrations.applied(self.db) if m.name not in known]
        if newer:
            raise SchemaTooNew(f"{self.path} was written by a newer version of syncer (it has {newer[0]})")
        if migrations.pending(self.db):
            self._migrate()

    def _migrate(self) -> None:
        """Bring the schema up to date; a second process that found the same state waits, and has nothing left to do."""
        connection = self.db.conn
        connection.execute("BEGIN IMMEDIATE")
        try:
            migrations.apply(self.db)
        except BaseException:
            connection.rollback()
            raise
        connection.commit()

    def close(self) -> None:
        """Close the database; the object is of no use afterwards."""
        self.db.conn.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _prepare(path: Path) -> None:
    folder = path.parent
    if folder.is_symlink():
        raise UnsafeLocation(f"the state's folder {folder} is a symbolic link")
    created = not folder.exists()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if created:
        folder.chmod(0o700)
    if path.is_symlink():
        raise UnsafeLocation(f"the state file {path} is a symbolic link")
    # Created with its final mode, so that no other user can open it in between.
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
