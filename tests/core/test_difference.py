"""How the settings of two datasets differ, told before anything is written."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from syncer.difference import settings_difference
from syncer.model import Question, Settings
from tests.core.scene import HOME, ONE, fill
from tests.core.world import World
from tests.fake import label_question


def question(
    name: str = "mood", labels: str = "ab", *, kind: str = "label_selection", required: bool = True
) -> Question:
    return Question("", name, name, None, required, {"type": kind, "options": [{"value": v} for v in labels]})


def field(name: str = "text", kind: str = "text", *, required: bool = True) -> dict[str, Any]:
    return {"name": name, "required": required, "settings": {"type": kind}}


def vector(dimensions: int) -> dict[str, Any]:
    return {"name": "v", "dimensions": dimensions}


def terms(*values: str) -> dict[str, Any]:
    return {"name": "lang", "settings": {"type": "terms", "values": list(values)}}


PLAIN = Settings(
    guidelines=None,
    allow_extra_metadata=True,
    distribution={"strategy": "overlap", "min_submitted": 1},
    dataset_metadata=None,
    fields=(field(),),
    questions=(question(),),
    metadata_properties=(),
    vectors=(),
)
CASES: dict[str, tuple[dict[str, Any], dict[str, Any], list[str]]] = {
    "nothing": ({}, {}, []),
    "a field at the source": (
        {"fields": (field(), field("more"))},
        {},
        ["field 'more' is at the source only: records cannot be created with it"],
    ),
    "a required field at the target": (
        {},
        {"fields": (field(), field("more"))},
        ["field 'more' is required and at the target only: records cannot be created"],
    ),
    "an optional field at the target": ({}, {"fields": (field(), field("more", required=False))}, []),
    "a field of another type": (
        {"fields": (field(kind="image"),)},
        {},
        ["field 'text' is image at the source, text at the target"],
    ),
    "labels": (
        {"questions": (question(labels="abcd"),)},
        {"questions": (question(labels="abz"),)},
        [
            "question 'mood' lacks 'c', 'd' at the target: responses with them do not fit",
            "question 'mood' has 'z' at the target only",
        ],
    ),
    "many labels": (
        {"questions": (question(labels="abcdefgh"),)},
        {},
        ["question 'mood' lacks 'c', 'd', 'e', 'f', 'g' and 1 more at the target: responses with them do not fit"],
    ),
    "a question at the source": (
        {"questions": (question(), question("more"))},
        {},
        ["question 'more' is at the source only: responses that answer it do not fit"],
    ),
    "a required question at the target": (
        {},
        {"questions": (question(), question("more"))},
        ["question 'more' is required at the target only: submitted responses do not fit"],
    ),
    "a question of another type": (
        {"questions": (question(kind="multi_label_selection"),)},
        {},
        [
            "question 'mood' is multi_label_selection at the source, label_selection at the target: "
            "responses that answer it do not fit"
        ],
    ),
    "a question that has become required": (
        {"questions": (question(required=False),)},
        {},
        ["question 'mood' is required at the target only: submitted responses without an answer to it do not fit"],
    ),
    "metadata that is no property": (
        {"metadata_properties": (terms("en"),)},
        {},
        ["metadata 'lang' is no property at the target: it is kept as extra metadata"],
    ),
    "metadata that has no place": (
        {"metadata_properties": (terms("en"),), "allow_extra_metadata": False},
        {"allow_extra_metadata": False},
        ["metadata 'lang' is at the source only: records cannot be created with it"],
    ),
    "metadata with other limits": (
        {"metadata_properties": (terms("en"),)},
        {"metadata_properties": (terms("nl"),)},
        ["metadata 'lang' has another type or other limits at the target: it may refuse values"],
    ),
    "extra metadata": (
        {},
        {"allow_extra_metadata": False},
        ["extra metadata is allowed at the source only: records cannot be created with it"],
    ),
    "a vector": (
        {"vectors": (vector(2),)},
        {},
        ["vector 'v' is at the source only: records cannot be created with it"],
    ),
    "a longer vector": (
        {"vectors": (vector(2),)},
        {"vectors": (vector(3),)},
        ["vector 'v' has 2 dimensions at the source, 3 at the target: records cannot be created with it"],
    ),
    "the distribution": (
        {"distribution": None},
        {},
        ["a record is complete after any number of responses at the source, 1 at the target"],
    ),
    "the guidelines": ({"guidelines": "read"}, {}, ["the guidelines differ"]),
}


@pytest.mark.parametrize("name", CASES)
def test_a_difference_and_what_follows_from_it(name: str) -> None:
    source, target, lines = CASES[name]
    assert list(settings_difference(replace(PLAIN, **source), replace(PLAIN, **target))) == lines


def test_a_plan_names_the_differences_under_the_target_s_names(world: World) -> None:
    fill(world, ONE, questions=[label_question("mood", ["good", "bad"])])
    fill(world, HOME, questions=[label_question("label", ["g", "b", "z"])])
    maps: dict[str, Any] = {"questions": {"mood": "label"}, "labels": {"mood": {"good": "g"}}}
    assert world.summary(world.plan([ONE], HOME, **maps)).settings == (
        "question 'label' lacks 'bad' at the target: responses with them do not fit",
        "question 'label' has 'b', 'z' at the target only",
    )
    assert world.summary(world.plan([ONE], "s0:argilla/new", create=True)).settings == ()
