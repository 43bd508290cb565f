"""Pure: how the settings of a source and of a target differ, and what follows for what is copied."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from syncer import names
from syncer.model import Question, Settings

SHOWN = 5


def settings_difference(source: Settings, target: Settings) -> Iterator[str]:
    """One line for each difference; the source's settings under the target's names. None if all fits."""
    yield from _fields(_by_name(source.fields), _by_name(target.fields))
    for question in source.questions:
        yield from _question(question, target.question(question.name))
    for question in target.questions:
        if question.required and source.question(question.name) is None:
            yield f"question {question.name!r} is required at the target only: submitted responses do not fit"
    yield from _metadata(source, target)
    yield from _vectors(_by_name(source.vectors), _by_name(target.vectors))
    if source.distribution != target.distribution:
        yield f"a record is complete after {_needed(source)} responses at the source, {_needed(target)} at the target"
    if (source.guidelines or "") != (target.guidelines or ""):
        yield "the guidelines differ"


def _by_name(items: Iterable[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    return {item["name"]: item for item in items}


def _fields(ours: Mapping[str, Mapping[str, Any]], theirs: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for name, field in ours.items():
        other = theirs.get(name)
        if other is None:
            yield f"field {name!r} is at the source only: records cannot be created with it"
        elif field["settings"]["type"] != other["settings"]["type"]:
            kinds = f"{field['settings']['type']} at the source, {other['settings']['type']} at the target"
            yield f"field {name!r} is {kinds}"
    for name, field in theirs.items():
        if name not in ours and field.get("required"):
            yield f"field {name!r} is required and at the target only: records cannot be created"


def _question(ours: Question, theirs: Question | None) -> Iterator[str]:
    name = f"question {ours.name!r}"
    if theirs is None:
        yield f"{name} is at the source only: responses that answer it do not fit"
        return
    if ours.type != theirs.type:
        yield f"{name} is {ours.type} at the source, {theirs.type} at the target: responses that answer it do not fit"
        return
    missing = sorted(names.options(ours) - names.options(theirs))
    if missing:
        yield f"{name} lacks {_listed(missing)} at the target: responses with them do not fit"
    added = sorted(names.options(theirs) - names.options(ours))
    if added:
        yield f"{name} has {_listed(added)} at the target only"
    if ours.settings.get("field") != theirs.settings.get("field"):
        yield f"{name} marks another field at the target"
    if theirs.required and not ours.required:
        yield f"{name} is required at the target only: submitted responses without an answer to it do not fit"


def _metadata(source: Settings, target: Settings) -> Iterator[str]:
    ours, theirs = _by_name(source.metadata_properties), _by_name(target.metadata_properties)
    for name, item in ours.items():
        if name in theirs:
            if item["settings"] != theirs[name]["settings"]:
                yield f"metadata {name!r} has another type or other limits at the target: it may refuse values"
        elif target.allow_extra_metadata:
            yield f"metadata {name!r} is no property at the target: it is kept as extra metadata"
        else:
            yield f"metadata {name!r} is at the source only: records cannot be created with it"
    if source.allow_extra_metadata and not target.allow_extra_metadata:
        yield "extra metadata is allowed at the source only: records cannot be created with it"


def _vectors(ours: Mapping[str, Mapping[str, Any]], theirs: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for name, vector in ours.items():
        other = theirs.get(name)
        if other is None:
            yield f"vector {name!r} is at the source only: records cannot be created with it"
        elif vector["dimensions"] != other["dimensions"]:
            sizes = f"{vector['dimensions']} dimensions at the source, {other['dimensions']} at the target"
            yield f"vector {name!r} has {sizes}: records cannot be created with it"


def _needed(settings: Settings) -> str:
    distribution = settings.distribution or {}
    return str(distribution.get("min_submitted", "any number of"))


def _listed(options: list[Any]) -> str:
    shown = ", ".join(repr(option) for option in options[:SHOWN])
    return shown if len(options) <= SHOWN else f"{shown} and {len(options) - SHOWN} more"
