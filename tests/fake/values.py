"""Answers to questions: their shape, and whether they fit the question."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .errors import RuleBroken, invalid
from .shapes import Loc, as_choice, as_integer, as_list, as_object, as_text, as_uuid, needed
from .state import Dataset, Setting, named

STATUSES = ("draft", "submitted", "discarded")
Fields = dict[str, Any]


def read_value(value: Any, loc: Loc) -> Any:
    """An answer in the form in which it is stored; anything that no question type takes is a 422."""
    if isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    if not isinstance(value, list):
        raise invalid(loc, "value is of no known type")
    if value and all(isinstance(item, dict) and "label" in item for item in value):
        return [_read_span(item, (*loc, place)) for place, item in enumerate(value)]
    if value and all(isinstance(item, dict) for item in value):
        return [_read_rank(item, (*loc, place)) for place, item in enumerate(value)]
    return [as_text(item, (*loc, place)) for place, item in enumerate(value)]


def _read_span(item: dict[str, Any], loc: Loc) -> dict[str, Any]:
    start = as_integer(needed(item, "start", loc), (*loc, "start"), low=0)
    end = as_integer(needed(item, "end", loc), (*loc, "end"), low=1)
    if end <= start:
        raise invalid(loc, "span question response value 'end' must have a value greater than 'start'")
    return {"label": as_text(item["label"], (*loc, "label")), "start": start, "end": end}


def _read_rank(item: dict[str, Any], loc: Loc) -> dict[str, Any]:
    rank = item.get("rank")
    if rank is not None:
        as_integer(rank, (*loc, "rank"))
    return {"value": as_text(needed(item, "value", loc), (*loc, "value")), "rank": rank}


def read_values(values: Any, loc: Loc) -> dict[str, Any] | None:
    if values is None:
        return None
    read = {}
    for name, wrapped in as_object(values, loc).items():
        value = needed(as_object(wrapped, (*loc, name)), "value", (*loc, name))
        read[name] = {"value": read_value(value, (*loc, name, "value"))}
    return read


def read_answer(body: Any, loc: Loc, *, in_record: bool, update: bool = False) -> tuple[str, dict[str, Any] | None]:
    """Status and values; inside of a record a draft must have values, an empty object at least."""
    body = as_object(body, loc)
    status = as_choice(needed(body, "status", loc), (*loc, "status"), STATUSES)
    must = (in_record and status != "discarded") or (update and status == "submitted")
    if must and body.get("values") is None:
        raise invalid((*loc, "values"), "none is not an allowed value", "type_error.none.not_allowed")
    return status, read_values(body.get("values"), (*loc, "values"))


def read_responses(items: Any, loc: Loc) -> list[tuple[str, str, dict[str, Any] | None]]:
    """The responses inside of a record: (user id, status, values)."""
    read = []
    seen = set()
    for place, item in enumerate(as_list(items, loc)):
        at = (*loc, place)
        user_id = as_uuid(needed(as_object(item, at), "user_id", at), (*at, "user_id"))
        if user_id in seen:
            raise invalid(loc, f"'responses' contains several responses for the same user_id={user_id!r}")
        seen.add(user_id)
        read.append((user_id, *read_answer(item, at, in_record=True)))
    return read


def check_answer(dataset: Dataset, fields: Fields, status: str, values: dict[str, Any] | None) -> None:
    """Raise RuleBroken if the answer does not fit the dataset's questions."""
    submitted = status == "submitted"
    if submitted and not values:
        raise RuleBroken("missing response values for submitted response")
    for question in dataset.questions:
        if submitted and question.required and question.name not in (values or {}):
            raise RuleBroken(f"missing response value for required question with name={question.name!r}")
    for name in values or {}:
        if named(dataset.questions, name) is None:
            raise RuleBroken(f"found response value for non configured question with name={name!r}")
    for question in dataset.questions:
        if values and question.name in values:
            check_value(question, fields, values[question.name]["value"], submitted=submitted)


def check_value(question: Setting, fields: Fields, value: Any, *, submitted: bool) -> None:
    """Raise RuleBroken if a value, of a response or of a suggestion, does not fit its question."""
    kind = question.settings["type"]
    if kind == "text":
        if not isinstance(value, str):
            raise RuleBroken(f"text question expects a text value, found {type(value)}")
    elif kind in ("label_selection", "rating"):
        _check_single(kind, options_of(question), value)
    elif not isinstance(value, list):
        raise RuleBroken(f"{kind.replace('_', ' ')} question expects a list of values, found {type(value)}")
    elif kind == "multi_label_selection":
        _check_multi(options_of(question), value)
    elif kind == "ranking":
        _check_ranking(options_of(question), value, submitted=submitted)
    else:
        _check_spans(question.settings, fields, value)


def options_of(question: Setting) -> list[Any]:
    return [option["value"] for option in question.settings["options"]]


def _check_single(kind: str, options: list[Any], value: Any) -> None:
    if value not in options:
        word = "rating" if kind == "rating" else "label"
        raise RuleBroken(
            f"{value!r} is not a valid {word} for {kind.replace('_', ' ')} question.\nValid {word}s are: {options!r}"
        )


def _refuse_unknown(options: list[Any], values: Iterable[Any], word: str, kind: str) -> None:
    unknown = sorted(set(values) - set(options))
    if unknown:
        raise RuleBroken(f"{unknown!r} are not valid {word} for {kind} question.\nValid {word} are: {options!r}")


def _check_multi(options: list[Any], value: list[Any]) -> None:
    if not value:
        raise RuleBroken("multi label selection questions expects a list of values, found empty list")
    if any(not isinstance(item, str) for item in value):
        raise RuleBroken("multi label selection questions expects a list of labels")
    if len(value) != len(set(value)):
        raise RuleBroken("multi label selection questions expect a list of unique values, but duplicates were found")
    _refuse_unknown(options, value, "labels", "multi label selection")


def _check_ranking(options: list[Any], value: list[Any], *, submitted: bool) -> None:
    if any(not isinstance(item, dict) or "rank" not in item for item in value):
        raise RuleBroken("ranking question expects a list of ranked values")
    if submitted:
        if len(value) != len(options):
            raise RuleBroken(
                f"ranking question expects a list containing {len(options)} values, found a list of {len(value)} values"
            )
        ranks = list(range(1, len(options) + 1))
        wrong = [item["rank"] for item in value if item["rank"] not in ranks]
        if wrong:
            raise RuleBroken(f"{wrong!r} are not valid ranks for ranking question.\nValid ranks are: {ranks!r}")
    names = [item["value"] for item in value]
    _refuse_unknown(options, names, "values", "ranking")
    if len(names) != len(set(names)):
        raise RuleBroken("ranking question expects a list of unique values, but duplicates were found")


def _check_spans(settings: dict[str, Any], fields: Fields, value: list[Any]) -> None:
    field = settings["field"]
    text = fields.get(field)
    if not isinstance(text, str):
        raise RuleBroken(f"span question requires record to have field `{field}`")
    if any(not isinstance(item, dict) or "label" not in item for item in value):
        raise RuleBroken("span question expects a list of spans")
    options = [option["value"] for option in settings["options"]]
    for item in value:
        if item["start"] > len(text) - 1:
            raise RuleBroken(
                "span question response value `start` must have a value lower than record field "
                f"`{field}` length that is `{len(text)}`"
            )
        if item["end"] > len(text):
            raise RuleBroken(
                "span question response value `end` must have a value lower or equal than record field "
                f"`{field}` length that is `{len(text)}`"
            )
        if item["label"] not in options:
            raise RuleBroken(f"undefined label '{item['label']}' for span question.\nValid labels are: {options!r}")
    if not settings["allow_overlapping"]:
        _refuse_overlap(value)


def _refuse_overlap(spans: list[Any]) -> None:
    for i, one in enumerate(spans):
        for j, other in enumerate(spans):
            if i != j and one["start"] < other["end"] and one["end"] > other["start"]:
                raise RuleBroken(f"overlapping values found between spans at index idx={i} and idx={j}")
