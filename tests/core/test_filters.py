"""Filters: which records and responses take part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import ValidationError

from syncer.filters import Filters


@dataclass(frozen=True)
class Row:
    remote_id: str = "r1"
    external_id: str | None = "e1"
    status: str = "pending"
    inserted_at: str = "2026-01-01T00:00:00"
    updated_at: str = "2026-01-02T00:00:00.500000"


CONTENT: dict[str, Any] = {
    "fields": {"text": "Straße", "chat": [{"role": "user", "content": "Hello"}]},
    "metadata": {"split": "train", "length": 7, "score": 0.5, "tags": ["x", "y"], "zero": 0},
}

RECORDS: dict[str, tuple[dict[str, Any], bool]] = {
    "nothing-asked": ({}, True),
    "status": ({"record_status": ("pending",)}, True),
    "other-status": ({"record_status": ("completed",)}, False),
    "remote-id": ({"ids": ("r1",)}, True),
    "external-id": ({"ids": ("e1", "e9")}, True),
    "other-id": ({"ids": ("e9",)}, False),
    "text": ({"query": "STRASSE"}, True),
    "text-in-a-chat": ({"query": "hello"}, True),
    "other-text": ({"query": "nowhere"}, False),
    "metadata": ({"metadata": (("split", "train"),)}, True),
    "other-metadata": ({"metadata": (("split", "test"),)}, False),
    "metadata-absent": ({"metadata": (("nothing", "x"),)}, False),
    "metadata-number": ({"metadata": (("length", "7"),)}, True),
    "metadata-zero": ({"metadata": (("zero", "0"),)}, True),
    "metadata-one-of-a-list": ({"metadata": (("tags", "y"),)}, True),
    "metadata-range": ({"metadata": (("length", "5..9"),)}, True),
    "metadata-range-edges": ({"metadata": (("length", "7..7"),)}, True),
    "metadata-above": ({"metadata": (("score", "0.5.."),)}, True),
    "metadata-below": ({"metadata": (("score", "..0.4"),)}, False),
    "metadata-range-of-text": ({"metadata": (("split", "a..z"),)}, False),
    "all-must-hold": ({"metadata": (("split", "train"), ("length", "8"))}, False),
}


@pytest.mark.parametrize(("given", "kept"), RECORDS.values(), ids=RECORDS.keys())
def test_records(given: dict[str, Any], kept: bool) -> None:
    assert Filters(**given).keeps_record(Row(), CONTENT) is kept


def test_an_absent_external_id_is_no_id() -> None:
    assert not Filters(ids=("None",)).keeps_record(Row(external_id=None), CONTENT)


def test_an_absent_metadata_value_is_no_text() -> None:
    assert not Filters(metadata=(("nothing", "None"),)).keeps_record(Row(), CONTENT)
    assert not Filters(metadata=(("split", "None"),)).keeps_record(Row(), {**CONTENT, "metadata": None})


def test_a_range_that_is_none_keeps_nothing() -> None:
    assert not Filters(metadata=(("length", "a..b"),)).keeps_record(Row(), CONTENT)


RESPONSES: dict[str, tuple[dict[str, Any], str | None, bool]] = {
    "nothing-asked": ({}, None, True),
    "status": ({"response_status": ("submitted", "pending")}, None, True),
    "other-status": ({"response_status": ("draft",)}, None, False),
    "author": ({"authors": ("ann",)}, "ann", True),
    "other-author": ({"authors": ("ann",)}, "Ann", False),
    "unnamed-author": ({"authors": ("ann",)}, None, False),
    "since": ({"since": "2026-01-02T00:00:00"}, None, True),
    "since-later": ({"since": "2026-01-02T00:00:01"}, None, False),
    "since-the-instant": ({"since": "2026-01-02T00:00:00.500000"}, None, True),
    "until": ({"until": "2026-01-03"}, None, True),
    "until-the-instant": ({"until": "2026-01-02T00:00:00.500000"}, None, False),
    "since-a-day": ({"since": "2026-01-02"}, None, True),
    "since-with-a-zone": ({"since": "2026-01-02T00:00:00Z"}, None, True),
    "until-with-a-zone": ({"until": "2026-01-02T02:00:00+02:00"}, None, False),
    "between": ({"since": "2026-01-01", "until": "2026-01-02"}, None, False),
}


@pytest.mark.parametrize(("given", "author", "kept"), RESPONSES.values(), ids=RESPONSES.keys())
def test_responses(given: dict[str, Any], author: str | None, kept: bool) -> None:
    assert Filters(**given).keeps_response(Row(status="submitted"), author) is kept


@pytest.mark.parametrize("field", ["since", "until"])
def test_what_is_no_time_is_refused(field: str) -> None:
    with pytest.raises(ValidationError, match="isoformat"):
        Filters.model_validate({field: "yesterday"})
