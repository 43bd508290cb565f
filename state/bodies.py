"""Content-addressed JSON texts: each stored once, under the hash of its own text."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from sqlite_utils import Database

from state.errors import DamagedState


def text_digest(text: str) -> str:
    """The tagged hash under which a text is stored."""
    return "sha256:" + hashlib.sha256(text.encode("ascii")).hexdigest()


class Bodies:
    """Write-once texts. Bodies hold people's data; digests alone appear everywhere else."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def put(self, text: str) -> str:
        """Store an ASCII JSON text unless it is there, and return its digest."""
        digest = text_digest(text)
        self._db.conn.execute("INSERT OR IGNORE INTO body VALUES (?, ?)", (digest, text))
        return digest

    def put_many(self, texts: Iterable[str]) -> None:
        """Store several texts."""
        self._db.conn.executemany(
            "INSERT OR IGNORE INTO body VALUES (?, ?)", ((text_digest(text), text) for text in texts)
        )

    def get(self, digest: str) -> str:
        """The text stored under a digest. Raises DamagedState if it is missing or has changed."""
        row = self._db.conn.execute("SELECT json FROM body WHERE digest = ?", (digest,)).fetchone()
        if row is None:
            raise DamagedState(f"the state lacks the content {digest}")
        if text_digest(row[0]) != digest:
            raise DamagedState(f"the state's content {digest} has changed on the disk")
        return str(row[0])
