"""Whether a plan still speaks of the world that it was made for. Reads only."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from state import Store
from syncer.apply.writers import Servers
from syncer.errors import NotFound, Refused
from syncer.events import Listener
from syncer.plan_model import Header, SideHeader
from syncer.snapshot import take_snapshot


def check_addresses(plan_id: int, sides: Sequence[SideHeader], servers: Servers) -> None:
    """Refuse to write to another server than the one that was read, also when an interrupted run goes on."""
    for side in sides:
        url = servers.connection(side.server).url
        if url.rstrip("/") != side.url.rstrip("/"):
            raise Refused(
                f"plan {plan_id} is stale",
                where=side.reference,
                why=f"the server {side.server} was {side.url} and is now {url}",
                advice=f"Nothing was sent. Let {side.server} mean {side.url} again, or plan anew",
            )


def check_pending(side: SideHeader, pending: Sequence[int]) -> None:
    """Refuse while an earlier run on the dataset is unfinished."""
    if pending:
        raise Refused(
            f"run {pending[0]} on this dataset was interrupted",
            where=side.reference,
            advice=f"Finish it first: `syncer resume {pending[0]}`. Then plan again",
        )


def check(store: Store, plan_id: int, header: Header, sides: Sequence[SideHeader], servers: Servers) -> None:
    """Refuse if another run has worked on a dataset since, if it is gone, or if its settings have changed."""
    for side in sides:
        later = store.journal.runs_since(header.last_run, side.dataset_id)
        if later:
            raise _stale(plan_id, side, f"run {later[0].id} has worked on the dataset since")
        if side.dataset_id.startswith("new:"):
            continue
        try:
            settings = servers.client(side.server).settings(side.dataset_id)
        except NotFound:
            raise _stale(plan_id, side, "the dataset is not there any more") from None
        if settings.digest != side.settings_digest:
            raise _stale(plan_id, side, "the dataset's settings have changed")


def check_records(
    store: Store, plan_id: int, sides: Sequence[SideHeader], servers: Servers, now: datetime, listener: Listener
) -> None:
    """Refuse if any record with an operation has changed since: what --strict asks for.

    Otherwise only the operations on such a record are left out, when it is read again right before it is written.
    """
    for side in sides:
        client = servers.client(side.server)
        dataset = next((d for d in client.datasets() if d.remote_id == side.dataset_id), None)
        if dataset is None:  # it is to be created
            continue
        shot = take_snapshot(client, store, dataset, side.reference, now, listener)
        touched = store.plans.touched_records(plan_id, side.dataset_id)
        changed = touched & store.snapshots.changed_records(side.snapshot, shot.id)
        if changed:
            raise _stale(
                plan_id, side, f"{len(changed)} records with operations have changed, and --strict allows none"
            )


def _stale(plan_id: int, side: SideHeader, why: str) -> Refused:
    return Refused(f"plan {plan_id} is stale", where=side.reference, why=why, advice="Nothing was written. Plan again")
