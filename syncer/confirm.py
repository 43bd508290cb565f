"""After a run: read the touched records again, verify, and remember what both sides agree on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from state import Link, Store
from syncer import ops
from syncer.apply.reread import Rereader
from syncer.events import Listener, Progress, nobody
from syncer.model import Record, response_digest
from syncer.ops import Answer
from syncer.plan_model import Header, SideHeader
from syncer.verify import Expected, Finding, verify_record

PAGE = 200


@dataclass
class Done:
    """Finished operations of a run with what the journal says of their end."""

    store: Store
    plan_id: int
    run_id: int
    _ends: dict[str, tuple[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for event in self.store.journal.events(self.run_id):
            if event.event in ("done", "drifted", "quarantined", "failed", "skipped"):
                self._ends[event.item_id] = (event.event, json.loads(event.detail))

    def operations(self, dataset_id: str | None = None) -> Iterator[tuple[Any, dict[str, Any]]]:
        """Operations that ended as `done`, with the journal's detail."""
        for row in self.store.plans.items(self.plan_id, category="operation", dataset_id=dataset_id):
            end = self._ends.get(row.item_id)
            if end is not None and end[0] == "done":
                yield ops.parse_item(row.payload), end[1]

    def recreations(self) -> Iterator[tuple[ops.RecreateRecord, dict[str, Any]]]:
        """Records that stand under a new id now, also those whose new answers the server refused."""
        for row in self.store.plans.items(self.plan_id, kinds=("recreate_record",)):
            event, detail = self._ends.get(row.item_id, ("", {}))
            op = ops.parse_item(row.payload)
            if event in ("done", "quarantined") and "before" in detail and isinstance(op, ops.RecreateRecord):
                yield op, detail

    def moved(self) -> dict[str, str]:
        """Old id -> new id of re-created records."""
        return {op.record_id: detail["remote_id"] for op, detail in self.recreations()}


class Confirmation:
    """Verification and memory of one run."""

    def __init__(
        self,
        store: Store,
        header: Header,
        done: Done,
        persons: Mapping[str, str],
        datasets: Mapping[str, str],
        listener: Listener = nobody,
    ) -> None:
        self._store = store
        self._header = header
        self._done = done
        self._persons = persons
        self._datasets = datasets
        self._listener = listener
        self._broken: set[tuple[str, str]] = set()
        """(record id, user id) that are not as promised: no base is saved for them."""
        self._moved = done.moved()

    def verify(self, side: SideHeader, reread: Callable[[], Rereader], *, full: bool) -> list[Finding]:
        """Read the touched records of one destination (`full`: all of them) and compare."""
        expected = self._expected(side.dataset_id, side.snapshot)
        if full:
            self._add_untouched(expected, side.snapshot)
        findings: list[Finding] = []
        reader, wanted = reread(), list(expected.items())
        reader.locate(set(expected))
        for start in range(0, len(wanted), PAGE):
            page = dict(wanted[start : start + PAGE])
            records = reader.read({record_id: position for record_id, (_, position) in page.items()})
            for record_id, (promise, _) in page.items():
                record = records[record_id]
                findings += verify_record(promise, record if isinstance(record, Record) else None)
            self._listener(Progress("verify", side.reference, min(start + PAGE, len(wanted)), len(wanted)))
        self._broken |= {(f.record_id, f.user_id) for f in findings if f.is_failure}
        return findings

    def _expected(self, dataset_id: str, snapshot_id: int) -> dict[str, tuple[Expected, int]]:
        promises: dict[str, _Promise] = {}
        for op, detail in self._done.operations(dataset_id):
            match op:
                case ops.WriteResponse():
                    promise = promises.setdefault(
                        self._now(op.record_id), _Promise(op.label, op.position, op.record_id)
                    )
                    promise.add(self._user(op.answer.person), op.answer.leaves, op.expects)
                case ops.DeleteResponse():
                    promise = promises.setdefault(
                        self._now(op.record_id), _Promise(op.label, op.position, op.record_id)
                    )
                    promise.add(self._user(op.person), None, op.expects)
                case ops.CreateRecord():
                    content = json.loads(self._store.bodies.get(op.content))
                    promise = promises.setdefault(detail["remote_id"], _Promise(op.label, 0, None, content))
                    promise.add_answers(op.answers, self._user)
                case ops.RecreateRecord():
                    promise = promises.setdefault(detail["remote_id"], _Promise(op.label, op.position, op.record_id))
                    promise.add_answers(op.answers, self._user)
                case _:
                    continue
        for op, detail in self._done.recreations():
            if op.dataset_id == dataset_id:
                promises.setdefault(detail["remote_id"], _Promise(op.label, op.position, op.record_id))
        return {
            record_id: (promise.expected(record_id, self._before(snapshot_id, promise.old_id)), promise.position)
            for record_id, promise in promises.items()
        }

    def _add_untouched(self, expected: dict[str, tuple[Expected, int]], snapshot_id: int) -> None:
        deleted = {op.record_id for op, _ in self._done.operations() if isinstance(op, ops.DeleteRecord)}
        replaced = set(self._moved)
        for row in self._store.snapshots.records(snapshot_id):
            if row.remote_id not in expected and row.remote_id not in deleted | replaced:
                untouched = self._before(snapshot_id, row.remote_id)
                label = row.external_id or row.remote_id
                expected[row.remote_id] = (Expected(label, row.remote_id, {}, {}, untouched), row.position)

    def _before(self, snapshot_id: int, record_id: str | None) -> dict[str, str]:
        if record_id is None:
            return {}
        rows = self._store.snapshots.responses(snapshot_id, record_id)
        return {row.user_id: row.digest for row in rows if row.user_id is not None}

    def _now(self, record_id: str) -> str:
        return self._moved.get(record_id, record_id)

    def _user(self, person: str) -> str:
        return self._persons.get(person, person)

    # Memory

    def remember(self, swept_at: str | None) -> None:
        """Save links, bases and origins from what the servers have shown, and that every pair was swept
        (None: this run was no sweep of its pairs)."""
        target = self._datasets.get(self._header.target.dataset_id, self._header.target.dataset_id)
        # A dataset that was restored from a snapshot of itself is no pair: what people change in it later is no
        # progress over the snapshot.
        pairs = {
            i: f"{source.dataset_id}>{target}"
            for i, source in enumerate(self._header.sources)
            if source.dataset_id != target
        }
        for index, pair in pairs.items():
            rows = self._store.plans.links(self._done.plan_id, index)
            self._store.memory.save_links(pair, [Link(key, a, self._now(b)) for key, a, b in rows])
        self._save_created(pairs)
        self._save_bases(pairs)
        self._store.memory.save_origins(list(self._origins()))
        for index, pair in pairs.items() if swept_at else ():
            source = self._header.sources[index]
            self._store.memory.save_pair(
                pair,
                source_dataset=source.dataset_id,
                target_dataset=target,
                source_snapshot=source.snapshot,
                swept_at=swept_at,
                two_way=int(self._header.options.two_way),
                source_activity=self._token(source.snapshot),
                target_activity=self._token(self._header.target.snapshot),
            )

    def _token(self, snapshot_id: int) -> str:
        """What the quick check compares: as read before this run, so the run's own creations make the next
        one sweep again."""
        shot = self._store.snapshots.get(snapshot_id)
        return f"{shot.activity} {shot.records}"

    def _save_created(self, pairs: Mapping[int, str]) -> None:
        links: dict[int, list[Link]] = {}
        for op, detail in self._done.operations():
            if isinstance(op, ops.DeleteRecord):
                self._store.memory.forget_record(op.record_id)
            if isinstance(op, ops.CreateRecord):
                if op.replaces is not None:
                    self._store.memory.move_target(op.replaces, detail["remote_id"])
                for copy in op.copies:
                    links.setdefault(copy.source, []).append(Link(copy.record_key, copy.record_id, detail["remote_id"]))
        for index, pair in pairs.items():
            self._store.memory.save_links(pair, links.get(index, []))

    def _save_bases(self, pairs: Mapping[int, str]) -> None:
        keep: dict[int, list[tuple[str, str, str]]] = {}
        forget: dict[int, list[tuple[str, str]]] = {}
        for row in self._store.plans.items(self._done.plan_id, category="unchanged"):
            item = ops.parse_item(row.payload)
            if isinstance(item, ops.Unchanged):
                for index, key, digest in item.digests:
                    if digest:
                        keep.setdefault(index, []).append((key, item.person, digest))
                    else:
                        forget.setdefault(index, []).append((key, item.person))
        for row in self._store.plans.items(self._done.plan_id, kinds=ops.JUDGED_KINDS):
            item = ops.parse_item(row.payload)
            if isinstance(item, ops.Judged):
                for index, key, person, digest in item.equal:
                    keep.setdefault(index, []).append((key, person, digest))
        for agreement in self._agreements():
            person = self._user(agreement.person)
            for index, key, digest in agreement.seen:
                keep.setdefault(index, []).append((key, person, digest))
            for index, key in agreement.pairs:
                if agreement.digest is None:
                    forget.setdefault(index, []).append((key, person))
                else:
                    keep.setdefault(index, []).append((key, person, agreement.digest))
        for index, pair in pairs.items():
            self._store.memory.forget_bases(pair, forget.get(index, []))
            self._store.memory.save_bases(pair, keep.get(index, []))

    def _agreements(self) -> Iterator[ops.Agreement]:
        for op, detail in self._done.operations():
            if isinstance(op, ops.DeleteResponse):
                yield op.agreement
            for answer, record_id, _ in self._stored(op, detail):
                if (record_id, self._user(answer.person)) not in self._broken:
                    yield answer.agreement

    def _stored(self, op: Any, detail: Mapping[str, Any]) -> Iterator[tuple[Answer, str, str]]:
        """Answers that the server has shown as they were sent, with their records and the server's times. Of a record
        that was found only after an interruption, people may have changed some before."""
        if isinstance(op, ops.WriteResponse):
            yield op.answer, self._now(op.record_id), detail["updated_at"]
        elif isinstance(op, ops.CreateRecord | ops.RecreateRecord):
            for answer in op.answers:
                shown = detail["responses"].get(self._user(answer.person))
                if shown is not None and shown["digest"] == answer.leaves:
                    yield answer, detail["remote_id"], shown["updated_at"]

    def _origins(self) -> Iterator[tuple[str, str, str, str, str]]:
        for op, detail in self._done.operations():
            for answer, record_id, written in self._stored(op, detail):
                if answer.written_at:
                    dataset_id = self._datasets.get(op.dataset_id, op.dataset_id)
                    yield dataset_id, record_id, self._user(answer.person), written, answer.written_at
        for op, detail in self._done.recreations():
            yield from self._carried_origins(op, detail)

    def _carried_origins(
        self, op: ops.RecreateRecord, detail: Mapping[str, Any]
    ) -> Iterator[tuple[str, str, str, str, str]]:
        """Of answers that a re-creation has written back, to which the server has given new times."""
        record_id = detail["remote_id"]
        for before in json.loads(self._store.bodies.get(detail["before"]))["responses"]:
            user, shown = before["user_id"], detail["responses"].get(before["user_id"])
            if shown is None or shown["digest"] != response_digest(before["status"], before["values"]):
                continue
            now = shown["updated_at"]
            if self._store.memory.written_at(op.dataset_id, record_id, user, now) == now:
                written = self._store.memory.written_at(op.dataset_id, record_id, user, before["updated_at"])
                yield op.dataset_id, record_id, user, now, written


class _Promise:
    """What is collected for one record."""

    def __init__(
        self, label: str, position: int, old_id: str | None, content: Mapping[str, object] | None = None
    ) -> None:
        self.label = label
        self.position = position
        self.old_id = old_id
        self._content = content
        self._leaves: dict[str, str | None] = {}
        self._expects: dict[str, str | None] = {}

    def add(self, user_id: str, leaves: str | None, expects: str | None) -> None:
        """One response."""
        self._leaves[user_id] = leaves
        self._expects[user_id] = expects

    def add_answers(self, answers: Iterable[Answer], user: Callable[[str], str]) -> None:
        """Responses that were not there before."""
        for answer in answers:
            self.add(user(answer.person), answer.leaves, None)

    def expected(self, record_id: str, before: Mapping[str, str]) -> Expected:
        """The promise, whole."""
        return Expected(self.label, record_id, self._leaves, self._expects, before, self._content)
