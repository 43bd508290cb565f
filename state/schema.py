"""The schema as numbered migrations. A released migration is never changed; new ones are appended."""

from __future__ import annotations

from sqlite_utils import Database, Migrations

migrations = Migrations("syncer")


@migrations()
def m001_initial(db: Database) -> None:
    """Everything of the first release."""
    db.executescript(
        """
        CREATE TABLE body (digest TEXT PRIMARY KEY, json TEXT NOT NULL) STRICT, WITHOUT ROWID;

        CREATE TABLE snapshot (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            server TEXT NOT NULL, url TEXT NOT NULL, version TEXT NOT NULL,
            dataset_id TEXT NOT NULL, reference TEXT NOT NULL,
            settings TEXT NOT NULL REFERENCES body (digest), settings_digest TEXT NOT NULL,
            activity TEXT, taken_at TEXT NOT NULL, complete INTEGER NOT NULL DEFAULT 0,
            records INTEGER NOT NULL DEFAULT 0, responses INTEGER NOT NULL DEFAULT 0,
            digest TEXT
        ) STRICT;
        CREATE INDEX snapshot_dataset ON snapshot (dataset_id, id);
        CREATE TABLE snapshot_user (
            snapshot_id INTEGER NOT NULL REFERENCES snapshot (id) ON DELETE CASCADE,
            user_id TEXT NOT NULL, username TEXT, role TEXT NOT NULL, member INTEGER NOT NULL,
            PRIMARY KEY (snapshot_id, user_id)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE snapshot_record (
            snapshot_id INTEGER NOT NULL REFERENCES snapshot (id) ON DELETE CASCADE,
            remote_id TEXT NOT NULL, position INTEGER NOT NULL, external_id TEXT,
            content TEXT NOT NULL REFERENCES body (digest), fields_digest TEXT NOT NULL,
            status TEXT, inserted_at TEXT NOT NULL, updated_at TEXT NOT NULL,
            PRIMARY KEY (snapshot_id, remote_id)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX snapshot_record_position ON snapshot_record (snapshot_id, position);
        CREATE TABLE snapshot_response (
            snapshot_id INTEGER NOT NULL REFERENCES snapshot (id) ON DELETE CASCADE,
            record_id TEXT NOT NULL, remote_id TEXT NOT NULL, user_id TEXT, status TEXT NOT NULL,
            body TEXT NOT NULL REFERENCES body (digest), digest TEXT NOT NULL,
            inserted_at TEXT NOT NULL, updated_at TEXT NOT NULL,
            PRIMARY KEY (snapshot_id, record_id, remote_id)
        ) STRICT, WITHOUT ROWID;

        CREATE TABLE plan (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            kind TEXT NOT NULL, header TEXT NOT NULL, counts TEXT, digest TEXT,
            created_at TEXT NOT NULL
        ) STRICT;
        CREATE TABLE plan_item (
            plan_id INTEGER NOT NULL REFERENCES plan (id) ON DELETE CASCADE,
            seq INTEGER NOT NULL, category TEXT NOT NULL, kind TEXT NOT NULL, item_id TEXT NOT NULL,
            dataset_id TEXT, payload TEXT NOT NULL,
            PRIMARY KEY (plan_id, seq)
        ) STRICT, WITHOUT ROWID;

        CREATE TABLE plan_link (
            plan_id INTEGER NOT NULL REFERENCES plan (id) ON DELETE CASCADE,
            source INTEGER NOT NULL, record_key TEXT NOT NULL, source_id TEXT NOT NULL, target_id TEXT NOT NULL,
            PRIMARY KEY (plan_id, source, record_key)
        ) STRICT, WITHOUT ROWID;

        CREATE TABLE run (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            plan_id INTEGER NOT NULL REFERENCES plan (id),
            job TEXT, host TEXT NOT NULL, pid INTEGER NOT NULL, started_at TEXT NOT NULL,
            finished_at TEXT, outcome TEXT, exit_code INTEGER, summary TEXT
        ) STRICT;
        CREATE TABLE run_dataset (
            run_id INTEGER NOT NULL REFERENCES run (id), dataset_id TEXT NOT NULL,
            PRIMARY KEY (run_id, dataset_id)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE journal (
            run_id INTEGER NOT NULL REFERENCES run (id),
            seq INTEGER NOT NULL, item_id TEXT NOT NULL, event TEXT NOT NULL, at TEXT NOT NULL,
            detail TEXT NOT NULL, previous TEXT NOT NULL, hash TEXT NOT NULL,
            PRIMARY KEY (run_id, seq)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX journal_item ON journal (run_id, item_id, seq);
        CREATE TRIGGER journal_no_update BEFORE UPDATE ON journal
            BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
        CREATE TRIGGER journal_no_delete BEFORE DELETE ON journal
            BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;

        CREATE TABLE link (
            pair TEXT NOT NULL, record_key TEXT NOT NULL,
            source_id TEXT NOT NULL, target_id TEXT NOT NULL,
            PRIMARY KEY (pair, record_key)
        ) STRICT, WITHOUT ROWID;
        CREATE UNIQUE INDEX link_source ON link (pair, source_id);
        CREATE UNIQUE INDEX link_target ON link (pair, target_id);
        CREATE TABLE base (
            pair TEXT NOT NULL, record_key TEXT NOT NULL, person TEXT NOT NULL, digest TEXT NOT NULL,
            PRIMARY KEY (pair, record_key, person)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE pair_run (
            pair TEXT PRIMARY KEY, source_dataset TEXT NOT NULL, target_dataset TEXT NOT NULL,
            source_snapshot INTEGER, swept_at TEXT, two_way INTEGER NOT NULL,
            source_activity TEXT, target_activity TEXT
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE origin (
            dataset_id TEXT NOT NULL, record_id TEXT NOT NULL, person TEXT NOT NULL,
            server_time TEXT NOT NULL, written_at TEXT NOT NULL,
            PRIMARY KEY (dataset_id, record_id, person)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE conflict (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            conflict_id TEXT NOT NULL UNIQUE, plan_id INTEGER NOT NULL, target_dataset TEXT NOT NULL,
            record_key TEXT NOT NULL, person TEXT NOT NULL, detail TEXT NOT NULL,
            seen_at TEXT NOT NULL, decision TEXT, decided_at TEXT
        ) STRICT;
        """
    )
