"""Pure: names that differ between copies (questions, labels, fields), and whether an answer fits a dataset."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from syncer.errors import UsageError
from syncer.model import Question, Settings, Values


@dataclass(frozen=True)
class Names:
    """Renames from source to target; what is not listed keeps its name. Labels are listed per source question."""

    questions: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict)

    def question(self, name: str) -> str:
        """The target's name of a source question."""
        return self.questions.get(name, name)

    def field(self, name: str) -> str:
        """The target's name of a source field."""
        return self.fields.get(name, name)

    def inverse(self) -> Names:
        """Renames from target to source. Raises UsageError if two names become one: that cannot be undone."""
        return Names(
            questions=_invert(self.questions, "questions"),
            labels={self.question(q): _invert(m, f"labels of {q}") for q, m in self.labels.items()},
            fields=_invert(self.fields, "fields"),
        )

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON value for plans."""
        return {
            "questions": dict(self.questions),
            "labels": {q: dict(m) for q, m in self.labels.items()},
            "fields": dict(self.fields),
        }


def _invert(names: Mapping[str, str], what: str) -> dict[str, str]:
    inverse = {new: old for old, new in names.items()}
    if len(inverse) != len(names):
        raise UsageError(
            f"the map of {what} gives two names one new name",
            advice="A two-way job needs a map that can be read both ways",
        )
    return inverse


def check_questions(questions: Iterable[str], target: Settings) -> None:
    """Refuse an option for a question which the target does not have. Raises UsageError."""
    for name in questions:
        _known(name, {q.name for q in target.questions}, "question", "target")


def check_names(names: Names, source: Settings, target: Settings) -> None:
    """Refuse a map that names a question, label or field which is not there. Raises UsageError."""
    target_fields = {f["name"] for f in target.fields}
    source_fields = {f["name"] for f in source.fields}
    for old, new in names.fields.items():
        _known(old, source_fields, "field", "source")
        _known(new, target_fields, "field", "target")
    for old, new in names.questions.items():
        _known(old, {q.name for q in source.questions}, "question", "source")
        _known(new, {q.name for q in target.questions}, "question", "target")
    for name, labels in names.labels.items():
        _known(name, {q.name for q in source.questions}, "question", "source")
        question, counterpart = source.question(name), target.question(names.question(name))
        if question is not None and question.type == "rating":
            raise UsageError(f"{name!r} is a rating: its values are numbers and cannot be renamed")
        for old, new in labels.items():
            _known(old, options(question) if question else set(), f"label of {name}", "source")
            _known(new, options(counterpart) if counterpart else set(), f"label of {name}", "target")


def check_distinct(names: Names, source: Settings, *, two_way: bool) -> None:
    """Refuse a map under which two questions or fields of a source become one, so that an answer or a text would
    be lost; for a two-way job also two labels, which could not be told apart on the way back. Raises UsageError."""
    _distinct([names.question(q.name) for q in source.questions], "questions", "Give each one a name of its own")
    _distinct([names.field(f["name"]) for f in source.fields], "fields", "Give each one a name of its own")
    for question in source.questions if two_way else ():
        labels = names.labels.get(question.name, {})
        renamed = [labels.get(option, option) for option in sorted(options(question), key=str)]
        _distinct(renamed, f"labels of {question.name}", "A two-way job needs a map that can be read both ways")


def _distinct(renamed: list[Any], what: str, advice: str) -> None:
    twice = sorted({str(name) for name in renamed if renamed.count(name) > 1})
    if twice:
        raise UsageError(f"under the map two {what} of the source become one: {twice[0]!r}", advice=advice)


def _known(name: str, known: Iterable[Any], what: str, side: str) -> None:
    choices = sorted(str(k) for k in known)
    if name not in choices:
        raise UsageError(
            f"the map names a {what} that the {side} does not have: {name!r}", advice=f"It has {', '.join(choices)}"
        )


def options(question: Question) -> set[Any]:
    """The values that a question offers; empty for text."""
    raw = question.settings.get("options") or []
    return {option["value"] if isinstance(option, dict) else option for option in raw}


def rename_values(values: Values | None, names: Names, source: Settings) -> Values | None:
    """A response's values under the target's names; order and everything else stays as it is."""
    if not values:
        return values
    renamed: Values = {}
    for name, answer in values.items():
        labels = names.labels.get(name)
        question = source.question(name)
        if labels and question and isinstance(answer, dict):
            answer = {**answer, "value": rename_value(answer.get("value"), question.type, labels)}
        renamed[names.question(name)] = answer
    return renamed


def rename_value(value: Any, kind: str, labels: Mapping[str, str]) -> Any:
    """One answer or suggestion of a question type with its labels renamed."""
    if kind == "label_selection" and isinstance(value, str):
        return labels.get(value, value)
    if kind == "multi_label_selection" and isinstance(value, list):
        return [labels.get(item, item) for item in value]
    if kind in ("ranking", "span") and isinstance(value, list):
        key = "value" if kind == "ranking" else "label"
        return [{**item, key: labels.get(item.get(key), item.get(key))} for item in value]
    return value


def response_problem(status: str, values: Values | None, settings: Settings) -> str | None:
    """Why a response cannot be stored in a dataset with these settings, or None if it can."""
    given = values or {}
    for name, answer in given.items():
        question = settings.question(name)
        if question is None:
            return f"the dataset has no question {name!r}"
        if not isinstance(answer, dict) or answer.get("value") is None:
            return f"the answer to {name!r} has no value"
        problem = _value_problem(answer["value"], question, complete=status == "submitted")
        if problem:
            return f"{name}: {problem}"
    if status == "submitted":
        if not given:
            return "a submitted response needs values"
        for question in settings.questions:
            if question.required and question.name not in given:
                return f"the required question {question.name!r} is not answered"
    return None


def _value_problem(value: Any, question: Question, *, complete: bool) -> str | None:
    match question.type:
        case "text":
            return None if isinstance(value, str) else "the value is no text"
        case "rating":
            whole = isinstance(value, int) and not isinstance(value, bool)
            return None if whole and value in options(question) else f"{value!r} is no rating of this question"
        case "label_selection":
            known = isinstance(value, str) and value in options(question)
            return None if known else f"{value!r} is no label of this question"
        case "multi_label_selection":
            return _labels_problem(value, question)
        case "ranking":
            return _ranking_problem(value, question, complete=complete)
        case "span":
            return _span_problem(value, question)
        case _:
            # A type that this program has not met: the server is the judge.
            return None


def _labels_problem(value: Any, question: Question) -> str | None:
    if not isinstance(value, list) or not value:
        return "at least one label is needed"
    unknown = [item for item in value if not isinstance(item, str) or item not in options(question)]
    if unknown:
        return f"{unknown[0]!r} is no label of this question"
    return "a label is given twice" if len(set(value)) != len(value) else None


def _ranking_problem(value: Any, question: Question, *, complete: bool) -> str | None:
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        return "the value is no ranking"
    names = [item.get("value") for item in value]
    unknown = [name for name in names if name not in options(question)]
    if unknown:
        return f"{unknown[0]!r} is no option of this ranking"
    if len(set(names)) != len(names):
        return "an option is ranked twice"
    ranks = range(1, len(options(question)) + 1)
    missing = len(names) != len(ranks) or any(item.get("rank") not in ranks for item in value)
    return "the ranking is not complete" if complete and missing else None


def _span_problem(value: Any, question: Question) -> str | None:
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        return "the value is no list of spans"
    unknown = [item.get("label") for item in value if item.get("label") not in options(question)]
    if unknown:
        return f"{unknown[0]!r} is no label of this question"
    places = sorted((item["start"], item["end"]) for item in value)
    overlap = any(one[1] > other[0] for one, other in itertools.pairwise(places))
    return "spans overlap, which this question does not allow" if overlap and not _may_overlap(question) else None


def _may_overlap(question: Question) -> bool:
    return bool(question.settings.get("allow_overlapping", True))


def moved_spans(
    values: Values | None,
    names: Names,
    origin: tuple[Settings, Mapping[str, Any]],
    destination: tuple[Settings, Mapping[str, Any]],
) -> str | None:
    """Why the spans of an answer would mark other characters on another copy of its record, or None.

    Both sides are settings and fields of the record, under their own names; `names` leads from one to the other.
    Texts that count as equal for matching may differ in the very characters that offsets count.
    """
    for name, answer in (values or {}).items():
        ours, theirs = origin[0].question(name), destination[0].question(names.question(name))
        if not ours or not theirs or ours.type != "span" or theirs.type != "span" or not answer.get("value"):
            continue
        if origin[1].get(ours.settings["field"]) != destination[1].get(theirs.settings["field"]):
            return f"{theirs.name}: its spans would mark other characters, the texts are not exactly the same"
    return None


def record_problem(content: Mapping[str, Any], settings: Settings) -> str | None:
    """Why a record cannot be created in a dataset with these settings, or None if it can."""
    known = {f["name"]: f for f in settings.fields}
    for name in content["fields"]:
        if name not in known:
            return f"the dataset has no field {name!r}"
    for name, wanted in known.items():
        if wanted.get("required") and content["fields"].get(name) is None:
            return f"the required field {name!r} is empty"
    properties = {p["name"] for p in settings.metadata_properties}
    extra = sorted(set(content["metadata"] or {}) - properties)
    if extra and not settings.allow_extra_metadata:
        return f"the dataset takes no metadata {extra[0]!r}"
    vectors = {v["name"] for v in settings.vectors}
    unknown = sorted(set(content["vectors"] or {}) - vectors)
    return f"the dataset has no vector {unknown[0]!r}" if unknown else None


def rename_content(content: Mapping[str, Any], names: Names, source: Settings) -> dict[str, Any]:
    """A record's content under the target's field, question and label names."""
    suggestions = []
    for suggestion in content["suggestions"]:
        question = source.question(suggestion["question"])
        labels = names.labels.get(suggestion["question"])
        value = suggestion["value"]
        if labels and question:
            value = rename_value(value, question.type, labels)
        suggestions.append({**suggestion, "question": names.question(suggestion["question"]), "value": value})
    return {
        **content,
        "fields": {names.field(name): value for name, value in content["fields"].items()},
        "suggestions": sorted(suggestions, key=lambda item: str(item["question"])),
    }
