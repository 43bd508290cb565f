"""Digests: equal exactly when two answers mean the same."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncer.model import (
    Question,
    Settings,
    canonical_json,
    canonical_values,
    digest_of,
    is_minted,
    mint_external_id,
    response_digest,
)


def one(value: Any) -> dict[str, Any]:
    return {"q": {"value": value}}


def span(start: int, end: int, label: str = "x") -> dict[str, Any]:
    return {"start": start, "end": end, "label": label}


def rank(value: str, place: int) -> dict[str, Any]:
    return {"value": value, "rank": place}


EQUAL: dict[str, tuple[Any, Any]] = {
    "null-and-empty": (None, {}),
    "absent-answer": ({"q": None}, {}),
    "order-of-questions": ({"p": {"value": "a"}, "q": {"value": "b"}}, {"q": {"value": "b"}, "p": {"value": "a"}}),
    "order-of-labels": (one(["a", "b"]), one(["b", "a"])),
    "order-of-spans": (one([span(0, 2), span(3, 5)]), one([span(3, 5), span(0, 2)])),
    "order-of-keys-in-a-span": (
        one([{"label": "x", "start": 0, "end": 1}]),
        one([{"end": 1, "start": 0, "label": "x"}]),
    ),
}

DIFFERENT: dict[str, tuple[Any, Any]] = {
    "one-label-more": (one(["a"]), one(["a", "b"])),
    "a-label-twice": (one(["a"]), one(["a", "a"])),
    "another-span": (one([span(0, 2)]), one([span(0, 3)])),
    "another-label-on-a-span": (one([span(0, 2)]), one([span(0, 2, "y")])),
    "order-of-a-ranking": (one([rank("a", 1), rank("b", 2)]), one([rank("b", 2), rank("a", 1)])),
    "ties-of-a-ranking": (one([rank("a", 1), rank("b", 1)]), one([rank("a", 1), rank("b", 2)])),
    "text-and-list": (one("a"), one(["a"])),
    "integer-and-text": (one(1), one("1")),
    "integer-and-float": (one(1), one(1.0)),
    "true-and-one": (one(True), one(1)),
    "empty-text-and-nothing": (one(""), {}),
    "empty-list-and-nothing": (one([]), {}),
    "spaces": (one("a"), one("a ")),
    "case": (one("a"), one("A")),
    "unicode-forms": (one("\u00e9"), one("e\u0301")),
    "surrogates": (one("\ud800"), one("\ud801")),
    "another-question": ({"p": {"value": "a"}}, {"q": {"value": "a"}}),
    "numbers-beyond-floats": (one(2**53), one(2**53 + 1)),
}


@pytest.mark.parametrize(("left", "right"), EQUAL.values(), ids=EQUAL.keys())
def test_equal(left: Any, right: Any) -> None:
    assert response_digest("submitted", left) == response_digest("submitted", right)


@pytest.mark.parametrize(("left", "right"), DIFFERENT.values(), ids=DIFFERENT.keys())
def test_different(left: Any, right: Any) -> None:
    assert response_digest("submitted", left) != response_digest("submitted", right)


def test_the_status_is_part_of_an_answer() -> None:
    digests = {response_digest(status, one("a")) for status in ("draft", "submitted", "discarded")}
    assert len(digests) == 3


def test_an_answer_is_not_changed_by_looking_at_it() -> None:
    values = one(["b", "a"])
    canonical_values(values)
    assert values == one(["b", "a"])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=3), JSON.map(lambda value: {"value": value}), max_size=3))
def test_canonical_values_are_stable(values: dict[str, Any]) -> None:
    once = canonical_values(values)
    assert canonical_values(once) == once
    assert response_digest("draft", values) == response_digest("draft", once)


@given(JSON, JSON)
def test_equal_digests_mean_equal_json(left: Any, right: Any) -> None:
    assert (digest_of(left) == digest_of(right)) == (canonical_json(left) == canonical_json(right))


@given(JSON)
def test_canonical_json_is_ascii(value: Any) -> None:
    assert canonical_json(value).isascii()


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_json_cannot_hold_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="JSON"):
        canonical_json(value)


def test_minted_ids_differ_by_dataset_and_by_record() -> None:
    ids = {mint_external_id(d, r) for d in ("d1", "d2") for r in ("r1", "r2")}
    assert len(ids) == 4
    assert all(is_minted(minted) for minted in ids)
    assert mint_external_id("d1", "r1") == mint_external_id("d1", "r1")
    assert mint_external_id("a", "bc") != mint_external_id("ab", "c")
    assert not is_minted(None)
    assert not is_minted("e1")


def settings(**changes: Any) -> Settings:
    given: dict[str, Any] = {
        "guidelines": "read",
        "allow_extra_metadata": True,
        "distribution": {"strategy": "overlap", "min_submitted": 1},
        "dataset_metadata": None,
        "fields": ({"name": "text"},),
        "questions": (Question("id-1", "q", "Q", None, True, {"type": "text"}),),
        "metadata_properties": (),
        "vectors": (),
    }
    return Settings(**{**given, **changes})


def test_settings_are_equal_whatever_the_ids_of_questions() -> None:
    other = settings(questions=(Question("id-2", "q", "Q", None, True, {"type": "text"}),))
    assert settings().digest == other.digest
    assert Settings.from_dict(settings().as_dict()).digest == settings().digest


@pytest.mark.parametrize(
    "changes",
    [
        {"guidelines": None},
        {"allow_extra_metadata": False},
        {"distribution": {"strategy": "overlap", "min_submitted": 2}},
        {"fields": ({"name": "text"}, {"name": "more"})},
        {"questions": (Question("id-1", "q", "Q", None, False, {"type": "text"}),)},
    ],
    ids=["guidelines", "extra-metadata", "distribution", "fields", "required"],
)
def test_settings_that_differ(changes: dict[str, Any]) -> None:
    assert settings(**changes).digest != settings().digest
