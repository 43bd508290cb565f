"""Join snapshots in the workbench: every source record gets a pair row, every response a ref and a person."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from state import TARGET, AnswerRow, Candidate, Member, PairRow, RecordRow, SnapshotRow, Store
from syncer import match, names
from syncer.filters import Filters
from syncer.model import Settings, canonical_json, mint_external_id, response_digest
from syncer.names import Names

PAGE = 500
NEW_ORD = 1_000_000_000
"""Refs of records that are not at the target come after all that are, source by source."""


@dataclass(frozen=True)
class Side:
    """A snapshot, its settings, and its people: `persons` maps its user ids to persons of the target, `reasons`
    says why an author has none (code and detail)."""

    index: int
    snapshot: SnapshotRow
    settings: Settings
    names: Names
    persons: Mapping[str, str]
    reasons: Mapping[str | None, str]
    pair: str = ""


@dataclass(frozen=True)
class Options:
    """What steers pairing."""

    rules: match.Rules
    create_records: bool
    allow_different_fields: bool
    restore_deleted: bool
    filters: Filters


class Pairing:
    """One filling of the workbench: target first, then source after source, then responses and bases."""

    def __init__(self, store: Store, target: Side, sources: list[Side], options: Options) -> None:
        self._store = store
        self._bench = store.workbench
        self._target = target
        self._sources = sources
        self._options = options
        self._shared = _shared_fields(target, sources)
        self._has_spans = any(question.type == "span" for question in target.settings.questions)

    def fill(self) -> None:
        """Pair everything. The result depends on the snapshots, the links and the options alone."""
        self._bench.reset()
        self._add_side(self._target)
        self._bench.add_refs(
            (row.remote_id, row.position) for row in self._store.snapshots.records(self._target.snapshot.id)
        )
        for side in self._sources:
            self._add_side(side)
            for rank in self._options.rules.ranks:
                self._pair_rank(side, rank)
            self._settle_unpaired(side)
        for side in [self._target, *self._sources]:
            self._add_answers(side)
        for side in self._sources:
            self._bench.add_bases(side.index, side.pair)

    def _add_side(self, side: Side) -> None:
        rows = self._store.snapshots.records(side.snapshot.id)
        links = {}
        if side.index != TARGET:
            links = {link.source_id: link.target_id for link in self._store.memory.links(side.pair)}
        for page in _pages(rows):
            members: list[Member] = []
            keys: list[tuple[str, int, str]] = []
            for row in page:
                content = names.rename_content(self._content(row), side.names, side.settings)
                # A snapshot of the target itself (restore) knows its records by their own ids.
                own = side.snapshot.dataset_id == self._target.snapshot.dataset_id
                link = row.remote_id if own else links.get(row.remote_id)
                found = match.own_keys(side.snapshot.dataset_id, row.remote_id, row.external_id, link)
                found += match.content_keys(content, row.external_id, self._shared, self._options.rules)
                keys += [(row.remote_id, rank, key) for rank, key in found]
                shared = match.fields_digest(content["fields"], self._shared, self._options.rules)
                # What a filter keeps out is paired all the same: its counterpart must not become another one's.
                kept = side.index == TARGET or self._options.filters.keeps_record(row, content)
                members.append(Member(row.position, row.remote_id, row.external_id, shared, kept))
            self._bench.add_records(side.index, members, keys)

    def _content(self, row: RecordRow) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self._store.bodies.get(row.content))
        return content

    def _pair_rank(self, side: Side, rank: int) -> None:
        rule = self._options.rules.rule(rank)
        used: set[str] = set()
        for group in self._bench.candidates(side.index, rank):
            sources = [m for m in group.sources if m.remote_id not in used]
            targets = [m for m in group.targets if m.remote_id not in used]
            if not sources or not targets:
                continue
            pairs = match.pair_up(sources, targets, rule, self._options.rules)
            if pairs is None:
                rows = self._ambiguous(side, sources, rule)
            else:
                rows = [self._paired(side, source, target, rule) for source, target in pairs]
                used |= {target.remote_id for _, target in pairs}
            used |= {source.remote_id for source in sources}
            self._bench.add_pairs(rows)

    def _ambiguous(self, side: Side, sources: list[Member], rule: str) -> list[PairRow]:
        return [self._left_out(side, member, "ambiguous", rule) for member in sources]

    def _left_out(self, side: Side, member: Member, outcome: str, rule: str = "") -> PairRow:
        ref = f"left:{side.index}:{member.remote_id}"
        self._bench.add_refs([(ref, _ord(side, member))])
        outcome = outcome if member.kept else "filtered"
        return PairRow(side.index, member.remote_id, ref, self._key(side, member, None), rule, outcome)

    def _paired(self, side: Side, source: Member, target: Member, rule: str) -> PairRow:
        # Without a shared field nothing shows that two records with one number have one text.
        same = source.shared == target.shared and self._shared
        differs = not same and not self._options.allow_different_fields
        outcome = "content-differs" if differs else "matched"
        if target.remote_id.startswith("new:") and not differs:
            outcome = "new"
        outcome = outcome if source.kept else "filtered"
        key = self._key(side, source, target.remote_id)
        return PairRow(side.index, source.remote_id, target.remote_id, key, rule, outcome)

    def _key(self, side: Side, source: Member, target_id: str | None) -> str:
        """The record key of an earlier run if there is one, else one that the same record always gets."""
        link = self._store.memory.link_of(side.pair, source_id=source.remote_id, target_id=target_id)
        return link.record_key if link else mint_external_id(side.snapshot.dataset_id, source.remote_id)

    def _settle_unpaired(self, side: Side) -> None:
        """What no rule found: deleted at the target since, only in the source, or to be created."""
        rows: list[PairRow] = []
        new: list[tuple[str, str, int]] = []
        for member in self._bench.unpaired(side.index):
            link = self._store.memory.link_of(side.pair, source_id=member.remote_id, target_id=None)
            if not member.kept:
                rows.append(self._left_out(side, member, "filtered"))
            elif link is not None and not self._options.restore_deleted:
                rows.append(self._left_out(side, member, "record-deleted-at-target"))
            elif not self._options.create_records:
                rows.append(self._left_out(side, member, "only-in-source"))
            else:
                problem = self._record_problem(side, member)
                if problem:
                    rows.append(self._left_out(side, member, "record-does-not-fit", problem))
                    continue
                ref = f"new:{side.index}:{member.remote_id}"
                self._bench.add_refs([(ref, _ord(side, member))])
                rows.append(PairRow(side.index, member.remote_id, ref, self._key(side, member, None), "", "new"))
                new.append((member.remote_id, ref, match.MINTED))
        self._bench.add_pairs(rows)
        self._bench.promote(side.index, new)

    def _record_problem(self, side: Side, member: Member) -> str | None:
        row = self._store.snapshots.record(side.snapshot.id, member.remote_id)
        assert row is not None
        content = names.rename_content(self._content(row), side.names, side.settings)
        return names.record_problem(content, self._target.settings)

    def _add_answers(self, side: Side) -> None:
        for page in _pages(self._store.snapshots.responses(side.snapshot.id)):
            self._bench.add_answers(row for response in page if (row := self._answer(side, response)) is not None)

    def _answer(self, side: Side, response: Any) -> AnswerRow | None:
        if side.index == TARGET:
            ref, person, body, digest, problem = (
                response.record_id,
                response.user_id,
                response.body,
                response.digest,
                None,
            )
            # A target's response without an author has no identity: it stays in place, outside of any row.
            if person is None:
                return None
        else:
            pair = self._bench.pair_of(side.index, response.record_id)
            if pair.outcome == "filtered":
                return None
            ref = pair.ref
            person, problem = self._person(side, response)
            body, digest, misfit = self._translated(side, response, ref)
            problem = problem or misfit
        return AnswerRow(
            ref, person, side.index, digest, body, response.status, response.updated_at, response.remote_id, problem
        )

    def _person(self, side: Side, response: Any) -> tuple[str, str | None]:
        if not self._options.filters.keeps_response(response, self._username(side, response.user_id)):
            problem: str | None = "filtered"
        else:
            problem = None
        known = side.persons.get(response.user_id) if response.user_id is not None else None
        if known is not None:
            return known, problem
        # Named so that it can meet no real person, and apart for every authorless response.
        made_up = f"?{side.index}:{response.user_id or response.remote_id}"
        return made_up, problem or side.reasons.get(response.user_id, "no-counterpart")

    def _username(self, side: Side, user_id: str | None) -> str | None:
        if not self._options.filters.by_author:
            return None
        users = {user.user_id: user.username for user in self._store.snapshots.users(side.snapshot.id)}
        return users.get(user_id) if user_id is not None else None

    def _translated(self, side: Side, response: Any, ref: str) -> tuple[str, str, str | None]:
        """Body and digest in the target's names, and why the target could not hold it."""
        body = json.loads(self._store.bodies.get(response.body))
        values = names.rename_values(body["values"], side.names, side.settings)
        misfit = names.response_problem(body["status"], values, self._target.settings)
        if misfit is None and self._has_spans:
            origin = (side.settings, self._fields(side, response.record_id))
            misfit = names.moved_spans(body["values"], side.names, origin, self._home(ref))
        problem = f"does-not-fit: {misfit}" if misfit else None
        if values == body["values"]:
            return response.body, response.digest, problem
        text = canonical_json({"status": body["status"], "values": values})
        return self._store.bodies.put(text), response_digest(body["status"], values), problem

    def _home(self, ref: str) -> tuple[Settings, dict[str, Any]]:
        """The target's settings and the fields of the record behind a ref, under the target's names."""
        _, _, rest = ref.partition(":")
        if not rest:
            return self._target.settings, self._fields(self._target, ref)
        index, _, record_id = rest.partition(":")
        side = self._sources[int(index)]
        fields = self._fields(side, record_id)
        return self._target.settings, {side.names.field(name): value for name, value in fields.items()}

    def _fields(self, side: Side, record_id: str) -> dict[str, Any]:
        row = self._store.snapshots.record(side.snapshot.id, record_id)
        assert row is not None
        fields: dict[str, Any] = self._content(row)["fields"]
        return fields


def _ord(side: Side, member: Member) -> int:
    return (side.index + 1) * NEW_ORD + member.position


def _shared_fields(target: Side, sources: Iterable[Side]) -> list[str]:
    shared = {f["name"] for f in target.settings.fields}
    for side in sources:
        shared &= {side.names.field(f["name"]) for f in side.settings.fields}
    return sorted(shared)


def _pages(rows: Iterator[Any]) -> Iterator[list[Any]]:
    while page := list(itertools.islice(rows, PAGE)):
        yield page


__all__ = ["Candidate", "Options", "Pairing", "Side"]
