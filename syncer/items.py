"""Turn the joined stream of the workbench into plan items, in a fixed order."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from state import TARGET, JoinedAnswer, Store
from syncer import names, ops, plan
from syncer.groups import Book, Group
from syncer.model import canonical_json, is_minted, mint_external_id, response_digest
from syncer.ops import (
    Agreement,
    Answer,
    Conflict,
    Contender,
    CreateRecord,
    RecreateRecord,
    Skip,
    SourceRecord,
    Unchanged,
)
from syncer.pairing import Side
from syncer.plan import Held, Row

AnyItem = ops.Operation | Conflict | Skip | Unchanged


@dataclass(frozen=True)
class Destination:
    """How responses may be written to a dataset. `back` maps persons to its user ids (None: they are the same)."""

    dataset_id: str
    bulk_upsert: bool
    recreate: bool
    as_author: bool
    back: Mapping[str, str] | None = None


class Items:
    """Makes the items of one plan; `counts` adds up every (record, person) by what became of it."""

    def __init__(
        self,
        store: Store,
        target: Side,
        sources: list[Side],
        rules: plan.Rules,
        destinations: Mapping[int, Destination],
        usernames: Mapping[str, str],
    ) -> None:
        self._store = store
        self._target = target
        self._sources = {side.index: side for side in sources}
        self._rules = rules
        self._destinations = destinations
        self._book = Book(store, target, self._sources, usernames)
        self.counts: Counter[str] = Counter()

    def make(self) -> Iterator[AnyItem]:
        """All items, record by record in the target's order."""
        for ref, rows in itertools.groupby(self._store.workbench.joined(), key=lambda row: row.ref):
            group = self._group(ref, list(rows))
            yield from self._left_out(group)
            yield from self._record(group)

    def _group(self, ref: str, rows: list[JoinedAnswer]) -> Group:
        pairs: dict[int, tuple[str, str, str, str]] = {}
        answers: dict[str, dict[int, Held]] = {}
        bases: dict[str, dict[int, str]] = {}
        for row in rows:
            payload = json.loads(row.payload)
            if row.kind == "a-pair":
                pairs[row.side] = (payload[0], payload[1], payload[2], payload[3])
            elif row.kind == "answer":
                answers.setdefault(row.person, {})[row.side] = self._held(ref, pairs, row, payload)
            elif row.kind == "base":
                bases.setdefault(row.person, {})[row.side] = payload[0]
        return Group(ref, pairs, answers, bases)

    def _held(self, ref: str, pairs: Mapping[int, Any], row: JoinedAnswer, payload: list[Any]) -> Held:
        digest, body, status, updated_at, remote_id, problem = payload
        side = self._target if row.side == TARGET else self._sources[row.side]
        record_id = ref if row.side == TARGET else pairs[row.side][0]
        user_id = row.person if row.side == TARGET else self._user_at(row.side, row.person)
        written_at = self._store.memory.written_at(side.snapshot.dataset_id, record_id, user_id, updated_at)
        return Held(digest, body, status, updated_at, remote_id, written_at, problem)

    def _user_at(self, side: int, person: str) -> str:
        back = self._destinations[side].back or {}
        return back.get(person, person)

    def _left_out(self, group: Group) -> Iterator[Skip]:
        """One skip for every source record that takes no part, and for its copy's sake nothing else."""
        for index, (record_id, key, detail, outcome) in group.pairs.items():
            if index in group.usable or outcome == "filtered":
                continue
            label = self._book.label(self._sources[index], record_id)
            text = self._book.difference(group.ref, index, record_id) if outcome == "content-differs" else detail
            self.counts[f"record:{outcome}"] += 1
            yield Skip(
                label=label, record_key=key, side=index, ref=group.ref, person="", username="",
                reason=outcome, detail=text,
            )  # fmt: skip

    def _record(self, group: Group) -> Iterator[AnyItem]:
        creates: list[Answer] = []
        inserts: list[Answer] = []
        # A person may hold nothing anywhere and still have a base, which is then forgotten.
        for person in sorted(group.answers.keys() | group.bases.keys()):
            row = self._row(group, person)
            for number, item in enumerate(self._person(group, row)):
                if number == 0:
                    self.counts["operation" if isinstance(item, Answer) else ops.category_of(item)] += 1
                if isinstance(item, Answer):
                    (creates if group.is_new else inserts).append(item)
                else:
                    yield item
        if group.is_new and group.usable:
            yield self._create(group, creates)
        elif inserts:
            yield self._recreate(group, inserts)

    def _row(self, group: Group, person: str) -> Row:
        held = group.answers.get(person, {})
        # A response that a filter keeps out says nothing, neither its value nor an absence.
        paired = tuple(i for i in group.usable if not (i in held and held[i].problem == "filtered"))
        return Row(
            person=person,
            paired=paired,
            sources={i: h for i, h in held.items() if i in paired},
            target=held.get(TARGET),
            bases={i: b for i, b in group.bases.get(person, {}).items() if i in paired},
        )

    def _person(self, group: Group, row: Row) -> Iterator[AnyItem | Answer]:
        """What becomes of the row, and after that what is written to sources."""
        held = group.answers.get(row.person, {})
        nothing_known = not row.paired or (row.target is None and not row.sources and not row.bases)
        if nothing_known and any(i != TARGET for i in held):
            yield self._only_left_out(group, row, held)
            return
        equal = self._equal(group, row)
        for item in self._verdict(group, row):
            yield item.model_copy(update={"equal": equal}) if equal and isinstance(item, ops.Judged) else item

    def _only_left_out(self, group: Group, row: Row, held: Mapping[int, Held]) -> Skip | Unchanged:
        """The person's responses are on copies that take no part, or are filtered."""
        left_out = [i for i in held if i != TARGET and i not in group.usable]
        if not left_out:
            return self._unchanged(group, row, "filtered")
        index = min(left_out)
        return self._skip(group, row, group.pairs[index][3], "the record takes no part", index)

    def _equal(self, group: Group, row: Row) -> tuple[tuple[int, str, str, str], ...]:
        return tuple(
            (i, group.pairs[i][1], row.person, held.digest)
            for i, held in row.sources.items()
            if row.target is not None and held.digest == row.target.digest
        )

    def _verdict(self, group: Group, row: Row) -> Iterator[AnyItem | Answer]:
        verdict = plan.decide(row, self._rules)
        if isinstance(verdict.target, plan.Clash) or self._rules.policy != "report":
            # A decision by hand outranks a policy, and is found under the conflict that would be reported.
            clash = plan.decide(row, plan.Rules(restore_deleted=self._rules.restore_deleted))
            if isinstance(clash.target, plan.Clash):
                conflict = self._conflict(group, row, clash.target)
                by_hand = self._store.memory.decision(conflict.conflict_id)
                policy = plan.policy_for(self._bodies(row, clash.target), self._rules)
                verdict = plan.decide(row, replace(self._rules, policy=policy), by_hand)
        match verdict.target:
            case plan.Write(value=value, decided=decided):
                yield from self._write(group, row, TARGET, value, decided)
            case plan.Delete():
                yield self._delete(group, row, TARGET)
            case plan.Clash():
                yield self._conflict(group, row, verdict.target)
            case plan.Leave(reason=reason, detail=detail):
                yield self._leave(group, row, reason, detail)
            case plan.Keep(state=state):
                yield self._unchanged(group, row, state)
        for reverse in verdict.reverse:
            if isinstance(reverse, plan.Write):
                yield from self._write(group, row, reverse.side, reverse.value, reverse.decided)
            else:
                yield self._delete(group, row, reverse.side)

    def _bodies(self, row: Row, clash: plan.Clash) -> list[dict[str, Any] | None]:
        held = [row.target if side == TARGET else row.sources.get(side) for side in clash.sides]
        return [json.loads(self._store.bodies.get(value.body)) if value else None for value in held]

    def _leave(self, group: Group, row: Row, reason: str, detail: str) -> Skip:
        side = min(row.sources, default=TARGET)
        code, _, rest = detail.partition(": ")
        if reason == "does-not-fit" and code != "does-not-fit":
            return self._skip(group, row, code, rest, side)  # an author without a counterpart
        return self._skip(group, row, reason, rest or detail, side)

    def _skip(self, group: Group, row: Row, reason: str, detail: str, side: int) -> Skip:
        return Skip(
            label=self._book.group_label(group), record_key=self._book.key(group), side=side, ref=group.ref,
            person=row.person, username=self._book.username(row.person), reason=reason, detail=detail,
        )  # fmt: skip

    def _unchanged(self, group: Group, row: Row, state: Any) -> Unchanged:
        agreed = tuple((i, key, digest) for i, key, _, digest in self._equal(group, row))
        if state == "gone":
            # A source that still holds a response keeps its base until the response has been deleted there.
            agreed = tuple((i, group.pairs[i][1], "") for i in row.bases if i not in row.sources)
        return Unchanged(
            label="", record_key=self._book.key(group), ref=group.ref, person=row.person, state=state, digests=agreed
        )

    def _conflict(self, group: Group, row: Row, clash: plan.Clash) -> Conflict:
        contenders = []
        for side in clash.sides:
            held = row.target if side == TARGET else row.sources.get(side)
            contenders.append(
                Contender(
                    side=side,
                    digest=held.digest if held else None,
                    body=held.body if held else None,
                    updated_at=(held.written_at or "") if held else "",
                )
            )
        return Conflict(
            label=self._book.group_label(group), record_key=self._book.key(group),
            dataset_id=self._target.snapshot.dataset_id, ref=group.ref, person=row.person,
            username=self._book.username(row.person), reason=clash.reason, contenders=tuple(contenders),
        )  # fmt: skip

    def _write(self, group: Group, row: Row, side: int, value: Held, decided: bool) -> Iterator[AnyItem | Answer]:
        destination = self._destinations[side]
        answer = self._answer(group, row, side, value, decided)
        if isinstance(answer, str):
            yield self._reverse_skip(group, row, side, answer)
            return
        if side == TARGET and group.is_new:
            yield answer
            return
        current = row.target if side == TARGET else row.sources.get(side)
        if current is None and not destination.bulk_upsert and not destination.as_author:
            if side == TARGET and destination.recreate:
                yield answer
            else:
                detail = "this server can only insert it by deleting and re-creating the record"
                yield self._skip_at(group, row, side, "needs-recreate", detail)
            return
        record_id, position = self._place(group, side)
        way: Literal["upsert", "update", "author"]
        if current is None:
            way = "author" if destination.as_author else "upsert"
        else:
            way = "upsert" if destination.bulk_upsert else "update"
        yield ops.WriteResponse(
            label=self._book.group_label(group), record_key=self._book.key(group), dataset_id=destination.dataset_id,
            record_id=record_id, position=position, answer=answer, way=way, decided=decided,
            expects=self._own_digest(side, current) if current else None,
        )  # fmt: skip

    def _reverse_skip(self, group: Group, row: Row, side: int, problem: str) -> Skip:
        code, _, detail = problem.partition(": ")
        return self._skip_at(group, row, side, code, detail)

    def _skip_at(self, group: Group, row: Row, side: int, reason: str, detail: str) -> Skip:
        return self._skip(group, row, reason, detail, side)

    def _delete(self, group: Group, row: Row, side: int) -> ops.DeleteResponse:
        current = row.target if side == TARGET else row.sources[side]
        assert current is not None
        record_id, position = self._place(group, side)
        return ops.DeleteResponse(
            label=self._book.group_label(group), record_key=self._book.key(group),
            dataset_id=self._destinations[side].dataset_id, record_id=record_id, position=position,
            person=self._user_at(side, row.person), username=self._book.username(row.person),
            expects=self._own_digest(side, current), agreement=self._agreement(group, row, side, None, True),
        )  # fmt: skip

    def _place(self, group: Group, side: int) -> tuple[str, int]:
        record_id = group.ref if side == TARGET else group.pairs[side][0]
        return record_id, self._store.workbench.member(side, record_id).position

    def _answer(self, group: Group, row: Row, side: int, value: Held, decided: bool) -> Answer | str:
        """The answer in the names of its destination, or why the destination cannot hold it."""
        person = row.person
        body, digest, user = value.body, value.digest, person
        if side != TARGET:
            source = self._sources[side]
            user = self._user_at(side, person)
            if (
                user == person
                and self._destinations[side].back is not None
                and person not in (self._destinations[side].back or {})
            ):
                return "no-counterpart: the source's server does not know this person"
            content = json.loads(self._store.bodies.get(body))
            back = source.names.inverse()
            values = names.rename_values(content["values"], back, self._target.settings)
            misfit = names.response_problem(content["status"], values, source.settings) or names.moved_spans(
                content["values"],
                back,
                (self._target.settings, self._book.target_fields(group)),
                (source.settings, self._book.raw_fields(source, group.pairs[side][0])),
            )
            if misfit:
                return f"does-not-fit: {misfit}"
            body = self._store.bodies.put(canonical_json({"status": content["status"], "values": values}))
            digest = response_digest(content["status"], values)
        return Answer(
            person=user,
            username=self._book.username(person),
            body=body,
            leaves=digest,
            written_at=value.written_at or "",
            agreement=self._agreement(group, row, side, value, decided),
        )

    def _agreement(self, group: Group, row: Row, side: int, value: Held | None, decided: bool) -> Agreement:
        """Which pairs agree once `side` holds `value`."""
        digest = value.digest if value else None
        keys = {i: group.pairs[i][1] for i in row.paired}
        seen: tuple[tuple[int, str, str], ...] = ()
        if side != TARGET:
            sources = [side]
        else:
            held = {i: h.digest if (h := row.sources.get(i)) else None for i in row.paired}
            sources = [i for i, other in held.items() if other == digest]
            if decided:
                seen = tuple((i, keys[i], other) for i, other in held.items() if other is not None and other != digest)
        return Agreement(
            person=row.person, digest=digest, pairs=tuple((i, keys[i]) for i in sorted(sources)), seen=seen
        )

    def _own_digest(self, side: int, held: Held) -> str:
        """The digest of a value in the names of the side that holds it."""
        if side == TARGET:
            return held.digest
        content = json.loads(self._store.bodies.get(held.body))
        values = names.rename_values(content["values"], self._sources[side].names.inverse(), self._target.settings)
        return response_digest(content["status"], values)

    def _copies(self, group: Group) -> tuple[SourceRecord, ...]:
        return tuple(
            SourceRecord(source=i, record_id=group.pairs[i][0], record_key=group.pairs[i][1]) for i in group.usable
        )

    def _create(self, group: Group, answers: list[Answer]) -> CreateRecord:
        index = group.usable[0]
        side, record_id = self._sources[index], group.pairs[index][0]
        row = self._book.row(side, record_id)
        content = names.rename_content(json.loads(self._store.bodies.get(row.content)), side.names, side.settings)
        own = row.external_id
        taken = own is None or self._store.workbench.external_id_taken(own, group.ref)
        external_id = mint_external_id(side.snapshot.dataset_id, record_id) if own is None or taken else own
        return CreateRecord(
            label=self._book.group_label(group), record_key=self._book.key(group),
            dataset_id=self._destinations[TARGET].dataset_id, external_id=external_id,
            minted=is_minted(external_id) and external_id != own,
            content=self._store.bodies.put(canonical_json(content)), answers=tuple(answers),
            copies=self._copies(group),
        )  # fmt: skip

    def _recreate(self, group: Group, answers: list[Answer]) -> RecreateRecord:
        record_id, position = self._place(group, TARGET)
        row = self._store.snapshots.record(self._target.snapshot.id, record_id)
        assert row is not None
        index = group.usable[0]
        minted = mint_external_id(self._sources[index].snapshot.dataset_id, group.pairs[index][0])
        return RecreateRecord(
            label=self._book.group_label(group), record_key=self._book.key(group),
            dataset_id=self._destinations[TARGET].dataset_id, record_id=record_id, position=position,
            external_id=row.external_id if row.external_id is not None else minted,
            minted=row.external_id is None, answers=tuple(answers),
        )  # fmt: skip
