"""Records that belong together, and what they are called in a plan."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from state import RecordRow, Store
from syncer.model import canonical_json, mint_external_id
from syncer.pairing import Side
from syncer.plan import Held


@dataclass(frozen=True)
class Group:
    """Everything under one ref."""

    ref: str
    pairs: Mapping[int, tuple[str, str, str, str]]
    """source -> (record id, record key, rule or detail, outcome)"""
    answers: Mapping[str, Mapping[int, Held]]
    bases: Mapping[str, Mapping[int, str]]

    @property
    def usable(self) -> tuple[int, ...]:
        """Sources whose copy of the record takes part."""
        return tuple(i for i, pair in self.pairs.items() if pair[3] in ("matched", "new"))

    @property
    def is_new(self) -> bool:
        """Whether the record has to be created."""
        return self.ref.startswith("new:")


class Book:
    """Looks up what a plan says of records and people."""

    def __init__(self, store: Store, target: Side, sources: Mapping[int, Side], usernames: Mapping[str, str]) -> None:
        self._store = store
        self._target = target
        self._sources = sources
        self._usernames = usernames

    def difference(self, ref: str, index: int, record_id: str) -> str:
        """In which fields a source's record and its counterpart differ, with both texts."""
        if ref.startswith("new:"):
            return "the texts differ between two sources"
        ours, theirs = self.fields(self._sources[index], record_id), self.fields(self._target, ref)
        return "; ".join(
            f"{name}: source {_short(ours.get(name))!r}, target {_short(theirs.get(name))!r}"
            for name in sorted(ours.keys() & theirs.keys())
            if ours[name] != theirs[name]
        )

    def row(self, side: Side, record_id: str) -> RecordRow:
        """A record of a side's snapshot."""
        row = self._store.snapshots.record(side.snapshot.id, record_id)
        assert row is not None
        return row

    def username(self, person: str) -> str:
        """A person's username at the target, empty if unknown."""
        return self._usernames.get(person, "")

    def key(self, group: Group) -> str:
        """The record's key: a source's if it has one, else the target record's own."""
        if group.pairs:
            return group.pairs[min(group.pairs)][1]
        return mint_external_id(self._target.snapshot.dataset_id, group.ref)

    def group_label(self, group: Group) -> str:
        """What people know the record by: its external id, else the beginning of its text."""
        if not group.pairs:
            return self.label(self._target, group.ref)
        index = min(group.pairs)
        return self.label(self._sources[index], group.pairs[index][0])

    def label(self, side: Side, record_id: str) -> str:
        """The same for one side's record."""
        row = self.row(side, record_id)
        if row.external_id:
            return _short(row.external_id)
        return next((_short(v) for v in self.fields(side, record_id).values() if isinstance(v, str)), record_id)

    def fields(self, side: Side, record_id: str) -> dict[str, Any]:
        """A record's fields under the target's names."""
        return {side.names.field(name): value for name, value in self.raw_fields(side, record_id).items()}

    def target_fields(self, group: Group) -> dict[str, Any]:
        """The fields of the target's record, or of the one that will be created there."""
        if not group.is_new:
            return self.raw_fields(self._target, group.ref)
        index = group.usable[0]
        return self.fields(self._sources[index], group.pairs[index][0])

    def raw_fields(self, side: Side, record_id: str) -> dict[str, Any]:
        """A record's fields under its own names."""
        fields: dict[str, Any] = json.loads(self._store.bodies.get(self.row(side, record_id).content))["fields"]
        return fields


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else canonical_json(value)
    flat = " ".join(text.split())
    return flat if len(flat) <= 60 else flat[:59] + "…"
