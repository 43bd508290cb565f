"""Delete a record and create it again with everything on it and new responses.

The last resort of servers that have no way to insert another person's response. The complete record is on the
disk before it is deleted, a batch is read back before the next one is touched, and the external id makes the
server refuse a second creation.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from syncer import names
from syncer.apply.context import Context, chunks
from syncer.apply.judge import Send, judge_response
from syncer.apply.ledger import shown_responses
from syncer.apply.reread import Absent, Rereader
from syncer.argilla.writes import NewRecord, ResponseBody
from syncer.errors import Rejected, ServerError, UnknownOutcome
from syncer.model import Record
from syncer.ops import Answer, RecreateRecord, item_id


@dataclass(frozen=True)
class Deleted:
    """A record whose content is in the journal: what it was, and which answers are to be added."""

    op: RecreateRecord
    before: Mapping[str, Any]
    adds: tuple[Answer, ...]
    bare: bool = False
    """Without metadata, suggestions and vectors: a server that has become stricter may not take these back."""


def is_another(before: Mapping[str, Any], record: Record) -> bool:
    """Whether a record under the external id of a deleted one is no copy of it: it has none of its answers."""
    people = {response["user_id"] for response in before["responses"]} - {None}
    return bool(people) and not any(record.response_of(person) for person in people)


class Recreator:
    """Applies RecreateRecord operations of one destination."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._ledger = context.ledger
        self._reread: Rereader = context.rereader()

    def run(self, ops: Sequence[RecreateRecord]) -> Iterator[int]:
        """Small batches; at most one of them is deleted and not yet re-created at any instant."""
        if ops:
            self._finish_interrupted(ops)
            self._wait_until_quiet()
        for batch in chunks(ops, self._context.limits.recreate_batch):
            self._context.check_stop()
            self._context.retrying(partial(self._attempt, batch))
            yield len(batch)

    def _finish_interrupted(self, ops: Sequence[RecreateRecord]) -> None:
        """What an earlier, interrupted attempt has deleted comes back first, before any waiting."""
        begun = [op for op in ops if self._ledger.first_intent(item_id(op)) is not None]
        for batch in chunks(begun, self._context.limits.recreate_batch):
            self._context.retrying(partial(self._attempt, batch, only_begun=True))

    def _wait_until_quiet(self) -> None:
        """Wait until nobody has written for some time. Measured by this clock alone, so no skew matters."""
        last, since = self._context.activity(), time.monotonic()
        while time.monotonic() - since < self._context.limits.quiet:
            self._context.writer.policy.stop_event.wait(min(2.0, self._context.limits.quiet))
            self._context.check_stop()
            now = self._context.activity()
            if now != last:
                last, since = now, time.monotonic()

    def _attempt(self, batch: Sequence[RecreateRecord], *, only_begun: bool = False) -> None:
        ops = [op for op in batch if not self._ledger.is_ended(item_id(op))]
        activity = self._context.activity()
        records = self._reread.read({op.record_id: op.position for op in ops})
        deleted: list[Deleted] = []
        standing: list[tuple[Deleted, Record]] = []
        for op in ops:
            record = records[op.record_id]
            if isinstance(record, Record):
                standing += [] if only_begun else self._prepare(op, record)
            else:
                deleted += self._deleted_before(op, record, activity)
        if standing:
            self._delete(standing, activity)
        # Only what was deleted in an earlier attempt can have been created in one.
        self._create(deleted + [plan for plan, _ in standing], everywhere=bool(deleted))

    def _prepare(self, op: RecreateRecord, record: Record) -> list[tuple[Deleted, Record]]:
        """Decide about a record that is there: which answers it still lacks, and whether it may be deleted."""
        key = item_id(op)
        why = self._unfit(record)
        if why is not None:
            self._ledger.end("skipped", [(key, {"why": why})])
            return []
        adds = tuple(
            answer
            for answer in op.answers
            if isinstance(judge_response(record, self._context.user(answer.person), None, answer.leaves, None), Send)
        )
        if not adds:
            done = all(
                (found := record.response_of(self._context.user(a.person))) is not None and found.digest == a.leaves
                for a in op.answers
            )
            detail = {
                "why": "its answers are there now",
                "remote_id": record.remote_id,
                "responses": shown_responses(record),
            }
            self._ledger.end("done" if done else "drifted", [(key, detail)])
            return []
        plan = Deleted(op, {}, adds)
        return [(plan, record)]

    def _unfit(self, record: Record) -> str | None:
        """Why the server would not take a record back, or None."""
        if any(response.user_id is None for response in record.responses):
            return "it holds a response of a deleted user, which could not be written back"
        settings = self._context.settings
        problem = names.record_problem(record.content, settings)
        for response in record.responses:
            problem = problem or names.response_problem(response.status, response.values, settings)
        return f"the server would not take it back: {problem}" if problem else None

    def _delete(self, standing: list[tuple[Deleted, Record]], activity: str | None) -> None:
        rows = []
        for index, (plan, record) in enumerate(standing):
            before = self._ledger.keep_record(record)
            adds = [answer.model_dump(mode="json") for answer in plan.adds]
            rows.append((item_id(plan.op), {"before": before, "activity": activity, "adds": adds}))
            standing[index] = (Deleted(plan.op, self._context.body(before), plan.adds), record)
        self._ledger.started(rows)
        ids = [record.remote_id for _, record in standing]
        if self._context.activity() != activity:
            raise UnknownOutcome("somebody wrote while the records were read; nothing was deleted")
        self._context.writer.delete_records(self._context.dataset_id, ids)
        if any(self._context.writer.record_exists(remote_id) for remote_id in ids):
            raise UnknownOutcome("the server still shows records that were deleted")
        if self._context.activity() != activity:
            self._ledger.note(
                "possibly-overwritten",
                [
                    (item_id(plan.op), {"record_id": record.remote_id, "before": rows[i][1]["before"]})
                    for i, (plan, record) in enumerate(standing)
                ],
            )

    def _deleted_before(self, op: RecreateRecord, absent: Absent, activity: str | None) -> list[Deleted]:
        """A record that is not there: our own earlier deletion, or somebody else's.

        A record may have been read several times before it was deleted; the last reading is what was removed.
        """
        key = item_id(op)
        intent = self._ledger.last_intent(key)
        if absent is Absent.HIDDEN or intent is None:
            self._ledger.end("drifted", [(key, {"why": absent.value})])
            return []
        if intent["activity"] != activity:
            self._ledger.note("possibly-overwritten", [(key, {"record_id": op.record_id, "before": intent["before"]})])
        adds = tuple(Answer.model_validate(answer) for answer in intent["adds"])
        return [Deleted(op, self._context.body(intent["before"]), adds)]

    def _create(self, plans: Sequence[Deleted], *, everywhere: bool) -> None:
        if not plans:
            return
        found = self._reread.find_created([plan.op.external_id for plan in plans], everywhere=everywhere)
        missing = [plan for plan in plans if not self._settle(plan, found.get(plan.op.external_id))]
        if not missing:
            return
        try:
            self._context.writer.create_records(self._context.dataset_id, [self._new(p, p.adds) for p in missing])
        except Rejected as error:
            self._rejected(missing, error)
            return
        found = self._reread.find_created([plan.op.external_id for plan in missing], everywhere=True)
        hidden = [plan for plan in missing if not self._settle(plan, found.get(plan.op.external_id))]
        if hidden:
            raise UnknownOutcome(
                f"{len(hidden)} re-created records are not listed yet",
                where=hidden[0].op.label,
                advice="If it stays so the search index has to be rebuilt on the server; then `syncer resume`",
            )

    def _rejected(self, plans: Sequence[Deleted], error: Rejected) -> None:
        """Nothing was stored. Halve, and in the end put the record back as it was, without the new answers; if need be
        with nothing but its fields and its responses."""
        if len(plans) > 1:
            middle = len(plans) // 2
            self._create(plans[:middle], everywhere=True)
            self._create(plans[middle:], everywhere=True)
            return
        plan = plans[0]
        found = self._reread.find_created([plan.op.external_id], everywhere=True)
        if self._settle(plan, found.get(plan.op.external_id)):
            return
        if plan.bare:
            raise ServerError(
                "the server refuses to take back a record that was deleted for re-creation",
                where=f"{plan.op.label}, record {plan.op.record_id}",
                why=error.why,
                advice=f"Its content is in the journal; use `syncer recover {self._ledger.run_id}`",
            )
        event = "rejected-answers" if plan.adds else "rejected-content"
        self._ledger.note(event, [(item_id(plan.op), {"why": error.why or error.what})])
        self._create([replace(plan, adds=(), bare=not plan.adds)], everywhere=True)

    def _settle(self, plan: Deleted, record: Record | None) -> bool:
        """End an operation whose record is there again; False if it is not."""
        if record is None or record.remote_id == plan.op.record_id:
            return False
        key = item_id(plan.op)
        if is_another(plan.before, record):
            why = "while the record was deleted somebody added another one under its external id"
            advice = f"syncer recover {self._ledger.run_id}"
            self._ledger.end("failed", [(key, {"why": f"{why}; `{advice}` brings its answers back"})])
            return True
        self._context.store.memory.move_target(plan.op.record_id, record.remote_id)
        detail = {
            "remote_id": record.remote_id,
            "external_id": plan.op.external_id,
            "before": self._ledger.body_digest(plan.before),
            "responses": shown_responses(record),
        }
        if plan.bare:
            why = "the server refused the new answers, and the record's metadata, suggestions or vectors"
            self._ledger.end("quarantined", [(key, {**detail, "why": why})])
        elif not plan.adds or any(not record.response_of(self._context.user(a.person)) for a in plan.adds):
            self._ledger.end("quarantined", [(key, {**detail, "why": "the server refused the new answers"})])
        else:
            self._ledger.end("done", [(key, detail)])
        return True

    def _new(self, plan: Deleted, adds: Sequence[Answer]) -> NewRecord:
        content = plan.before["content"]
        kept = [ResponseBody(r["user_id"], r["status"], r["values"]) for r in plan.before["responses"]]
        return NewRecord(
            external_id=plan.op.external_id,
            fields=content["fields"],
            metadata=None if plan.bare else content["metadata"],
            suggestions=() if plan.bare else self._context.suggestions(content),
            vectors=None if plan.bare else content["vectors"],
            responses=(*kept, *(self._context.response(answer) for answer in adds)),
        )
