"""snapshot, snapshots, prune."""

from __future__ import annotations

import click

from syncer import report
from syncer.cli.session import Session, now, pass_session
from syncer.errors import StateError, UsageError
from syncer.snapshot import take_snapshot

COLUMNS = ("id", "reference", "taken_at", "complete", "records", "responses", "version")


@click.command()
@click.argument("references", nargs=-1, required=True, metavar="DATASET...")
@pass_session
def snapshot(session: Session, /, references: tuple[str, ...]) -> None:
    """Read datasets whole into the state. Writes nothing to any server."""
    shots = [
        take_snapshot(located.client, session.store, located.dataset, located.reference, now(), session.hear)
        for located in session.sources(references)
        if located.dataset is not None
    ]
    data = report.snapshots_data(shots)
    rows = [[row[column] for column in COLUMNS] for row in data]
    session.out(data, report.table_text(COLUMNS, rows, session.width, ""))


@click.group(invoke_without_command=True)
@click.pass_context
def snapshots(ctx: click.Context) -> None:
    """List the snapshots in the state, or verify them."""
    if ctx.invoked_subcommand is None:
        session: Session = ctx.obj
        data = report.snapshots_data(session.store.snapshots.all())
        rows = [[row[column] for column in COLUMNS] for row in data]
        session.out(data, report.table_text(COLUMNS, rows, session.width, "There are no snapshots."))


@snapshots.command("verify")
@click.argument("snapshot_id", type=int, required=False)
@pass_session
def verify(session: Session, /, snapshot_id: int | None) -> None:
    """Check that every content still has the digest it was stored under."""
    chosen = [shot for shot in session.store.snapshots.all() if snapshot_id in (None, shot.id)]
    if not chosen:
        raise UsageError(f"there is no snapshot {snapshot_id}", advice="`syncer snapshots` lists them")
    broken = {shot.id: session.store.snapshots.changed_bodies(shot.id) for shot in chosen}
    damaged = [str(number) for number, bodies in broken.items() if bodies]
    if damaged:
        raise StateError(f"snapshots {', '.join(damaged)} are damaged", advice="Take them again")
    session.out({"verified": list(broken)}, f"{len(broken)} snapshots are whole.\n")


@click.command()
@click.option("--keep", type=click.IntRange(1), default=3, show_default=True, help="Snapshots to keep of each dataset.")
@pass_session
def prune(session: Session, /, keep: int) -> None:
    """Delete old snapshots that no plan and no pair needs."""
    removed = session.store.snapshots.prune(keep)
    session.out({"removed": removed}, f"{len(removed)} snapshots were deleted.\n")
