"""Make and save the plan of one job: snapshots in, plan out. Sends nothing but reads."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime

from state import SnapshotRow, Store, UserRow
from syncer import ops, sync_content
from syncer.drafting import Draft, names_of
from syncer.errors import UsageError
from syncer.events import Listener, nobody
from syncer.model import Settings, canonical_json
from syncer.options import JobOptions
from syncer.plan_model import Header, Located, side_header
from syncer.snapshot import take_snapshot


class Planner:
    """Plans one job."""

    def __init__(
        self,
        store: Store,
        options: JobOptions,
        clock: Callable[[], datetime],
        listener: Listener = nobody,
        job: str | None = None,
    ) -> None:
        self._store = store
        self._options = options
        self._clock = clock
        self._listener = listener
        self._job = job

    def plan(self, sources: Sequence[Located], target: Located) -> int:
        """Take the snapshots, match, decide, save; return the plan's id."""
        _check_distinct(sources, target)
        sides = [*sources, target]
        settled = [self._store.journal.settled(located.dataset_id) for located in sides]
        shots = [self._snapshot(located) for located in sources]
        shot = self._snapshot(target) if target.dataset else self._virtual(target, shots)
        blocked = list(self._disturbed(zip(sides, settled, strict=True)))
        return self.plan_snapshots(list(zip(sources, shots, strict=True)), (target, shot), blocked)

    def _disturbed(self, sides: Iterable[tuple[Located, int]]) -> Iterator[str]:
        """Runs that wrote, or have stopped half-way, where a snapshot was taken: it shows a state of neither before
        nor after them, in which records may be missing that are about to be re-created."""
        for located, settled in sides:
            for run in self._store.journal.runs_since(settled, located.dataset_id):
                yield (
                    f"run {run.id} was at work on {located.reference} while it was read: "
                    f"wait for its end, or `syncer resume {run.id}`; then plan again"
                )

    def restore(self, shot: SnapshotRow, target: Located) -> int:
        """Plan from a stored snapshot instead of a dataset; whatever it came from need not exist any more."""
        source = Located(target.client, shot.reference, None)
        there = self._snapshot(target) if target.dataset else self._virtual(target, [shot])
        return self.plan_snapshots([(source, shot)], (target, there))

    def _snapshot(self, located: Located) -> SnapshotRow:
        assert located.dataset is not None
        return take_snapshot(
            located.client, self._store, located.dataset, located.reference, self._clock(), self._listener
        )

    def _virtual(self, target: Located, shots: Sequence[SnapshotRow]) -> SnapshotRow:
        """The empty snapshot of a target that does not exist yet, with the settings it will have."""
        wanted = [self._settings(shot) for shot in shots]
        settings = sync_content.settings_for(
            wanted, [names_of(self._options, one) for one in wanted], union_labels=self._options.union_labels
        )
        sync_content.check_creatable(settings, target.client.capabilities, target.reference)
        snapshot_id = self._store.snapshots.begin(
            canonical_json(settings.as_dict()),
            server=target.client.connection.name,
            url=target.client.connection.url,
            version=target.client.capabilities.version,
            dataset_id=target.dataset_id,
            reference=target.reference,
            settings_digest=settings.digest,
            activity=None,
            taken_at=self._clock().isoformat(),
        )
        users = [UserRow(u.remote_id, u.username, u.role, False) for u in target.client.users()]
        self._store.snapshots.add_users(snapshot_id, users)
        return self._store.snapshots.complete(snapshot_id)

    def _settings(self, shot: SnapshotRow) -> Settings:
        return Settings.from_dict(json.loads(self._store.bodies.get(shot.settings)))

    def plan_snapshots(
        self,
        sources: Sequence[tuple[Located, SnapshotRow]],
        target: tuple[Located, SnapshotRow],
        blocked: Sequence[str] = (),
    ) -> int:
        """Plan from complete snapshots. The same snapshots, memory and options give the same items."""
        work = Draft(self._store, self._options, sources, target)
        people = work.match_people()
        header = Header(
            job=self._job,
            sources=tuple(side_header(shot) for _, shot in sources),
            target=side_header(target[1]),
            snapshots=tuple(shot.id for _, shot in [*sources, target]),
            options=self._options,
            last_run=self._store.journal.last_run(),
            people={str(i): dict(known) for i, known in people.items()},
        )
        work.pair()
        plan_id = self._store.plans.save(
            "sync", canonical_json(header.model_dump(mode="json")), work.rows(), self._clock().isoformat()
        )
        self._store.plans.save_links(plan_id)
        summary = work.summary()
        summary = summary.model_copy(update={"blocked": (*blocked, *summary.blocked)})
        self._store.plans.set_counts(plan_id, summary.model_dump_json())
        self._note_conflicts(plan_id)
        return plan_id

    def _note_conflicts(self, plan_id: int) -> None:
        """Enter the plan's conflicts into the ledger, where they wait for a decision."""
        for row in self._store.plans.items(plan_id, category="conflict"):
            conflict = ops.parse_item(row.payload)
            if isinstance(conflict, ops.Conflict):
                self._store.memory.note_conflict(
                    conflict.conflict_id,
                    plan_id=plan_id,
                    target_dataset=conflict.dataset_id,
                    record_key=conflict.record_key,
                    person=conflict.person,
                    detail=row.payload,
                    at=self._clock().isoformat(),
                )


def _check_distinct(sources: Sequence[Located], target: Located) -> None:
    ids = [located.dataset_id for located in [*sources, target]]
    if len(set(ids)) != len(ids):
        raise UsageError(
            "a dataset is named twice",
            where=target.reference,
            advice="Sources and target must be different datasets",
        )
