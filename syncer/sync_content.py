"""Pure or reading the store only: settings of a new target, and what of records' contents is brought in step."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from state import RecordRow, Store
from syncer import names
from syncer.argilla import Capabilities
from syncer.errors import Refused
from syncer.model import Question, Settings, canonical_json, digest_of
from syncer.names import Names
from syncer.ops import DeleteRecord, Skip, UpdateRecord
from syncer.options import Part
from syncer.pairing import Side

OPTION_TYPES = ("label_selection", "multi_label_selection", "span", "ranking")


def settings_for(sources: Sequence[Settings], renames: Sequence[Names], *, union_labels: bool) -> Settings:
    """The settings of a new target: those of the first source under the target's names; with `union_labels`,
    label options of all sources, in the order in which they appear."""
    first = rename_settings(sources[0], renames[0])
    if not union_labels:
        return first
    others = [rename_settings(s, n) for s, n in zip(sources[1:], renames[1:], strict=True)]
    questions = tuple(_union(question, others) for question in first.questions)
    return Settings(**{**vars_of(first), "questions": questions})


def vars_of(settings: Settings) -> dict[str, Any]:
    """The constructor arguments of settings."""
    return {name: getattr(settings, name) for name in Settings.__dataclass_fields__}


def _union(question: Question, others: Sequence[Settings]) -> Question:
    if question.type not in OPTION_TYPES:
        return question
    merged = {option["value"]: option for option in question.settings["options"]}
    for settings in others:
        other = settings.question(question.name)
        if other is not None and other.type == question.type:
            for option in other.settings["options"]:
                merged.setdefault(option["value"], option)
    return _with_settings(question, {**question.settings, "options": list(merged.values())})


def _with_settings(question: Question, settings: dict[str, Any], name: str | None = None) -> Question:
    return Question(
        question.remote_id,
        name if name is not None else question.name,
        question.title,
        question.description,
        question.required,
        settings,
    )


def rename_settings(settings: Settings, renames: Names) -> Settings:
    """Settings under the target's names of fields, questions and labels."""
    fields = tuple({**field, "name": renames.field(field["name"])} for field in settings.fields)
    questions = []
    for question in settings.questions:
        labels = renames.labels.get(question.name, {})
        changed = dict(question.settings)
        if labels and "options" in changed:
            merged: dict[Any, Any] = {}
            for option in changed["options"]:
                value = labels.get(option["value"], option["value"])
                merged.setdefault(value, {**option, "value": value})
            changed["options"] = list(merged.values())
        if question.type == "span":
            changed["field"] = renames.field(changed["field"])
        questions.append(_with_settings(question, changed, renames.question(question.name)))
    return Settings(**{**vars_of(settings), "fields": fields, "questions": tuple(questions)})


def check_creatable(settings: Settings, capabilities: Capabilities, reference: str) -> None:
    """Raise Refused if a server of this version cannot have a dataset with these settings."""
    problems = []
    for field in settings.fields:
        if field["settings"]["type"] not in capabilities.field_types:
            problems.append(f"it has no {field['settings']['type']} fields ({field['name']})")
    for question in settings.questions:
        if question.type == "span" and not capabilities.span:
            problems.append(f"it has no span questions ({question.name})")
        if question.type == "rating" and min(names.options(question)) < capabilities.rating_min:
            problems.append(f"ratings begin at {capabilities.rating_min} ({question.name})")
    if problems:
        raise Refused(
            "the dataset cannot be created on this server",
            where=f"{reference}, Argilla {capabilities.version}",
            why="; ".join(problems),
            advice="Use a newer server, or leave these fields and questions out of the source",
        )


def settings_losses(sources: Sequence[Settings], capabilities: Capabilities) -> Iterator[str]:
    """What of the sources' settings the target's server cannot have."""
    for settings in sources:
        if settings.distribution and not capabilities.distribution:
            yield "the distribution of tasks (this server has none)"
        if settings.dataset_metadata and not capabilities.dataset_metadata:
            yield "the dataset's own metadata (this server has none)"


def record_updates(
    store: Store, target: Side, sources: Sequence[Side], parts: Sequence[Part], capabilities: Capabilities
) -> Iterator[UpdateRecord]:
    """Parts of records that exist on both sides and differ; the first source that has the record decides."""
    if not parts:
        return
    seen: set[str] = set()
    for side in sources:
        for pair in store.workbench.pairs(side.index):
            if pair.outcome != "matched" or pair.ref in seen:
                continue
            seen.add(pair.ref)
            ours = store.snapshots.record(side.snapshot.id, pair.source_id)
            theirs = store.snapshots.record(target.snapshot.id, pair.ref)
            assert ours is not None
            if theirs is None:
                continue
            wanted = names.rename_content(_content(store, ours), side.names, side.settings)
            yield from _differences(
                store, target, theirs, wanted, _content(store, theirs), parts, pair.record_key, capabilities
            )


def _differences(
    store: Store,
    target: Side,
    row: RecordRow,
    wanted: Mapping[str, Any],
    there: Mapping[str, Any],
    parts: Sequence[Part],
    record_key: str,
    capabilities: Capabilities,
) -> Iterator[UpdateRecord]:
    for part in parts:
        if part == "fields" and not capabilities.fields_update:
            continue
        value = _fitting(part, wanted[part], target.settings)
        if digest_of(value or None) == digest_of(there[part] or None):
            continue
        yield UpdateRecord(
            label=row.external_id or row.remote_id,
            record_key=record_key,
            dataset_id=target.snapshot.dataset_id,
            record_id=row.remote_id,
            position=row.position,
            part=part,
            expects=digest_of(there[part] or None),
            leaves=digest_of(value or None),
            body=store.bodies.put(canonical_json(value)),
        )


def _fitting(part: Part, value: Any, settings: Settings) -> Any:
    """What of a part the target can hold."""
    if part == "metadata" and value and not settings.allow_extra_metadata:
        known = {p["name"] for p in settings.metadata_properties}
        return {name: item for name, item in value.items() if name in known}
    if part == "vectors":
        known = {v["name"] for v in settings.vectors}
        return {name: item for name, item in (value or {}).items() if name in known}
    if part == "suggestions":
        known = {q.name for q in settings.questions}
        return [item for item in value if item["question"] in known]
    return value


def record_deletions(store: Store, target: Side) -> Iterator[DeleteRecord | Skip]:
    """Target records that no source has (mirror). One that shares a key with any source record stays, although
    the two could not be paired: it may be one of several candidates, or its counterpart is filtered out. So does
    one with a response of a deleted user, which nothing could ever bring back."""
    wanted = store.workbench.wanted_targets()
    for row in store.snapshots.records(target.snapshot.id):
        if row.remote_id in wanted:
            continue
        responses = list(store.snapshots.responses(target.snapshot.id, row.remote_id))
        label = row.external_id or row.remote_id
        if any(response.user_id is None for response in responses):
            yield Skip(
                label=label, record_key="", side=target.index, ref=row.remote_id, person="", username="",
                reason="deleted-author", detail="it holds a response of a deleted user",
            )  # fmt: skip
            continue
        answers = sorted((r.user_id or "", r.digest) for r in responses)
        yield DeleteRecord(
            label=label,
            record_key="",
            dataset_id=target.snapshot.dataset_id,
            record_id=row.remote_id,
            position=row.position,
            responses=len(responses),
            expects=digest_of([_content(store, row), answers]),
        )


def records_deleted_at_sources(store: Store, target: Side, sources: Sequence[Side]) -> Iterator[Skip]:
    """Target records whose counterpart an earlier run has seen in a source, and that source has no longer."""
    for side in sources:
        paired = {pair.ref for pair in store.workbench.pairs(side.index)}
        for link in store.memory.links(side.pair):
            row = store.snapshots.record(target.snapshot.id, link.target_id)
            if row is None or row.remote_id in paired or store.snapshots.record(side.snapshot.id, link.source_id):
                continue
            yield Skip(
                label=row.external_id or row.remote_id, record_key=link.record_key, side=side.index, ref=row.remote_id,
                person="", username="", reason="record-deleted-at-source",
                detail="it stays at the target; --mirror deletes records that no source has",
            )  # fmt: skip


def count_completed(
    store: Store, snapshot_id: int, added: Mapping[str, int], created: Sequence[int], min_submitted: int
) -> int:
    """How many records reach `min_submitted`: existing ones (id -> submitted responses added), and created
    ones (submitted responses of each)."""
    total = sum(1 for submitted in created if submitted >= min_submitted)
    for record_id, number in added.items():
        responses = store.snapshots.responses(snapshot_id, record_id)
        before = sum(1 for response in responses if response.status == "submitted")
        total += before < min_submitted <= before + number
    return total


def _content(store: Store, row: RecordRow) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(store.bodies.get(row.content))
    return content
