"""Plan the inverse of a run, or the recovery of what it deleted. Reads; what is planned is applied like any plan."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from state import ItemRow, RunRow, Store
from syncer import guard, ops
from syncer.apply.ledger import shown_responses
from syncer.apply.records import record_digest
from syncer.apply.recreate import is_another
from syncer.apply.reread import Rereader
from syncer.apply.writers import Servers
from syncer.confirm import Done
from syncer.errors import NotFound, Refused
from syncer.model import Record, canonical_json, is_minted, mint_external_id, response_digest
from syncer.ops import Agreement, Answer
from syncer.options import JobOptions
from syncer.plan_model import Header, SideHeader, Summary


@dataclass(frozen=True)
class Left:
    """Something that an undo does not touch, and why."""

    label: str
    why: str


class Inverse:
    """The inverse of one finished run."""

    def __init__(self, store: Store, servers: Servers, clock: Callable[[], datetime], run: RunRow) -> None:
        self._store = store
        self._servers = servers
        self._clock = clock
        self._run = run
        self._header = Header.model_validate_json(store.plans.get(run.plan_id).header)
        self._done = Done(store, run.plan_id, run.id)
        self._started = _first_intents(store, run.id)
        self._persons, self._datasets = self._created()
        self._moved = self._done.moved()
        self._recreated = {op.record_id: detail for op, detail in self._done.recreations()}
        self._sides = self._current_sides()
        self._readers: dict[str, Rereader] = {}
        self.left: list[Left] = []

    def plan(self) -> int:
        """Save the plan that takes the run back; what is left alone is in `left`."""
        return _save(self._store, "undo", self._new_header(), list(self._items()), self._clock(), self.left)

    def recovery(self) -> int:
        """Save the plan that re-creates records which the run deleted and which are not there."""
        return _save(self._store, "recover", self._new_header(), list(self._recovered()), self._clock(), self.left)

    def _created(self) -> tuple[dict[str, str], dict[str, str]]:
        persons: dict[str, str] = {}
        datasets: dict[str, str] = {}
        for op, detail in self._done.operations():
            if isinstance(op, ops.CreateUser):
                persons[f"new:{op.username}"] = detail["user_id"]
            elif isinstance(op, ops.CreateDataset):
                datasets[op.dataset_id] = detail["dataset_id"]
        return persons, datasets

    def _current_sides(self) -> dict[str, SideHeader]:
        """The run's sides under their real ids, with the settings that they have now."""
        sides = {}
        for side in [self._header.target, *self._header.sources]:
            dataset_id = self._datasets.get(side.dataset_id, side.dataset_id)
            try:
                digest = self._servers.client(side.server).settings(dataset_id).digest
            except NotFound:
                digest = side.settings_digest  # gone: applying will say so
            sides[side.dataset_id] = side.model_copy(update={"dataset_id": dataset_id, "settings_digest": digest})
        return sides

    def _new_header(self) -> Header:
        return self._header.model_copy(
            update={
                "target": self._sides[self._header.target.dataset_id],
                "sources": tuple(self._sides[s.dataset_id] for s in self._header.sources),
                "options": JobOptions(two_way=self._header.options.two_way, quiet=self._header.options.quiet),
                "last_run": self._store.journal.last_run(),
                "job": None,
            }
        )

    def _items(self) -> Iterator[ops.Operation]:
        for op, detail in self._done.operations():
            match op:
                case ops.WriteResponse():
                    yield from self._undo_write(op, detail)
                case ops.DeleteResponse():
                    yield from self._restore_response(op, detail)
                case ops.CreateRecord():
                    yield from self._remove_record(op, detail)
                case ops.RecreateRecord():
                    yield from self._undo_recreation(op, detail)
                case ops.UpdateRecord():
                    yield from self._undo_update(op)
                case ops.DeleteRecord():
                    # Without an intent it was gone already: not this run's work.
                    if (intent := self._started.get(ops.item_id(op))) is not None:
                        yield from self._recreate(op, intent)
                case _:
                    self.left.append(Left(op.label, "accounts, memberships and datasets are never deleted"))

    def _undo_write(self, op: ops.WriteResponse, detail: Mapping[str, Any]) -> Iterator[ops.Operation]:
        if not detail.get("sent"):
            return  # it was there already: not this run's work
        record_id = self._moved.get(op.record_id, op.record_id)
        before = self._started[ops.item_id(op)]["before"]
        person = self._persons.get(op.answer.person, op.answer.person)
        if before is None:
            yield self._removal(op, op.answer, record_id, self._written(op, person, detail))
            return
        yield ops.WriteResponse(
            label=op.label, record_key=op.record_key, dataset_id=self._dataset(op), record_id=record_id,
            position=op.position, expects=op.answer.leaves, way="update" if op.way == "update" else "upsert",
            decided=True, written=self._written(op, person, detail),
            answer=Answer(
                person=person, username=op.answer.username, body=before["body"], leaves=before["digest"],
                written_at=before["updated_at"], agreement=_forget(op.answer.agreement),
            ),
        )  # fmt: skip

    def _written(self, op: ops.WriteResponse, person: str, detail: Mapping[str, Any]) -> str | None:
        """The server's time of a response that the run wrote: if the run has re-created the record after that, with
        that very writing on it, the time that it has got by this."""
        written: str | None = detail.get("updated_at")
        after = self._recreated.get(op.record_id)
        if after is None:
            return written
        carried = json.loads(self._store.bodies.get(after["before"]))["responses"]
        if any(r["user_id"] == person and r["updated_at"] == written for r in carried):
            written = after["responses"].get(person, {}).get("updated_at", written)
        return written

    def _removal(self, op: Any, answer: Answer, record_id: str, written: str | None) -> ops.DeleteResponse:
        return ops.DeleteResponse(
            label=op.label, record_key=op.record_key, dataset_id=self._dataset(op), record_id=record_id,
            position=op.position, person=self._persons.get(answer.person, answer.person), username=answer.username,
            expects=answer.leaves, written=written, agreement=_forget(answer.agreement),
        )  # fmt: skip

    def _restore_response(self, op: ops.DeleteResponse, detail: Mapping[str, Any]) -> Iterator[ops.Operation]:
        gone = detail.get("deleted") or self._started.get(ops.item_id(op), {}).get("before")
        if gone is None:
            return
        side = self._sides_by_id(self._dataset(op))
        bulk = self._servers.client(side.server).capabilities.bulk_upsert
        answer = Answer(
            person=op.person, username=op.username, body=gone["body"], leaves=gone["digest"],
            written_at=gone["updated_at"], agreement=_forget(op.agreement),
        )  # fmt: skip
        if bulk:
            yield ops.WriteResponse(
                label=op.label, record_key=op.record_key, dataset_id=self._dataset(op), record_id=op.record_id,
                position=op.position, expects=None, way="upsert", answer=answer,
            )  # fmt: skip
            return
        record = self._read(self._dataset(op), op.record_id, op.position)
        if record is None:
            self.left.append(Left(op.label, "its record is gone"))
            return
        own = record.external_id
        external_id = own if own is not None else mint_external_id(side.dataset_id, record.remote_id)
        yield ops.RecreateRecord(
            label=op.label, record_key=op.record_key, dataset_id=self._dataset(op), record_id=op.record_id,
            position=op.position, external_id=external_id, minted=own is None, answers=(answer,),
        )  # fmt: skip

    def _remove_record(self, op: ops.CreateRecord, detail: Mapping[str, Any]) -> Iterator[ops.Operation]:
        """Delete a created record, but only if nobody has touched it: no response more, fewer or newer."""
        record = self._read(self._dataset(op), detail["remote_id"], 0)
        if record is None:
            return
        ours = {self._persons.get(a.person, a.person): a.leaves for a in op.answers}
        now = {r.user_id: r.digest for r in record.responses}
        if now != ours or shown_responses(record) != detail["responses"]:
            self.left.append(Left(op.label, "people have worked on this record since"))
            return
        yield ops.DeleteRecord(
            label=op.label, record_key=op.record_key, dataset_id=self._dataset(op), record_id=record.remote_id,
            position=0, responses=len(now), expects=record_digest(record),
        )  # fmt: skip

    def _undo_recreation(self, op: ops.RecreateRecord, detail: Mapping[str, Any]) -> Iterator[ops.Operation]:
        """The record stays under its new id; the answers that were added go."""
        if "before" not in detail:
            return
        earlier = {r["user_id"] for r in json.loads(self._store.bodies.get(detail["before"]))["responses"]}
        for answer in op.answers:
            person = self._persons.get(answer.person, answer.person)
            shown = detail["responses"].get(person)
            if person not in earlier and shown is not None:
                yield self._removal(op, answer, detail["remote_id"], shown["updated_at"])

    def _undo_update(self, op: ops.UpdateRecord) -> Iterator[ops.Operation]:
        intent = self._started.get(ops.item_id(op))
        if intent is None:
            return
        before = json.loads(self._store.bodies.get(intent["before"]))["content"][op.part]
        record_id = self._moved.get(op.record_id, op.record_id)
        yield op.model_copy(
            update={
                "record_id": record_id,
                "dataset_id": self._dataset(op),
                "expects": op.leaves,
                "leaves": op.expects,
                "body": self._store.bodies.put(canonical_json(before)),
            }
        )

    def _recovered(self) -> Iterator[ops.Operation]:
        """Records of this run that were deleted, and stand nowhere now."""
        intents = _last_intents(self._store, self._run.id)
        for row in self._store.plans.items(
            self._run.plan_id, category="operation", kinds=("recreate_record", "delete_record")
        ):
            op = ops.parse_item(row.payload)
            intent = intents.get(row.item_id)
            if intent is not None and isinstance(op, ops.RecreateRecord | ops.DeleteRecord):
                yield from self._recreate(op, intent)

    def _recreate(
        self, op: ops.RecreateRecord | ops.DeleteRecord, intent: Mapping[str, Any]
    ) -> Iterator[ops.Operation]:
        before = json.loads(self._store.bodies.get(intent["before"]))
        dataset_id = self._dataset(op)
        side = self._sides_by_id(dataset_id)
        own = op.external_id if isinstance(op, ops.RecreateRecord) else before["external_id"]
        minted = mint_external_id(side.dataset_id, op.record_id)
        external_id = own if own is not None else minted
        client = self._servers.client(side.server)
        new_id = self._moved.get(op.record_id)
        stands = client.record_exists(op.record_id) or (new_id is not None and client.record_exists(new_id))
        found = self._reader(dataset_id).find_created([external_id, minted], everywhere=True)
        if stands or any(not is_another(before, record) for record in found.values()):
            self.left.append(Left(op.label, "the record is there"))
            return
        if external_id in found:
            external_id = minted
        answers = [self._answer(r) for r in before["responses"] if r["user_id"] is not None]
        answers += [self._added(Answer.model_validate(a)) for a in intent.get("adds", ())]
        yield ops.CreateRecord(
            label=op.label, record_key=op.record_key, dataset_id=dataset_id, external_id=external_id,
            minted=is_minted(external_id), content=self._store.bodies.put(canonical_json(before["content"])),
            answers=tuple(answers), copies=(), replaces=new_id or op.record_id,
        )  # fmt: skip

    def _added(self, answer: Answer) -> Answer:
        return answer.model_copy(update={"person": self._persons.get(answer.person, answer.person)})

    def _answer(self, response: Mapping[str, Any]) -> Answer:
        body = canonical_json({"status": response["status"], "values": response["values"]})
        return Answer(
            person=response["user_id"], username="", body=self._store.bodies.put(body),
            leaves=response_digest(response["status"], response["values"]), written_at=response["updated_at"],
            agreement=Agreement(person=response["user_id"], digest=None, pairs=()),
        )  # fmt: skip

    def _dataset(self, op: Any) -> str:
        dataset_id: str = op.dataset_id
        return self._datasets.get(dataset_id, dataset_id)

    def _sides_by_id(self, dataset_id: str) -> SideHeader:
        return next(side for side in self._sides.values() if side.dataset_id == dataset_id)

    def _reader(self, dataset_id: str) -> Rereader:
        if dataset_id not in self._readers:
            client = self._servers.client(self._sides_by_id(dataset_id).server)
            questions = {q.remote_id: q.name for q in client.settings(dataset_id).questions}
            self._readers[dataset_id] = Rereader(client, dataset_id, questions)
        return self._readers[dataset_id]

    def _read(self, dataset_id: str, record_id: str, position: int) -> Record | None:
        found = self._reader(dataset_id).read({record_id: position})[record_id]
        return found if isinstance(found, Record) else None


def _forget(agreement: Agreement) -> Agreement:
    """After an undo the pairs agree on nothing: the next run compares afresh."""
    pairs = (*agreement.pairs, *((source, key) for source, key, _ in agreement.seen))
    return agreement.model_copy(update={"digest": None, "pairs": pairs, "seen": ()})


def _intents(store: Store, run_id: int) -> Iterator[tuple[str, dict[str, Any]]]:
    for event in store.journal.events(run_id):
        if event.event == "started":
            yield event.item_id, json.loads(event.detail)


def _first_intents(store: Store, run_id: int) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for item_id, detail in _intents(store, run_id):
        found.setdefault(item_id, detail)
    return found


def _last_intents(store: Store, run_id: int) -> dict[str, dict[str, Any]]:
    """The last intent of each item, without answers that the server has refused meanwhile."""
    found = dict(_intents(store, run_id))
    refused = {event.item_id for event in store.journal.events(run_id) if event.event == "rejected-answers"}
    return {item: detail | {"adds": []} if item in refused else detail for item, detail in found.items()}


def _save(store: Store, kind: str, header: Header, items: list[ops.Operation], now: datetime, left: list[Left]) -> int:
    if not items:
        raise Refused(
            f"there is nothing to {kind}",
            why="; ".join(f"{entry.label}: {entry.why}" for entry in left[:5]),
        )
    rows = [
        ItemRow(
            seq, "operation", item.kind, ops.item_id(item), getattr(item, "dataset_id", None),
            canonical_json(item.model_dump(mode="json")),
        )
        for seq, item in enumerate(items)
    ]  # fmt: skip
    plan_id = store.plans.save(kind, canonical_json(header.model_dump(mode="json")), rows, now.isoformat())
    counts: dict[str, int] = {}
    for item in items:
        counts[item.kind] = counts.get(item.kind, 0) + 1
    figures = guard.Figures(
        overwrites=0, deletes=0, matched_responses=0, matched_records=0, different_records=0, skips=0
    )
    summary = Summary(
        counts=counts, records={}, figures=figures, blocked=(), by_author={}, completes=-1,
        warnings=tuple(f"left alone: {entry.label}: {entry.why}" for entry in left), losses=(), settings=(),
    )  # fmt: skip
    store.plans.set_counts(plan_id, summary.model_dump_json())
    return plan_id
