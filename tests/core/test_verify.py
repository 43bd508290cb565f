"""Verification: what was promised against what is there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from syncer.model import Record, Response, response_digest
from syncer.verify import Expected, verify_record


def digest(value: str | None) -> str | None:
    return None if value is None else response_digest("submitted", {"q": {"value": value}})


def promise(
    leaves: Mapping[str, str | None],
    before: Mapping[str, str | None] | None = None,
    untouched: Mapping[str, str] | None = None,
    content: Mapping[str, Any] | None = None,
) -> Expected:
    """Values by user; what was there before an operation defaults to nothing."""
    return Expected(
        label="t",
        record_id="r",
        leaves={user: digest(value) for user, value in leaves.items()},
        before={user: digest(value) for user, value in (before or {}).items()},
        untouched={user: digest(value) or "" for user, value in (untouched or {}).items()},
        content=content,
    )


def there(values: Mapping[str | None, str], text: str = "t") -> Record:
    responses = tuple(
        Response(f"id-{user}", user, "submitted", {"q": {"value": value}}, "t0", "t0") for user, value in values.items()
    )
    return Record("r", None, {"text": text}, None, (), {}, responses, None, "t0", "t0")


CASES: dict[str, tuple[Expected, Record | None, list[tuple[str, str]]]] = {
    "as-promised": (promise({"ann": "a"}), there({"ann": "a"}), []),
    "nothing-promised": (promise({}), there({"ann": "a"}), []),
    "missing": (promise({"ann": "a"}), there({}), [("missing", "ann")]),
    "record-missing": (promise({"ann": "a"}), None, [("missing", "")]),
    "old-value": (promise({"ann": "a"}, {"ann": "o"}), there({"ann": "o"}), [("old-value", "ann")]),
    "changed-since": (promise({"ann": "a"}, {"ann": "o"}), there({"ann": "n"}), [("changed-since", "ann")]),
    "changed-since-its-insertion": (promise({"ann": "a"}), there({"ann": "n"}), [("changed-since", "ann")]),
    "under-another-author": (promise({"ann": "a"}), there({"ben": "a"}), [("another-author", "ann")]),
    "another-had-that-answer-before": (
        promise({"ann": "a"}, untouched={"ben": "a"}),
        there({"ben": "a"}),
        [("missing", "ann")],
    ),
    "another-got-that-answer-in-this-run": (
        promise({"ann": "a", "ben": "a"}),
        there({"ben": "a"}),
        [("missing", "ann")],
    ),
    "another-changed-to-that-answer": (
        promise({"ann": "a"}, untouched={"ben": "b"}),
        there({"ben": "a"}),
        [("another-author", "ann"), ("changed-since", "ben")],
    ),
    "deleted": (promise({"ann": None}, {"ann": "o"}), there({}), []),
    "not-deleted": (promise({"ann": None}, {"ann": "o"}), there({"ann": "o"}), [("old-value", "ann")]),
    "written-again-since": (promise({"ann": None}, {"ann": "o"}), there({"ann": "n"}), [("changed-since", "ann")]),
    "untouched-kept": (promise({"ann": "a"}, untouched={"ben": "b"}), there({"ann": "a", "ben": "b"}), []),
    "untouched-vanished": (
        promise({"ann": "a"}, untouched={"ben": "b"}),
        there({"ann": "a"}),
        [("vanished", "ben")],
    ),
    "untouched-edited": (
        promise({"ann": "a"}, untouched={"ben": "b"}),
        there({"ann": "a", "ben": "c"}),
        [("changed-since", "ben")],
    ),
    "touched-is-not-untouched": (promise({"ann": "a"}, {"ann": "o"}, {"ann": "o"}), there({"ann": "a"}), []),
    "somebody-new": (promise({"ann": "a"}), there({"ann": "a", "cy": "c"}), []),
    "a-deleted-author": (promise({"ann": "a"}), there({"ann": "a", None: "x"}), []),
    "content": (promise({}, content={"fields": {"text": "t"}}), there({}), []),
    "other-content": (promise({}, content={"fields": {"text": "u"}}), there({}), [("content-differs", "")]),
}


@pytest.mark.parametrize(("expected", "record", "kinds"), CASES.values(), ids=CASES.keys())
def test_findings(expected: Expected, record: Record | None, kinds: list[tuple[str, str]]) -> None:
    found = verify_record(expected, record)
    assert [(finding.kind, finding.user_id) for finding in found] == kinds
    assert [finding.is_failure for finding in found] == [kind != "changed-since" for kind, _ in kinds]


def test_an_answer_that_means_the_same_is_as_promised() -> None:
    expected = Expected("t", "r", {"ann": response_digest("draft", None)}, {}, {})
    record = Record("r", None, {}, None, (), {}, (Response("1", "ann", "draft", {}, "t", "t"),), None, "t", "t")
    assert verify_record(expected, record) == []
