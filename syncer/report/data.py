"""What reports say, as plain JSON values. Every rendering starts from these."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Sequence
from typing import Any

from state import ConflictRow, ItemRow, PlanRow, RunRow, SnapshotRow, Store
from syncer import guard, ops
from syncer.plan_model import Header, Summary

Data = dict[str, Any]


def plan_data(store: Store, plan_id: int, refusals: Sequence[guard.Refusal], *, most: int | None = None) -> Data:
    """A plan: sides, figures, and its items with their values; at most `most` of each kind of item."""
    row = store.plans.get(plan_id)
    header = Header.model_validate_json(row.header)
    summary = Summary.model_validate_json(row.counts or "{}")
    items = {
        category: [_item(store, item) for item in itertools.islice(store.plans.items(plan_id, category=category), most)]
        for category in ("operation", "conflict", "skip")
    }
    return {
        "plan": {"id": plan_id, "kind": row.kind, "digest": row.digest, "created_at": row.created_at},
        "sources": [_side(store, side) for side in header.sources],
        "target": _side(store, header.target),
        "options": header.options.model_dump(mode="json"),
        "summary": summary.model_dump(mode="json"),
        "refusals": [{"why": r.why, "override": r.override} for r in refusals],
        "operations": items["operation"],
        "conflicts": items["conflict"],
        "skips": items["skip"],
        "totals": {
            category: sum(n for (found, _), n in store.plans.count(plan_id).items() if found == category)
            for category in ("operation", "conflict", "skip")
        },
    }


def _side(store: Store, side: Any) -> Data:
    shot = store.snapshots.get(side.snapshot)
    return {
        "reference": side.reference,
        "dataset_id": side.dataset_id,
        "url": side.url,
        "version": shot.version,
        "records": shot.records,
        "responses": shot.responses,
        "snapshot": shot.id,
    }


def _item(store: Store, row: ItemRow) -> Data:
    item = ops.parse_item(row.payload)
    data: Data = {"id": row.item_id, **item.model_dump(mode="json")}
    match item:
        case ops.Conflict():
            data["conflict_id"] = item.conflict_id
            for contender in data["contenders"]:
                contender["value"] = _body(store, contender["body"])
        case ops.WriteResponse():
            data["answer"]["value"] = _body(store, item.answer.body)
        case ops.CreateRecord() | ops.RecreateRecord():
            for answer in data["answers"]:
                answer["value"] = _body(store, answer["body"])
        case _:
            pass
    return data


def _body(store: Store, digest: str | None) -> Any:
    return json.loads(store.bodies.get(digest)) if digest else None


def run_data(store: Store, run: RunRow, *, most: int | None = None) -> Data:
    """A run: what became of its operations, findings, and the journal's story of each item that needs a look."""
    plan = store.plans.get(run.plan_id)
    header = Header.model_validate_json(plan.header)
    summary = json.loads(run.summary) if run.summary else {"counts": store.journal.counts(run.id), "findings": []}
    labels = {item.item_id: item for item in store.plans.items(run.plan_id, category="operation")}
    notable = (
        {
            **_event(event),
            "label": json.loads(labels[event.item_id].payload)["label"] if event.item_id in labels else "",
        }
        for event in store.journal.events(run.id)
        if event.event not in ("started", "done")
    )
    left = store.plans.count(run.plan_id)
    return {
        "run": {**_run(run), "kind": plan.kind},
        "target": header.target.reference,
        "sources": [side.reference for side in header.sources],
        "counts": summary["counts"],
        "findings": summary["findings"],
        "events": list(itertools.islice(notable, most)),
        "left": {
            "conflicts": sum(n for (category, _), n in left.items() if category == "conflict"),
            "skips": sum(n for (category, _), n in left.items() if category == "skip"),
        },
    }


def journal_data(store: Store, run_id: int) -> list[Data]:
    """Every event of a run, in order."""
    return [_event(event) for event in store.journal.events(run_id)]


def _event(event: Any) -> Data:
    return {
        "seq": event.seq,
        "item": event.item_id,
        "event": event.event,
        "at": event.at,
        "detail": json.loads(event.detail),
    }


def _run(run: RunRow) -> Data:
    return {
        "id": run.id,
        "plan": run.plan_id,
        "job": run.job,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
        "outcome": run.outcome or "interrupted",
        "exit_code": run.exit_code,
    }


def runs_data(runs: Iterable[RunRow]) -> list[Data]:
    """The list of runs."""
    return [_run(run) for run in runs]


def plans_data(plans: Iterable[PlanRow]) -> list[Data]:
    """The list of plans."""
    return [
        {
            "id": plan.id,
            "kind": plan.kind,
            "created_at": plan.created_at,
            "target": json.loads(plan.header)["target"]["reference"],
        }
        for plan in plans
    ]


def snapshots_data(shots: Iterable[SnapshotRow]) -> list[Data]:
    """The list of snapshots."""
    return [
        {
            "id": shot.id,
            "reference": shot.reference,
            "taken_at": shot.taken_at,
            "complete": shot.complete,
            "records": shot.records,
            "responses": shot.responses,
            "version": shot.version,
            "digest": shot.digest,
        }
        for shot in shots
    ]


def conflicts_data(store: Store, rows: Iterable[ConflictRow]) -> list[Data]:
    """Conflicts of the ledger with the values of all sides."""
    found = []
    for row in rows:
        detail = json.loads(row.detail)
        for contender in detail["contenders"]:
            contender["value"] = _body(store, contender["body"])
        found.append(
            {
                "id": row.id,
                "conflict_id": row.conflict_id,
                "plan": row.plan_id,
                "label": detail["label"],
                "username": detail["username"],
                "reason": detail["reason"],
                "contenders": detail["contenders"],
                "seen_at": row.seen_at,
                "decision": row.decision,
                "decided_at": row.decided_at,
            }
        )
    return found
