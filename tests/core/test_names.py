"""Names that differ between copies, and whether an answer fits the dataset that it goes to."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncer.errors import UsageError
from syncer.model import Question, Settings, response_digest
from syncer.names import (
    Names,
    check_distinct,
    check_names,
    moved_spans,
    record_problem,
    rename_content,
    rename_values,
    response_problem,
)


def question(name: str, kind: str, *options: Any, required: bool = False, **more: Any) -> Question:
    settings: dict[str, Any] = {"type": kind, **more}
    if options:
        settings["options"] = [{"value": option, "text": str(option)} for option in options]
    return Question(f"id-{name}", name, name, None, required, settings)


def dataset(*questions: Question, fields: tuple[str, ...] = ("text",), **more: Any) -> Settings:
    given: dict[str, Any] = {
        "guidelines": None,
        "allow_extra_metadata": False,
        "distribution": None,
        "dataset_metadata": None,
        "fields": tuple({"name": name, "required": name == "text"} for name in fields),
        "questions": questions,
        "metadata_properties": ({"name": "doc"},),
        "vectors": ({"name": "v"},),
    }
    return Settings(**{**given, **more})


ALL = dataset(
    question("text", "text"),
    question("rating", "rating", 0, 1, 2),
    question("label", "label_selection", "a", "b"),
    question("labels", "multi_label_selection", "a", "b", "c"),
    question("ranking", "ranking", "x", "y"),
    question("spans", "span", "p", "q", field="text", allow_overlapping=False),
    question("layers", "span", "p", "q", field="text", allow_overlapping=True),
    question("future", "drawing"),
)


def rank(value: str, place: Any) -> dict[str, Any]:
    return {"value": value, "rank": place}


def span(start: int, end: int, label: str = "p") -> dict[str, Any]:
    return {"start": start, "end": end, "label": label}


def values(**answers: Any) -> dict[str, Any]:
    return {name: {"value": value} for name, value in answers.items()}


FITS: dict[str, tuple[str, dict[str, Any] | None]] = {
    "text": ("submitted", values(text="x")),
    "empty-text": ("submitted", values(text="")),
    "rating": ("submitted", values(rating=2)),
    "rating-zero": ("submitted", values(rating=0)),
    "label": ("submitted", values(label="a")),
    "labels": ("submitted", values(labels=["c", "a"])),
    "ranking": ("submitted", values(ranking=[rank("y", 1), rank("x", 2)])),
    "ranking-with-ties": ("submitted", values(ranking=[rank("x", 1), rank("y", 1)])),
    "ranking-begun": ("draft", values(ranking=[rank("x", 1)])),
    "ranking-without-ranks-yet": ("draft", values(ranking=[rank("x", None), rank("y", None)])),
    "spans": ("submitted", values(spans=[span(0, 2), span(2, 4, "q")])),
    "no-spans": ("submitted", values(spans=[])),
    "overlap-allowed": ("submitted", values(layers=[span(0, 3), span(1, 2)])),
    "a-type-of-tomorrow": ("submitted", values(future={"anything": 1})),
    "several": ("submitted", values(label="a", rating=1)),
    "draft-without-values": ("draft", None),
    "draft-with-empty-values": ("draft", {}),
    "discarded-without-values": ("discarded", None),
    "discarded-with-values": ("discarded", values(label="b")),
}

MISFITS: dict[str, tuple[str, dict[str, Any] | None, str]] = {
    "no-question": ("submitted", values(other="x"), "no question 'other'"),
    "no-question-in-a-draft": ("draft", values(other="x"), "no question 'other'"),
    "null-value": ("submitted", values(text=None), "no value"),
    "bare-value": ("submitted", {"text": "x"}, "no value"),
    "text-is-a-number": ("submitted", values(text=1), "no text"),
    "rating-outside": ("submitted", values(rating=3), "3 is no rating"),
    "rating-as-text": ("submitted", values(rating="1"), "'1' is no rating"),
    "rating-true": ("submitted", values(rating=True), "True is no rating"),
    "rating-float": ("submitted", values(rating=1.0), "1.0 is no rating"),
    "label-unknown": ("submitted", values(label="z"), "'z' is no label"),
    "label-unknown-in-a-draft": ("draft", values(label="z"), "'z' is no label"),
    "label-unknown-discarded": ("discarded", values(label="z"), "'z' is no label"),
    "label-in-other-case": ("submitted", values(label="A"), "'A' is no label"),
    "label-is-a-list": ("submitted", values(label=["a"]), "is no label"),
    "labels-unknown": ("submitted", values(labels=["a", "z"]), "'z' is no label"),
    "labels-empty": ("submitted", values(labels=[]), "at least one"),
    "labels-twice": ("submitted", values(labels=["a", "a"]), "twice"),
    "labels-is-one": ("submitted", values(labels="a"), "at least one"),
    "ranking-incomplete": ("submitted", values(ranking=[rank("x", 1)]), "not complete"),
    "ranking-without-rank": ("submitted", values(ranking=[rank("x", 1), rank("y", None)]), "not complete"),
    "ranking-out-of-range": ("submitted", values(ranking=[rank("x", 1), rank("y", 3)]), "not complete"),
    "ranking-unknown": ("submitted", values(ranking=[rank("x", 1), rank("z", 2)]), "'z' is no option"),
    "ranking-twice": ("submitted", values(ranking=[rank("x", 1), rank("x", 2)]), "ranked twice"),
    "ranking-is-text": ("submitted", values(ranking="x"), "no ranking"),
    "spans-unknown": ("submitted", values(spans=[span(0, 1, "z")]), "'z' is no label"),
    "spans-overlap": ("submitted", values(spans=[span(3, 5), span(0, 4)]), "overlap"),
    "spans-is-text": ("submitted", values(spans="p"), "no list of spans"),
    "submitted-without-values": ("submitted", {}, "needs values"),
}


@pytest.mark.parametrize(("status", "given"), FITS.values(), ids=FITS.keys())
def test_answers_that_fit(status: str, given: dict[str, Any] | None) -> None:
    assert response_problem(status, given, ALL) is None


@pytest.mark.parametrize(("status", "given", "problem"), MISFITS.values(), ids=MISFITS.keys())
def test_answers_that_do_not_fit(status: str, given: dict[str, Any] | None, problem: str) -> None:
    found = response_problem(status, given, ALL)
    assert found is not None
    assert problem in found


def test_a_required_question_must_be_answered_to_submit_only() -> None:
    settings = dataset(question("label", "label_selection", "a", "b", required=True), question("text", "text"))
    assert response_problem("submitted", values(text="x"), settings) == "the required question 'label' is not answered"
    assert response_problem("draft", values(text="x"), settings) is None
    assert response_problem("discarded", values(text="x"), settings) is None


# Renames


NAMES = Names(
    questions={"label": "kind"},
    labels={
        "label": {"a": "A"},
        "labels": {"a": "A", "b": "B"},
        "ranking": {"x": "X"},
        "spans": {"p": "P"},
        "rating": {"1": "2"},
    },
    fields={"text": "body"},
)

RENAMES: dict[str, tuple[dict[str, Any] | None, dict[str, Any] | None]] = {
    "nothing": (None, None),
    "empty": ({}, {}),
    "question-and-label": (values(label="a"), values(kind="A")),
    "label-that-stays": (values(label="b"), values(kind="b")),
    "labels": (values(labels=["c", "b", "a"]), values(labels=["c", "B", "A"])),
    "ranking": (values(ranking=[rank("y", 1), rank("x", 1)]), values(ranking=[rank("y", 1), rank("X", 1)])),
    "spans": (values(spans=[span(0, 1), span(2, 3, "q")]), values(spans=[span(0, 1, "P"), span(2, 3, "q")])),
    "text-that-looks-like-a-label": (values(text="a"), values(text="a")),
    "ratings-have-no-names": (values(rating=1), values(rating=1)),
    "unknown-question": (values(other="a"), values(other="a")),
}


@pytest.mark.parametrize(("before", "after"), RENAMES.values(), ids=RENAMES.keys())
def test_renames(before: dict[str, Any] | None, after: dict[str, Any] | None) -> None:
    assert rename_values(before, NAMES, ALL) == after


def test_names_may_be_exchanged() -> None:
    swap = Names(questions={"p": "q", "q": "p"}, labels={"p": {"a": "b", "b": "a"}})
    settings = dataset(question("p", "label_selection", "a", "b"), question("q", "label_selection", "a", "b"))
    check_distinct(swap, settings, two_way=True)
    there = rename_values(values(p="a", q="b"), swap, settings)
    assert there == values(q="b", p="b")
    assert rename_values(there, swap.inverse(), settings) == values(p="a", q="b")


LABEL = st.sampled_from(["a", "b", "c"])
ANSWERS = st.fixed_dictionaries(
    {},
    optional={
        "text": st.text(max_size=5),
        "rating": st.sampled_from([0, 1, 2]),
        "label": st.sampled_from(["a", "b"]),
        "labels": st.lists(LABEL, min_size=1, unique=True),
        "ranking": st.permutations(["x", "y"]).map(lambda names: [rank(n, i + 1) for i, n in enumerate(names)]),
        "spans": st.just([span(0, 1), span(1, 2, "q")]),
    },
)


@given(ANSWERS)
def test_there_and_back_again(answers: dict[str, Any]) -> None:
    names = Names(NAMES.questions, {k: v for k, v in NAMES.labels.items() if k != "rating"}, NAMES.fields)
    target = dataset(*(question(names.question(q.name), q.type) for q in ALL.questions))
    before = values(**answers)
    back = rename_values(rename_values(before, names, ALL), names.inverse(), target)
    assert response_digest("draft", back) == response_digest("draft", before)


def test_content_is_renamed_as_a_whole() -> None:
    content = {
        "fields": {"text": "t", "more": "m"},
        "metadata": {"text": 1},
        "vectors": {"v": [1.0]},
        "suggestions": [
            {"question": "label", "value": "a", "score": 0.5, "agent": "m", "type": "model"},
            {"question": "text", "value": "a", "score": None, "agent": None, "type": None},
        ],
    }
    renamed = rename_content(content, NAMES, ALL)
    assert renamed["fields"] == {"body": "t", "more": "m"}
    assert renamed["metadata"] == {"text": 1}
    assert [(s["question"], s["value"]) for s in renamed["suggestions"]] == [("kind", "A"), ("text", "a")]


# Maps that are wrong


WRONG: dict[str, Names] = {
    "question-not-at-source": Names(questions={"none": "label"}),
    "question-not-at-target": Names(questions={"label": "none"}),
    "field-not-at-source": Names(fields={"none": "text"}),
    "field-not-at-target": Names(fields={"text": "none"}),
    "label-not-at-source": Names(labels={"label": {"z": "a"}}),
    "label-not-at-target": Names(labels={"label": {"a": "z"}}),
    "labels-of-no-question": Names(labels={"none": {"a": "b"}}),
    "labels-of-a-text": Names(labels={"text": {"a": "b"}}),
    "names-for-ratings": Names(labels={"rating": {"1": "2"}}),
}


@pytest.mark.parametrize("names", WRONG.values(), ids=WRONG.keys())
def test_maps_that_name_what_is_not_there(names: Names) -> None:
    with pytest.raises(UsageError):
        check_names(names, ALL, ALL)


def test_a_map_that_fits() -> None:
    names = Names({"label": "kind"}, {"label": {"a": "b"}}, {"text": "body"})
    target = dataset(question("kind", "label_selection", "b", "c"), fields=("body",))
    check_names(names, ALL, target)


MERGED: dict[str, tuple[Names, bool, bool]] = {
    "questions": (Names(questions={"label": "labels"}), False, False),
    "two-questions-into-a-new-name": (Names(questions={"label": "n", "labels": "n"}), False, False),
    "fields": (Names(fields={"more": "text"}), False, False),
    "labels-one-way": (Names(labels={"label": {"a": "b"}}), False, True),
    "labels-both-ways": (Names(labels={"label": {"a": "b"}}), True, False),
    "new-labels-both-ways": (Names(labels={"label": {"a": "c"}}), True, True),
    "exchanged-labels-both-ways": (Names(labels={"label": {"a": "b", "b": "a"}}), True, True),
    "nothing": (Names(), True, True),
}


@pytest.mark.parametrize(("names", "two_way", "allowed"), MERGED.values(), ids=MERGED.keys())
def test_maps_that_make_one_of_two(names: Names, two_way: bool, allowed: bool) -> None:
    source = dataset(*ALL.questions, fields=("text", "more"))
    if allowed:
        check_distinct(names, source, two_way=two_way)
        return
    with pytest.raises(UsageError, match="become one"):
        check_distinct(names, source, two_way=two_way)


def test_a_map_that_cannot_be_read_backwards() -> None:
    with pytest.raises(UsageError, match="both ways"):
        Names(labels={"label": {"a": "c", "b": "c"}}).inverse()


# Spans and texts


MOVED: dict[str, tuple[str, str, str, str, bool]] = {
    "same-text": ("text", "a cat", "text", "a cat", False),
    "same-text-in-a-field-of-another-name": ("text", "a cat", "body", "a cat", False),
    "other-text": ("text", "a cat", "text", "a dog", True),
    "longer-text": ("text", "a cat", "text", "a cat!", True),
    "other-form": ("text", "\u00e9 cat", "text", "e\u0301 cat", True),
    "no-text": ("text", "a cat", "body", "", True),
}


@pytest.mark.parametrize(("field", "text", "other_field", "other", "moved"), MOVED.values(), ids=MOVED.keys())
def test_spans_stay_on_their_text(field: str, text: str, other_field: str, other: str, moved: bool) -> None:
    origin = dataset(question("spans", "span", "p", field=field))
    home = dataset(question("marks", "span", "p", field=other_field))
    names = Names(questions={"spans": "marks"})
    for answers, expected in ((values(spans=[span(0, 1)]), moved), (values(spans=[]), False), (None, False)):
        found = moved_spans(answers, names, (origin, {field: text}), (home, {other_field: other}))
        assert (found is not None) is expected


# Records


RECORDS: dict[str, tuple[dict[str, Any], dict[str, Any], str | None]] = {
    "fits": ({}, {}, None),
    "optional-field": ({"fields": {"text": "t", "more": None}}, {"fields": ("text", "more")}, None),
    "unknown-field": ({"fields": {"text": "t", "other": "o"}}, {}, "no field 'other'"),
    "required-field-absent": ({"fields": {}}, {}, "'text' is empty"),
    "required-field-null": ({"fields": {"text": None}}, {}, "'text' is empty"),
    "known-metadata": ({"metadata": {"doc": 1}}, {}, None),
    "unknown-metadata": ({"metadata": {"x": 1}}, {}, "no metadata 'x'"),
    "extra-metadata-allowed": ({"metadata": {"x": 1}}, {"allow_extra_metadata": True}, None),
    "vector": ({"vectors": {"v": [1.0]}}, {}, None),
    "unknown-vector": ({"vectors": {"w": [1.0]}}, {}, "no vector 'w'"),
}


@pytest.mark.parametrize(("content", "settings", "problem"), RECORDS.values(), ids=RECORDS.keys())
def test_records(content: dict[str, Any], settings: dict[str, Any], problem: str | None) -> None:
    given = {"fields": {"text": "t"}, "metadata": None, "vectors": {}, "suggestions": [], **content}
    found = record_problem(given, dataset(**settings))
    assert found is None if problem is None else found is not None and problem in found
