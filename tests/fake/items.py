"""Records in a request body: reading them and checking them against the dataset."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .errors import RuleBroken, invalid, unprocessable
from .quirks import Quirks
from .shapes import Loc, as_list, as_object, as_text, as_uuid, needed
from .state import Dataset, Record, Setting, Store, named
from .suggestions import Read, check_suggestion, read_suggestion
from .values import check_answer, read_responses


@dataclass(frozen=True)
class Item:
    """One record of a body, in the form in which it will be stored."""

    id: str | None
    given: frozenset[str]
    """The keys that were in the body at all."""
    fields: dict[str, Any] | None
    metadata: dict[str, Any] | None
    external_id: str | None
    responses: list[tuple[str, str, dict[str, Any] | None]]
    suggestions: list[Read]
    vectors: dict[str, list[float]]


def read_items(body: Any, quirks: Quirks, high: int, *, upsert: bool) -> list[Item]:
    loc: Loc = ("body", "items")
    items = as_list(needed(as_object(body, ("body",)), "items", ("body",)), loc, 1, high)
    read = [read_item(item, (*loc, place), quirks, upsert=upsert) for place, item in enumerate(items)]
    external_ids = [item.external_id for item in read if item.external_id is not None]
    if not quirks.duplicate_external_id_breaks and len(external_ids) != len(set(external_ids)):
        raise invalid(loc, "External IDs must be unique")
    return read


def read_item(value: Any, loc: Loc, quirks: Quirks, *, upsert: bool) -> Item:
    body = as_object(value, loc)
    fields = body.get("fields") if upsert else needed(body, "fields", loc)
    if fields is not None or not upsert:
        as_object(fields, (*loc, "fields"))
    external_id = body.get("external_id")
    if isinstance(external_id, int | float):
        external_id = str(external_id)
    if external_id is not None:
        as_text(external_id, (*loc, "external_id"))
    return Item(
        id=as_uuid(body["id"], (*loc, "id")) if upsert and body.get("id") is not None else None,
        given=frozenset(body),
        fields=fields,
        metadata=read_metadata(body.get("metadata"), (*loc, "metadata")),
        external_id=external_id,
        responses=read_responses(body.get("responses") or [], (*loc, "responses")),
        suggestions=[
            read_suggestion(suggestion, (*loc, "suggestions", place), quirks)
            for place, suggestion in enumerate(as_list(body.get("suggestions") or [], (*loc, "suggestions")))
        ],
        vectors=read_vectors(body.get("vectors"), (*loc, "vectors")),
    )


def read_metadata(value: Any, loc: Loc) -> dict[str, Any] | None:
    if value is None:
        return None
    metadata = as_object(value, loc)
    for name, item in metadata.items():
        if item != item:
            raise invalid(loc, f"NaN is not allowed as metadata value, found NaN for key {name!r}")
    return metadata


def read_vectors(value: Any, loc: Loc) -> dict[str, list[float]]:
    vectors = as_object(value or {}, loc)
    for name, numbers in vectors.items():
        for number in as_list(numbers, (*loc, name)):
            if isinstance(number, bool) or not isinstance(number, int | float):
                raise invalid((*loc, name), "value is not a valid float", "type_error.float")
    return vectors


@dataclass(frozen=True)
class Checker:
    """Checks the items of one call; the first bad one refuses the whole call with the version's sentence."""

    store: Store
    quirks: Quirks
    dataset: Dataset

    def check(self, items: list[Item], found: list[Record | None]) -> None:
        """`found` holds the stored record of each item, or None where a new one would be created."""
        phases: list[tuple[str, Callable[[Item, Record | None], None]]] = [
            ("", self._record),
            ("suggestions", self._suggestions),
            ("vectors", self._vectors),
            ("responses", self._responses),
        ]
        if not self.quirks.bulk or self.quirks.commits_before_indexing:
            rounds = [phases]
        else:
            rounds = [[phase] for phase in phases]
        for some in rounds:
            for position, (item, record) in enumerate(zip(items, found, strict=True)):
                for phase, check in some:
                    try:
                        check(item, record)
                    except RuleBroken as problem:
                        raise unprocessable(self._sentence(position, phase, str(problem))) from None

    def _sentence(self, position: int, phase: str, problem: str) -> str:
        if not self.quirks.bulk:
            return f"Record at position {position} is not valid because {problem}"
        if self.quirks.commits_before_indexing:
            inner = f"record does not have valid {phase}: {problem}" if phase else problem
            return f"Record at position {position} is not valid because {inner}"
        if phase:
            return f"Record at position {position} does not have valid {phase} because {problem}"
        return f"record at position {position} is not valid because {problem}"

    def _record(self, item: Item, record: Record | None) -> None:
        if record is None or (self.quirks.upsert_edits_fields and "fields" in item.given):
            check_fields(self.dataset, item.fields, self.quirks)
        check_metadata(self.dataset, item.metadata)

    def _suggestions(self, item: Item, record: Record | None) -> None:
        if self.quirks.refuses_repeated_suggestion:
            refuse_repeated(item.suggestions)
        fields = record.fields if record else item.fields or {}
        for suggestion in item.suggestions:
            check_suggestion(self.dataset, fields, suggestion, self.quirks)

    def _vectors(self, item: Item, record: Record | None) -> None:  # noqa: ARG002
        check_vectors(self.dataset, item.vectors)

    def _responses(self, item: Item, record: Record | None) -> None:
        fields = record.fields if record else item.fields or {}
        for place, (user_id, status, values) in enumerate(item.responses):
            try:
                if user_id not in self.store.users:
                    raise RuleBroken(f"user with id {user_id} not found")
                check_answer(self.dataset, fields, status, values)
            except RuleBroken as problem:
                if self.quirks.bulk:
                    raise
                raise RuleBroken(f"response at position {place} is not valid: {problem}") from None


def refuse_repeated(suggestions: list[Read]) -> None:
    ids = [suggestion["question_id"] for suggestion in suggestions]
    if len(ids) != len(set(ids)):
        raise RuleBroken("found duplicate suggestions question IDs")


def check_fields(dataset: Dataset, fields: dict[str, Any] | None, quirks: Quirks) -> None:
    if fields is None and not quirks.commits_before_indexing:
        raise RuleBroken(
            "1 validation error for RecordCreate\nfields\n"
            "  none is not an allowed value (type=type_error.none.not_allowed)"
        )
    if not fields and quirks.commits_before_indexing:
        raise RuleBroken("fields cannot be empty")
    fields = fields or {}
    for field in dataset.fields:
        if field.required and fields.get(field.name) is None:
            raise RuleBroken(f"missing required value for field: {field.name!r}")
    extra = [name for name in fields if named(dataset.fields, name) is None]
    if extra:
        raise RuleBroken(f"found fields values for non configured fields: {extra!r}")
    for field in dataset.fields:
        _check_field(field, fields.get(field.name))


def _check_field(field: Setting, value: Any) -> None:
    kind = field.settings["type"]
    if value is None:
        return
    if kind == "text" and not isinstance(value, str):
        raise RuleBroken(f"text field {field.name!r} value must be a string")
    if kind == "image" and not (isinstance(value, str) and value.startswith(("http://", "https://", "data:"))):
        raise RuleBroken(f"image field {field.name!r} has an invalid URL value")
    if kind == "chat" and not (
        isinstance(value, list) and all(isinstance(m, dict) and {"role", "content"} <= m.keys() for m in value)
    ):
        raise RuleBroken(f"chat field {field.name!r} value must be a list of messages")
    if kind == "custom" and not isinstance(value, dict):
        raise RuleBroken(f"custom field {field.name!r} value must be a dictionary")


def check_metadata(dataset: Dataset, metadata: dict[str, Any] | None) -> None:
    for name, value in (metadata or {}).items():
        prop = named(dataset.properties, name)
        if prop is None and not dataset.allow_extra_metadata:
            raise RuleBroken(
                f"metadata is not valid: '{name}' metadata property does not exists for dataset '{dataset.id}' "
                "and extra metadata is not allowed for this dataset"
            )
        if prop is not None and value is not None and (problem := _metadata_problem(prop.settings, value)):
            raise RuleBroken(f"metadata is not valid: '{name}' metadata property validation failed because {problem}")


def _metadata_problem(settings: dict[str, Any], value: Any) -> str | None:
    if settings["type"] == "terms":
        allowed = settings["values"]
        terms = value if isinstance(value, list) else [value]
        wrong = [term for term in terms if allowed is not None and term not in allowed]
        return f"'{wrong[0]}' is not an allowed term." if wrong else None
    kind, name = (int, "an integer") if settings["type"] == "integer" else (float, "a float")
    if not isinstance(value, kind):
        return f"'{value}' is not {name}."
    if settings["min"] is not None and value < settings["min"]:
        return f"'{value}' is less than the minimum value of '{settings['min']}'."
    if settings["max"] is not None and value > settings["max"]:
        return f"'{value}' is greater than the maximum value of '{settings['max']}'."
    return None


def check_vectors(dataset: Dataset, vectors: dict[str, list[float]]) -> None:
    for name, numbers in vectors.items():
        setting = named(dataset.vectors, name)
        if setting is None:
            raise RuleBroken(f"vector with name={name} does not exist for dataset_id={dataset.id}")
        if len(numbers) != setting.dimensions:
            raise RuleBroken(f"vector must have {setting.dimensions} elements, got {len(numbers)} elements")
