"""init, doctor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from syncer import report
from syncer.cli.session import Session, pass_session
from syncer.config import FILE_NAME, TEMPLATE
from syncer.errors import SyncerError, UsageError


@click.command()
@pass_session
def init(session: Session) -> None:
    """Write a commented syncer.toml into the current folder."""
    try:
        with Path(FILE_NAME).open("x", encoding="utf-8") as file:
            file.write(TEMPLATE)
    except FileExistsError:
        raise UsageError(f"{FILE_NAME} is there already", advice="Edit it, or move it away first") from None
    session.out({"written": FILE_NAME}, f"Written: {FILE_NAME}\n")


@click.command()
@pass_session
def doctor(session: Session) -> int:
    """Check every configured server: reachable, version, role of the key, what it can do."""
    rows: list[dict[str, Any]] = [_examine(session, name) for name in sorted(session.config.servers)]
    columns = ("server", "version", "user", "role", "datasets", "in place", "problem")
    table = report.table_text(
        columns, [[row[c] for c in columns] for row in rows], session.width, "No server is configured: `syncer init`."
    )
    session.out(rows, table)
    return 1 if any(row["problem"] for row in rows) else 0


def _examine(session: Session, name: str) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(("version", "user", "role", "datasets", "in place", "problem"), "")
    row["server"] = name
    try:
        client = session.servers.client(name)
        me = client.me()
        row |= {
            "version": client.capabilities.version,
            "user": me.username,
            "role": me.role,
            "datasets": len(client.datasets()),
            "in place": "yes" if client.capabilities.bulk_upsert else "no: records are re-created",
        }
        if me.role == "annotator":
            row["problem"] = "an annotator's key cannot read records: use an owner's or an admin's"
    except SyncerError as error:
        row["problem"] = str(error)
    return row
