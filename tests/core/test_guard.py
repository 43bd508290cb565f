"""The guard: what is refused, from which number on, and what lets it through."""

from __future__ import annotations

from typing import Any

import pytest

from syncer.guard import Figures, History, check
from syncer.options import Limits


def figures(**given: Any) -> Figures:
    nothing = {
        "overwrites": 0,
        "deletes": 0,
        "matched_responses": 0,
        "matched_records": 0,
        "different_records": 0,
        "skips": 0,
    }
    return Figures(**{**nothing, **given})


def history(before: int, now: int, kept: int | None = None, rewritten: int = 0) -> History:
    return History(reference="s:w/d", before=before, now=now, kept=now if kept is None else kept, rewritten=rewritten)


CASES: dict[str, tuple[Figures, dict[str, Any], list[str]]] = {
    "nothing": (figures(), {}, []),
    "twenty-overwrites-of-none": (figures(overwrites=20), {}, []),
    "twenty-one-of-few": (figures(overwrites=21, matched_responses=30), {}, ["--max-change"]),
    "a-tenth": (figures(overwrites=100, matched_responses=1000), {}, []),
    "more-than-a-tenth": (figures(overwrites=101, matched_responses=1000), {}, ["--max-change"]),
    "half-allowed": (figures(overwrites=101, matched_responses=1000), {"max_change": 0.5}, []),
    "none-allowed-still-allows-twenty": (figures(overwrites=20, matched_responses=1000), {"max_change": 0}, []),
    "one-deletion": (figures(deletes=1), {}, ["--max-delete"]),
    "allowed-deletions": (figures(deletes=5), {"max_delete": 5}, []),
    "one-deletion-too-many": (figures(deletes=6), {"max_delete": 5}, ["--max-delete"]),
    "two-different-texts": (figures(different_records=2), {}, []),
    "three-different-texts": (
        figures(different_records=3, matched_records=10),
        {},
        ["--allow-different-fields, or another --match"],
    ),
    "three-of-many": (figures(different_records=3, matched_records=57), {}, []),
    "three-of-fewer": (
        figures(different_records=3, matched_records=56),
        {},
        ["--allow-different-fields, or another --match"],
    ),
    "different-texts-allowed": (figures(different_records=9), {"allow_different_fields": True}, []),
    "swapped": (figures(swapped=("s:w/d",)), {}, ["--swap-ok"]),
    "swapped-on-purpose": (figures(swapped=("s:w/d",)), {"swap_ok": True}, []),
    "source-empty": (figures(histories=(history(5, 0),)), {}, ["--accept-source"]),
    "source-was-empty": (figures(histories=(history(0, 0),)), {}, []),
    "source-shrunk-a-little": (figures(histories=(history(400, 380),)), {}, []),
    "source-shrunk": (figures(histories=(history(399, 379),)), {}, ["--accept-source"]),
    "small-source-shrunk": (figures(histories=(history(20, 1),)), {}, []),
    "source-grown": (figures(histories=(history(5, 500, 5),)), {}, []),
    "all-texts-new": (figures(histories=(history(9, 9, 9, 9),)), {}, ["--accept-source"]),
    "all-texts-but-one-new": (figures(histories=(history(9, 9, 9, 8),)), {}, []),
    "source-accepted": (figures(histories=(history(9, 0),)), {"accept_source": True}, []),
    "one-of-two-sources": (figures(histories=(history(9, 9), history(9, 0))), {}, ["--accept-source"]),
    "skips": (figures(skips=1), {}, []),
    "skips-in-strict-mode": (figures(skips=1), {"strict": True}, ["no --strict"]),
    "everything-at-once": (
        figures(overwrites=99, deletes=1, different_records=5, swapped=("x",), skips=1, histories=(history(9, 0),)),
        {"strict": True},
        [
            "--max-change",
            "--max-delete",
            "--allow-different-fields, or another --match",
            "--accept-source",
            "--swap-ok",
            "no --strict",
        ],
    ),
}


@pytest.mark.parametrize(("seen", "limits", "overrides"), CASES.values(), ids=CASES.keys())
def test_guard(seen: Figures, limits: dict[str, Any], overrides: list[str]) -> None:
    assert [refusal.override for refusal in check(seen, Limits(**limits))] == overrides


def test_a_refusal_says_the_numbers() -> None:
    (refusal,) = check(figures(overwrites=300, matched_responses=1000), Limits())
    assert refusal.why == "it would overwrite 300 of 1000 matched responses (30 %); 100 are allowed"


def test_skipped_fields_do_not_hide_a_source_that_is_gone() -> None:
    (refusal,) = check(figures(histories=(history(7, 0),)), Limits(max_change=1, max_delete=99, swap_ok=True))
    assert refusal.why == "s:w/d is empty; it had 7 records"
