"""One run of one configured job: quick check, unfinished work first, plan, apply."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from state import Store
from syncer.config import JobConfig
from syncer.jobs import Runner, RunResult
from syncer.plan_model import Header, Located

FINDINGS = 9
"""The exit code of a run in which something is not as promised."""


def run_job(
    runner: Runner,
    store: Store,
    name: str,
    job: JobConfig,
    sources: Sequence[Located],
    target: Located,
    now: datetime,
    *,
    full: bool,
) -> RunResult | None:
    """Run a job; None if the quick check found both sides as they were.

    The quick check has blind spots (writes that move no activity), so a full sweep is made at least every
    `full_every`.
    """
    for run_id in runner.pending_runs([*sources, target]):
        runner.resume(run_id)
        full = True
    if not full and is_quiet(store, name, job, sources, target, now):
        return None
    plan_id = runner.plan(sources, target, job.options(), name)
    return runner.apply(plan_id)


def is_quiet(
    store: Store, name: str, job: JobConfig, sources: Sequence[Located], target: Located, now: datetime
) -> bool:
    """Whether nothing calls for a run: no person has written on either side since every pair was swept, and that was
    by this very job, with the options that it has now, without findings, and no conflict has been decided since.

    Costs two requests a dataset: its activity, and the number of its records.
    """
    last = store.journal.last_of_job(name)
    if last is None or last.exit_code == FINDINGS or store.memory.is_decided_since(last.started_at):
        return False
    if job.two_way and len(sources) > 1 and store.journal.counts(last.id).get("done"):
        return False  # what one source gave to the target has to go on to the others
    header = Header.model_validate_json(store.plans.get(last.plan_id).header)
    if header.options != job.options():
        return False
    states = {located.dataset_id: _state(located) for located in [*sources, target] if located.dataset is not None}
    for source in sources:
        row = store.memory.pair(f"{source.dataset_id}>{target.dataset_id}")
        if row is None or row["swept_at"] is None or row["source_snapshot"] not in header.snapshots:
            return False
        if now - datetime.fromisoformat(row["swept_at"]) >= job.full_every:
            return False
        if states[source.dataset_id] != row["source_activity"]:
            return False
        if states[target.dataset_id] != row["target_activity"]:
            return False
    return True


def _state(located: Located) -> str:
    assert located.dataset is not None
    page = located.client.records_page(located.dataset_id, 0, 1, include=False, questions={})
    return change_token(located.client.last_activity(located.dataset_id), page.total)


def change_token(activity: str | None, records: int) -> str:
    """What the quick check compares: when a person last wrote, and how many records there are."""
    return f"{activity} {records}"
