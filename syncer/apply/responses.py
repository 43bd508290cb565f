"""Write responses of existing records: in bulk, one by one, or as their authors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from pydantic import SecretStr

from syncer.apply.context import MAX_RESPONSES, Context
from syncer.apply.judge import Done, Drifted, Send, finding_after, judge_response
from syncer.apply.reread import Absent, Rereader
from syncer.argilla.writes import ResponseBody
from syncer.errors import AccessError, Conflicted, NotFound, Rejected, ServerError, UnknownOutcome
from syncer.model import Record, Response
from syncer.ops import DeleteResponse, WriteResponse, item_id

QUIET_READS = 5
"""How often a single write waits for a moment in which nobody wrote."""


@dataclass(frozen=True)
class Ready:
    """An operation that may be sent."""

    op: WriteResponse
    current: Response | None


class ResponseWriter:
    """Applies WriteResponse and DeleteResponse operations of one destination."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._ledger = context.ledger
        self._reread: Rereader = context.rereader()

    def upsert(self, ops: Sequence[WriteResponse]) -> Iterator[int]:
        """Bulk upserts in batches of neighbouring records; yields the number of operations ended."""
        for batch in batches(ops, self._context.limits.batch):
            self._context.check_stop()
            self._context.retrying(partial(self._attempt, batch))
            yield len(batch)

    def _attempt(self, batch: Sequence[WriteResponse]) -> None:
        """Read, compare, note, send, compare. Halves the batch when the server rejects it."""
        ops = [op for op in batch if not self._ledger.is_ended(item_id(op))]
        activity = self._context.activity()
        ready = self._sort_out(ops, activity)
        if not ready:
            return
        self._start(ready, activity)
        try:
            stored = self._context.writer.upsert_responses(self._context.dataset_id, self._grouped(ready))
        except Rejected as error:
            self._rejected([r.op for r in ready], error)
            return
        self._accept(ready, stored, activity)

    def _rejected(self, ops: list[WriteResponse], error: Rejected) -> None:
        if len(ops) == 1:
            self._ledger.end("quarantined", [(item_id(ops[0]), {"why": error.why or error.what})])
            return
        middle = len(ops) // 2
        self._attempt(ops[:middle])
        self._attempt(ops[middle:])

    def _sort_out(self, ops: Sequence[WriteResponse], activity: str | None) -> list[Ready]:
        """End what is done or drifted, and return what may be sent."""
        records = self._reread.read({op.record_id: op.position for op in ops})
        ready: list[Ready] = []
        for op in ops:
            key, user = item_id(op), self._context.user(op.answer.person)
            intent = self._ledger.first_intent(key)
            match judge_response(records[op.record_id], user, op.expects, op.answer.leaves, intent, op.written):
                case Send(current=current):
                    ready.append(Ready(op, current))
                case Drifted(why=why):
                    self._ledger.end("drifted", [(key, {"why": why, **self._seen(records[op.record_id], user)})])
                case Done(current=current):
                    if intent is not None and op.way == "upsert":
                        # Sent before, and the answer was lost: the window of that send lasted until now. A single
                        # write moves the activity itself, so there it tells nothing.
                        self._report(op, current, intent.get("activity"), activity)
                    self._ledger.end("done", [(key, self._result(op, current, sent=intent is not None))])
        return ready

    def _seen(self, record: Record | Absent, user: str) -> dict[str, object]:
        current = record.response_of(user) if isinstance(record, Record) else None
        return {"found": self._ledger.keep_response(current)}

    def _start(self, ready: Sequence[Ready], activity: str | None) -> None:
        self._ledger.started(
            (item_id(r.op), {"activity": activity, "before": self._ledger.keep_response(r.current)}) for r in ready
        )

    def _grouped(self, ready: Sequence[Ready]) -> list[tuple[str, list[ResponseBody]]]:
        by_record: dict[str, list[ResponseBody]] = {}
        for r in ready:
            by_record.setdefault(r.op.record_id, []).append(self._context.response(r.op.answer))
        return list(by_record.items())

    def _accept(self, ready: Sequence[Ready], stored: Sequence[Record], activity: str | None) -> None:
        records = {record.remote_id: record for record in stored}
        after = self._context.activity()
        for r in ready:
            user = self._context.user(r.op.answer.person)
            now = records[r.op.record_id].response_of(user)
            if now is None or now.digest != r.op.answer.leaves:
                # Not in the answer as sent: only the list can tell what the server holds.
                raise UnknownOutcome("the server's answer does not show what was sent", where=r.op.label)
            self._report(r.op, now, activity, after)
        self._ledger.end("done", [(item_id(r.op), self._result(r.op, self._now(r, records), sent=True)) for r in ready])

    def _now(self, ready: Ready, records: Mapping[str, Record]) -> Response | None:
        return records[ready.op.record_id].response_of(self._context.user(ready.op.answer.person))

    def _report(self, op: WriteResponse, stored: Response | None, before: str | None, after: str | None) -> None:
        finding = finding_after(op.expects, stored, before, after)
        if finding is not None:
            detail = {"record_id": op.record_id, "person": op.answer.person, "username": op.answer.username}
            times = {"inserted_at": stored.inserted_at, "updated_at": stored.updated_at} if stored else {}
            self._ledger.note(finding, [(item_id(op), {**detail, **times})])

    def _result(self, op: WriteResponse, stored: Response | None, *, sent: bool) -> dict[str, object]:
        return {
            "sent": sent,
            "record_id": op.record_id,
            "user_id": self._context.user(op.answer.person),
            "response_id": stored.remote_id if stored else None,
            "updated_at": stored.updated_at if stored else None,
        }

    def update(self, ops: Sequence[WriteResponse]) -> Iterator[int]:
        """One call for each existing response: for servers without the bulk upsert."""
        for op in ops:
            self._context.check_stop()
            self._context.retrying(partial(self._attempt_single, op))
            yield 1

    def as_author(self, ops: Sequence[WriteResponse]) -> Iterator[int]:
        """Insert responses with their authors' keys, which live in memory only."""
        keys = self._context.writer.author_keys() if ops else {}
        for op in ops:
            self._context.check_stop()
            self._context.retrying(partial(self._attempt_single, op, keys))
            yield 1

    def _attempt_single(self, op: WriteResponse, keys: Mapping[str, SecretStr] | None = None) -> None:
        if self._ledger.is_ended(item_id(op)):
            return
        ready, activity, after = self._quiet_moment(op)
        if not ready:
            return
        self._start(ready, activity)
        body, current = self._context.response(op.answer), ready[0].current
        writer = self._context.writer
        try:
            if keys is not None:
                key = keys.get(body.user_id)
                if key is None:
                    self._quarantine(op, "the server lists no key of this person")
                    return
                stored = writer.post_response_as(key, op.record_id, body.status, body.values)
                if stored.user_id != body.user_id:
                    raise ServerError(
                        "the server stored a response under another author than the one whose key was used",
                        where=f"record {op.record_id}, response {stored.remote_id}",
                        advice="Delete that response by hand, and do not use --strategy author with this server",
                    )
            else:
                assert current is not None
                # Before it is sent: an answer that is lost would not tell.
                self._report(op, current, activity, after)
                stored = writer.update_response(current.remote_id, body.status, body.values)
        except Rejected as error:
            self._quarantine(op, error.why or error.what)
        except (Conflicted, NotFound):
            # Somebody was faster. The list shows what is there now.
            if self._sort_out([op], activity):
                raise UnknownOutcome("the server refuses what the list shows to be possible", where=op.label) from None
        except AccessError as error:
            if keys is None:
                raise
            self._quarantine(op, f"its author may not write in this dataset: {error.why or error.what}")
        else:
            self._ledger.end("done", [(item_id(op), self._result(op, stored, sent=True))])

    def _quarantine(self, op: WriteResponse, why: str) -> None:
        self._ledger.end("quarantined", [(item_id(op), {"why": why})])

    def _quiet_moment(self, op: WriteResponse) -> tuple[list[Ready], str | None, str | None]:
        """What may be sent, with the activity before and after it was read, if possible in a moment in which nobody
        wrote: a single write moves the dataset's activity itself, so the window must close before it."""
        for _ in range(QUIET_READS):
            activity = self._context.activity()
            ready = self._sort_out([op], activity)
            after = self._context.activity() if ready else activity
            if after == activity:
                break
        return ready, activity, after

    def delete(self, ops: Sequence[DeleteResponse]) -> Iterator[int]:
        """Delete responses, one call each; what was deleted is in the journal."""
        for op in ops:
            self._context.check_stop()
            self._context.retrying(partial(self._attempt_delete, op))
            yield 1

    def _attempt_delete(self, op: DeleteResponse) -> None:
        key, user = item_id(op), self._context.user(op.person)
        if self._ledger.is_ended(key):
            return
        record = self._reread.read({op.record_id: op.position})[op.record_id]
        match judge_response(record, user, op.expects, None, self._ledger.first_intent(key), op.written):
            case Drifted(why=why):
                self._ledger.end("drifted", [(key, {"why": why, **self._seen(record, user)})])
            case Done():
                self._ledger.end("done", [(key, {"record_id": op.record_id, "user_id": user})])
            case Send(current=current):
                assert current is not None
                self._ledger.started([(key, {"before": self._ledger.keep_response(current)})])
                try:
                    deleted = self._context.writer.delete_response(current.remote_id)
                except NotFound:
                    deleted = current
                detail = {"record_id": op.record_id, "user_id": user, "deleted": self._ledger.keep_response(deleted)}
                if deleted.digest != op.expects:
                    self._ledger.note("overwritten", [(key, {**detail, "username": op.username})])
                self._ledger.end("done", [(key, detail)])


def batches(ops: Sequence[WriteResponse], records: int) -> Iterator[list[WriteResponse]]:
    """Pieces in the order of the list, of so many records and not too many responses, no record split."""
    batch: list[WriteResponse] = []
    seen: set[str] = set()
    for op in sorted(ops, key=lambda op: (op.position, op.record_id, op.answer.person)):
        if op.record_id not in seen and (len(seen) >= records or len(batch) >= MAX_RESPONSES):
            yield batch
            batch, seen = [], set()
        seen.add(op.record_id)
        batch.append(op)
    if batch:
        yield batch
