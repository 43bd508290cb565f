"""Create records, and change or delete whole ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from syncer.apply.context import MAX_RESPONSES, Context
from syncer.apply.ledger import shown_responses
from syncer.apply.reread import Absent, Rereader
from syncer.argilla.writes import NewRecord
from syncer.errors import Rejected, UnknownOutcome
from syncer.model import Record, digest_of
from syncer.ops import CreateRecord, DeleteRecord, UpdateRecord, item_id

DELETE_BATCH = 50


class RecordWriter:
    """Applies CreateRecord, UpdateRecord and DeleteRecord operations of one destination."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._ledger = context.ledger
        self._reread: Rereader = context.rereader()

    def create(self, ops: Sequence[CreateRecord]) -> Iterator[int]:
        """Create records in the plan's order, so that the copy keeps the order of its source."""
        for batch in _by_size(ops, self._context.limits.batch):
            self._context.check_stop()
            self._context.retrying(partial(self._attempt_create, batch))
            yield len(batch)

    def _attempt_create(self, batch: Sequence[CreateRecord]) -> None:
        ops = [op for op in batch if not self._ledger.is_ended(item_id(op))]
        sent_before = any(self._ledger.first_intent(item_id(op)) is not None for op in ops)
        found = self._reread.find_created([op.external_id for op in ops], everywhere=sent_before)
        missing = [op for op in ops if not self._settle_created(op, found.get(op.external_id))]
        if not missing:
            return
        self._ledger.started((item_id(op), {"external_id": op.external_id}) for op in missing)
        try:
            self._context.writer.create_records(self._context.dataset_id, [self._new(op) for op in missing])
        except Rejected as error:
            self._rejected(missing, error)
            return
        self._read_back(missing)

    def _read_back(self, ops: Sequence[CreateRecord]) -> None:
        found = self._reread.find_created([op.external_id for op in ops], everywhere=True)
        hidden = [op for op in ops if not self._settle_created(op, found.get(op.external_id))]
        if hidden:
            # Up to 2.2 the list comes from an index that may lag. A repeat would be refused by the external id.
            raise _not_listed(hidden)

    def _settle_created(self, op: CreateRecord, record: Record | None) -> bool:
        """End a creation whose record is there; False if it is not."""
        if record is None:
            return False
        key = item_id(op)
        if self._ledger.first_intent(key) is None:
            why = "a record with its external id was added since the plan was made"
            self._ledger.end("drifted", [(key, {"why": why, "remote_id": record.remote_id})])
            return True
        detail = {
            "remote_id": record.remote_id,
            "external_id": op.external_id,
            "responses": shown_responses(record),
        }
        self._ledger.end("done", [(key, detail)])
        return True

    def _rejected(self, ops: list[CreateRecord], error: Rejected) -> None:
        if len(ops) > 1:
            middle = len(ops) // 2
            self._attempt_create(ops[:middle])
            self._attempt_create(ops[middle:])
            return
        # A refused external id means that the record is there: from an earlier attempt, or somebody else's.
        found = self._reread.find_created([ops[0].external_id], everywhere=True)
        if not self._settle_created(ops[0], found.get(ops[0].external_id)):
            if self._reread.hides_records():
                raise _not_listed(ops)
            self._ledger.end("quarantined", [(item_id(ops[0]), {"why": error.why or error.what})])

    def _new(self, op: CreateRecord) -> NewRecord:
        content = self._context.body(op.content)
        return NewRecord(
            external_id=op.external_id,
            fields=content["fields"],
            metadata=content["metadata"],
            suggestions=self._context.suggestions(content),
            vectors=content["vectors"],
            responses=tuple(self._context.response(answer) for answer in op.answers),
        )

    def update(self, ops: Sequence[UpdateRecord]) -> Iterator[int]:
        """Bring parts of existing records in step, one call each."""
        for op in ops:
            self._context.check_stop()
            self._context.retrying(partial(self._attempt_update, op))
            yield 1

    def _attempt_update(self, op: UpdateRecord) -> None:
        key = item_id(op)
        if self._ledger.is_ended(key):
            return
        record = self._reread.read({op.record_id: op.position})[op.record_id]
        if isinstance(record, Absent):
            self._ledger.end("drifted", [(key, {"why": record.value})])
            return
        now = part_digest(record.content, op.part)
        if now == op.leaves:
            self._ledger.end("done", [(key, {"record_id": op.record_id})])
        elif now != op.expects:
            self._ledger.end("drifted", [(key, {"why": f"its {op.part} changed since the plan was made"})])
        else:
            self._ledger.started([(key, {"before": self._ledger.keep_record(record)})])
            try:
                self._context.writer.update_record(op.record_id, self._part_body(op))
            except Rejected as error:
                self._ledger.end("quarantined", [(key, {"why": error.why or error.what})])
                return
            after = self._reread.read({op.record_id: op.position})[op.record_id]
            if isinstance(after, Absent) or part_digest(after.content, op.part) != op.leaves:
                self._ledger.end("failed", [(key, {"why": "the server does not show what was sent"})])
                return
            self._ledger.end("done", [(key, {"record_id": op.record_id})])

    def _part_body(self, op: UpdateRecord) -> dict[str, Any]:
        value = self._context.body(op.body)
        if op.part == "suggestions":
            value = [s.wire for s in self._context.suggestions({"suggestions": value})]
        return {op.part: value}

    def delete(self, ops: Sequence[DeleteRecord]) -> Iterator[int]:
        """Delete records that no source has; their complete content is in the journal first."""
        for start in range(0, len(ops), DELETE_BATCH):
            batch = list(ops[start : start + DELETE_BATCH])
            self._context.check_stop()
            self._context.retrying(partial(self._attempt_delete, batch))
            yield len(batch)

    def _attempt_delete(self, batch: Sequence[DeleteRecord]) -> None:
        ops = [op for op in batch if not self._ledger.is_ended(item_id(op))]
        activity = self._context.activity()
        records = self._reread.read({op.record_id: op.position for op in ops})
        ready: list[tuple[DeleteRecord, Record]] = []
        for op in ops:
            record = records[op.record_id]
            if record is Absent.GONE:
                intent = self._ledger.last_intent(item_id(op))
                if intent is not None and intent["activity"] != activity:
                    # Sent before, and the answer was lost: the window of that send lasted until now.
                    self._ledger.note("possibly-overwritten", [(item_id(op), {"record_id": op.record_id})])
                self._ledger.end("done", [(item_id(op), {"record_id": op.record_id})])
            elif isinstance(record, Absent):
                self._ledger.end("drifted", [(item_id(op), {"why": record.value})])
            elif record_digest(record) != op.expects:
                self._ledger.end("drifted", [(item_id(op), {"why": "it changed since the plan was made"})])
            else:
                ready.append((op, record))
        if not ready:
            return
        self._ledger.started(
            (item_id(op), {"before": self._ledger.keep_record(record), "activity": activity}) for op, record in ready
        )
        if self._context.activity() != activity:
            raise UnknownOutcome("somebody wrote while the records were read; nothing was deleted")
        self._context.writer.delete_records(self._context.dataset_id, [op.record_id for op, _ in ready])
        if self._context.activity() != activity:
            self._ledger.note("possibly-overwritten", [(item_id(op), {"record_id": op.record_id}) for op, _ in ready])
        self._ledger.end("done", [(item_id(op), {"record_id": op.record_id}) for op, _ in ready])


def _not_listed(ops: Sequence[CreateRecord]) -> UnknownOutcome:
    return UnknownOutcome(
        f"{len(ops)} records were sent and are not listed yet",
        where=ops[0].label,
        advice="If it stays so the search index has to be rebuilt on the server; then `syncer resume`",
    )


def part_digest(content: Mapping[str, Any], part: str) -> str:
    """Digest of one part of a record's content; nothing and an empty part are one."""
    return digest_of(content[part] or None)


def record_digest(record: Record) -> str:
    """Digest of a record's content and of everybody's responses."""
    return digest_of([record.content, sorted((r.user_id or "", r.digest) for r in record.responses)])


def _by_size(ops: Sequence[CreateRecord], records: int) -> Iterator[list[CreateRecord]]:
    batch: list[CreateRecord] = []
    answers = 0
    for op in ops:
        if batch and (len(batch) >= records or answers + len(op.answers) > MAX_RESPONSES):
            yield batch
            batch, answers = [], 0
        batch.append(op)
        answers += len(op.answers)
    if batch:
        yield batch
