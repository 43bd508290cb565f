"""One run of one job, from lease to report; resume of an interrupted one."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime

from state import PlanRow, RunRow, Store
from syncer import freshness, guard
from syncer.apply import Engine, Ledger, Setup
from syncer.apply.context import Context, Limits
from syncer.apply.writers import Servers, Writer
from syncer.confirm import Confirmation, Done
from syncer.errors import AccessError, Refused, ServerError, Stopped, UsageError
from syncer.events import Listener, nobody
from syncer.lease import lease
from syncer.model import canonical_json
from syncer.ops import SETUP_KINDS
from syncer.options import JobOptions
from syncer.options import Limits as GuardLimits
from syncer.plan_model import Header, Located, SideHeader, Summary
from syncer.planning import Planner
from syncer.undo import Inverse, Left
from syncer.verify import Finding

WRITE_KINDS = (
    "write_response",
    "recreate_record",
    "create_record",
    "update_record",
    "delete_response",
    "delete_record",
)


@dataclass(frozen=True)
class RunResult:
    """How a run ended."""

    run_id: int
    plan_id: int
    outcome: str
    exit_code: int
    counts: dict[str, int] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()


class Runner:
    """Plans, applies and resumes with one state."""

    def __init__(
        self, store: Store, servers: Servers, clock: Callable[[], datetime], listener: Listener = nobody
    ) -> None:
        self._store = store
        self._servers = servers
        self._clock = clock
        self._listener = listener

    def plan(self, sources: Sequence[Located], target: Located, options: JobOptions, job: str | None = None) -> int:
        """Snapshot, match and plan; returns the plan's id. Nothing is sent but reads."""
        return Planner(self._store, options, self._clock, self._listener, job).plan(sources, target)

    def plan_restore(self, snapshot_id: int, target: Located, options: JobOptions) -> int:
        """Plan to bring a snapshot of the state back, into the target; returns the plan's id."""
        try:
            shot = self._store.snapshots.get(snapshot_id)
        except KeyError:
            raise UsageError(f"there is no snapshot {snapshot_id}", advice="`syncer snapshots` lists them") from None
        if not shot.complete or self._store.snapshots.changed_bodies(snapshot_id):
            raise Refused(f"snapshot {snapshot_id} is not whole", advice="`syncer snapshots verify` says more")
        return Planner(self._store, options, self._clock, self._listener).restore(shot, target)

    def refusals(self, plan_id: int, limits: GuardLimits | None = None) -> list[guard.Refusal]:
        """Why a plan may not be applied: people without a counterpart, and the guard's reasons."""
        header, summary = self.load(plan_id)
        blocked = [guard.Refusal(text, "") for text in summary.blocked]
        return blocked + guard.check(summary.figures, limits or header.options.limits)

    def load(self, plan_id: int) -> tuple[Header, Summary]:
        """A plan's header and figures. Raises UsageError if there is no such plan, Refused if it is damaged."""
        row = self._row(plan_id)
        if row.counts is None:
            raise UsageError(f"plan {plan_id} was not finished", advice="Make a new one with `syncer plan`")
        return Header.model_validate_json(row.header), Summary.model_validate_json(row.counts)

    def _row(self, plan_id: int) -> PlanRow:
        try:
            return self._store.plans.get(plan_id)
        except KeyError:
            raise UsageError(
                f"there is no plan {plan_id}", advice="`syncer plan` makes one and prints its number"
            ) from None

    def apply(self, plan_id: int, *, limits: GuardLimits | None = None, full: bool = False) -> RunResult:
        """Apply a plan, or go on with the run that it has; a finished plan is not applied again.

        Raises Refused (guard, blocked, stale), LeaseHeld, Stopped, AccessError.
        """
        header, _ = self.load(plan_id)
        run = self._store.journal.run_of_plan(plan_id)
        if run is not None and run.outcome is not None:
            return RunResult(run.id, plan_id, "applied before", run.exit_code or 0)
        if not self._store.plans.is_intact(plan_id):
            raise Refused(f"plan {plan_id} has changed since it was saved", advice="Make a new one with `syncer plan`")
        found = self.refusals(plan_id, limits)
        if found and run is None:
            raise Refused(
                f"plan {plan_id} is refused",
                where=header.target.reference,
                why="; ".join(refusal.why for refusal in found),
                advice=_overrides(found),
            )
        destinations = self._destinations(plan_id, header)
        freshness.check_addresses(plan_id, destinations, self._servers)
        with lease([d.dataset_id for d in destinations], _holder()):
            # Under the lease: a run that another process has finished meanwhile must be seen.
            run = self._store.journal.run_of_plan(plan_id)
            if run is not None and run.outcome is not None:
                return RunResult(run.id, plan_id, "applied before", run.exit_code or 0)
            if run is None:
                self._check_fresh(plan_id, header, destinations, limits or header.options.limits)
                run = self._start(plan_id, header, destinations)
            return self._run(run, header, destinations, full=full)

    def resume(self, run_id: int, *, full: bool = False) -> RunResult:
        """Go on with an interrupted run."""
        return self.apply(self._run_row(run_id).plan_id, full=full)

    def undo(self, run_id: int) -> tuple[int, list[Left]]:
        """Plan the inverse of a finished run; returns the plan's id and what is left alone."""
        inverse = self._inverse(run_id, finished=True)
        return inverse.plan(), inverse.left

    def recover(self, run_id: int) -> tuple[int, list[Left]]:
        """Plan the re-creation of records that a run deleted, from the journal alone."""
        inverse = self._inverse(run_id, finished=False)
        return inverse.recovery(), inverse.left

    def _inverse(self, run_id: int, *, finished: bool) -> Inverse:
        run = self._run_row(run_id)
        if finished and run.outcome is None:
            raise Refused(f"run {run_id} was interrupted", advice=f"Finish it first: `syncer resume {run_id}`")
        broken = self._store.journal.first_broken(run_id)
        if broken is not None:
            raise Refused(f"the journal of run {run_id} is damaged", why=f"event {broken} does not fit its chain")
        return Inverse(self._store, self._servers, self._clock, run)

    def _run_row(self, run_id: int) -> RunRow:
        try:
            return self._store.journal.get(run_id)
        except KeyError:
            raise UsageError(f"there is no run {run_id}", advice="`syncer runs` lists them") from None

    def pending_runs(self, sides: Sequence[Located | SideHeader]) -> list[int]:
        """Interrupted runs on some datasets, oldest first: they are finished before anything new begins.

        A run that was interrupted while it created a dataset may know it by its reference only.
        """
        wanted = {name for side in sides for name in (side.dataset_id, f"new:{side.reference}")}
        return [
            run.id for run in self._store.journal.unfinished() if wanted & set(self._store.journal.datasets(run.id))
        ]

    def _destinations(self, plan_id: int, header: Header) -> list[SideHeader]:
        """The datasets that the plan may write to, the target first."""
        named = {row.dataset_id for row in self._store.plans.items(plan_id, category="operation")}
        named.discard(header.target.dataset_id)
        return [header.target, *(source for source in header.sources if source.dataset_id in named)]

    def _check_fresh(
        self, plan_id: int, header: Header, destinations: Sequence[SideHeader], limits: GuardLimits
    ) -> None:
        if self._store.plans.get(plan_id).kind != "recover":
            for side in destinations:
                freshness.check_pending(side, self.pending_runs([side]))
        freshness.check(self._store, plan_id, header, destinations, self._servers)
        if limits.strict:
            freshness.check_records(self._store, plan_id, destinations, self._servers, self._clock(), self._listener)

    def _start(self, plan_id: int, header: Header, destinations: Sequence[SideHeader]) -> RunRow:
        run_id = self._store.journal.start(
            plan_id,
            job=header.job,
            host=socket.gethostname(),
            pid=os.getpid(),
            datasets=[d.dataset_id for d in destinations],
            at=self._clock().isoformat(),
        )
        return self._store.journal.get(run_id)

    def _run(self, run: RunRow, header: Header, destinations: Sequence[SideHeader], *, full: bool) -> RunResult:
        ledger = Ledger(self._store, run.id, self._clock)
        with ExitStack() as stack, _resumable("the run stopped half-way"):
            writers = {d.server: stack.enter_context(self._servers.writer(d.server)) for d in destinations}
            setup = Setup(writers[header.target.server], self._store, ledger, self._store.path.parent / "passwords.tsv")
            setup.run(self._store.plans.items(run.plan_id, category="operation", kinds=SETUP_KINDS))
            stack.enter_context(lease(setup.datasets.values(), _holder()))
            contexts = {
                side.dataset_id: self._context(side, writers[side.server], ledger, header, setup)
                for side in destinations
            }
            for dataset_id, context in contexts.items():
                Engine(context).run(self._store.plans.unfinished(run.plan_id, run.id, WRITE_KINDS, dataset_id))
            findings = self._confirm(run, header, destinations, contexts, setup, full=full)
        return self._finish(run, findings)

    def _context(self, side: SideHeader, writer: Writer, ledger: Ledger, header: Header, setup: Setup) -> Context:
        dataset_id = setup.datasets.get(side.dataset_id, side.dataset_id)
        return Context(
            writer=writer,
            store=self._store,
            ledger=ledger,
            dataset_id=dataset_id,
            reference=side.reference,
            settings=writer.settings(dataset_id),
            limits=Limits(batch=header.options.batch, quiet=header.options.quiet),
            persons=setup.persons,
            listener=self._listener,
        )

    def _confirm(
        self,
        run: RunRow,
        header: Header,
        destinations: Sequence[SideHeader],
        contexts: dict[str, Context],
        setup: Setup,
        *,
        full: bool,
    ) -> list[Finding]:
        """Verify every destination by reading it again, then remember what both sides agree on."""
        done = Done(self._store, run.plan_id, run.id)
        confirmation = Confirmation(self._store, header, done, setup.persons, setup.datasets, self._listener)
        findings: list[Finding] = []
        for side in destinations:
            with _resumable("everything was applied, but it could not be verified"):
                findings += confirmation.verify(side, contexts[side.dataset_id].rereader, full=full)
        is_sync = self._store.plans.get(run.plan_id).kind == "sync"
        confirmation.remember(self._clock().isoformat() if is_sync else None)
        return findings

    def _finish(self, run: RunRow, findings: Sequence[Finding]) -> RunResult:
        counts = self._store.journal.counts(run.id)
        left = self._store.plans.count(run.plan_id)
        remaining = sum(number for (category, _), number in left.items() if category in ("conflict", "skip"))
        failures = [finding for finding in findings if finding.is_failure]
        if failures or counts.get("overwritten") or counts.get("possibly-overwritten") or counts.get("failed"):
            exit_code = 9
        elif remaining or counts.get("drifted") or counts.get("quarantined") or counts.get("skipped"):
            exit_code = 4
        else:
            exit_code = 0
        outcome = {0: "complete", 4: "complete, with items left", 9: "complete, with findings"}[exit_code]
        result = RunResult(run.id, run.plan_id, outcome, exit_code, counts, tuple(findings))
        self._store.journal.finish(
            run.id, outcome=outcome, exit_code=exit_code, summary=_summary(result), at=self._clock().isoformat()
        )
        return result


@contextmanager
def _resumable(what: str) -> Iterator[None]:
    """Say of a server's failure that the run can go on, and how."""
    try:
        yield
    except AccessError as error:
        error.advice = f"{error.advice}. Then `syncer resume`: what was done is recorded"
        raise
    except ServerError as error:
        raise Stopped(
            what,
            where=error.where,
            why=f"{error.what}{f': {error.why}' if error.why else ''}",
            advice=f"{error.advice}. Then `syncer resume` goes on where it stopped",
        ) from error


def _holder() -> str:
    return f"process {os.getpid()} on {socket.gethostname()}"


def _summary(result: RunResult) -> str:
    return canonical_json({"counts": result.counts, "findings": [asdict(f) for f in result.findings]})


def _overrides(found: Sequence[guard.Refusal]) -> str:
    names = [refusal.override for refusal in found if refusal.override]
    return f"If that is meant: {', '.join(names)}" if names else ""
