"""Suggestions: reading, checking, storing."""

from __future__ import annotations

import re
from typing import Any

from .errors import RuleBroken, invalid
from .quirks import Quirks
from .shapes import Loc, as_choice, as_list, as_object, as_text, as_uuid, needed
from .state import Dataset, Record, Store, Suggestion
from .values import Fields, check_value, read_value

AGENT = re.compile(r"^[a-zA-Z0-9-_:./\s]*[a-zA-Z0-9][a-zA-Z0-9-_:./\s]*$")
Read = dict[str, Any]


def read_suggestion(body: Any, loc: Loc, quirks: Quirks) -> Read:
    body = as_object(body, loc)
    agent, kind = body.get("agent"), body.get("type")
    if agent is not None and not AGENT.match(as_text(agent, (*loc, "agent"), 1, 200)):
        raise invalid((*loc, "agent"), f'string does not match regex "{AGENT.pattern}"')
    if kind is not None:
        as_choice(kind, (*loc, "type"), ("model", "human"))
    return {
        "question_id": as_uuid(needed(body, "question_id", loc), (*loc, "question_id")),
        "type": kind,
        "value": read_value(needed(body, "value", loc), (*loc, "value")),
        "agent": agent,
        "score": _read_score(body.get("score"), (*loc, "score"), quirks),
    }


def _read_score(score: Any, loc: Loc, quirks: Quirks) -> float | list[float] | None:
    if score is None:
        return None
    if isinstance(score, list):
        if not quirks.score_lists:
            raise invalid(loc, "value is not a valid float", "type_error.float")
        numbers = as_list(score, loc, low=1)
    else:
        numbers = [score]
    if any(isinstance(n, bool) or not isinstance(n, int | float) for n in numbers):
        raise invalid(loc, "value is not a valid float", "type_error.float")
    if any(not 0 <= n <= 1 for n in numbers):
        raise invalid(loc, "score must be between 0 and 1")
    return [float(n) for n in numbers] if isinstance(score, list) else float(score)


def check_suggestion(dataset: Dataset, fields: Fields, suggestion: Read, quirks: Quirks) -> None:
    """Raise RuleBroken if the suggestion does not fit its question."""
    question = next((q for q in dataset.questions if q.id == suggestion["question_id"]), None)
    if question is None:
        raise RuleBroken(f"question id={suggestion['question_id']} does not exists")
    value, score = suggestion["value"], suggestion["score"]
    check_value(question, fields, value, submitted=False)
    if not quirks.score_lists or score is None:
        return
    if isinstance(value, list) and not isinstance(score, list):
        raise RuleBroken("a single score value is not allowed for a suggestion with a multiple items value")
    if isinstance(score, list):
        if not isinstance(value, list):
            raise RuleBroken("a list of score values is not allowed for a suggestion with a single value")
        if len(value) != len(score):
            raise RuleBroken("number of items on value and score attributes doesn't match")


def merge_suggestion(store: Store, record: Record, read: Read) -> Suggestion:
    """Store a suggestion, in place of the one that its question had."""
    for suggestion in record.suggestions:
        if suggestion.question_id == read["question_id"]:
            suggestion.type, suggestion.value = read["type"], read["value"]
            suggestion.agent, suggestion.score = read["agent"], read["score"]
            suggestion.updated_at = store.now()
            return suggestion
    now = store.now()
    suggestion = Suggestion(store.new_id(), now, now, **read)
    record.suggestions.append(suggestion)
    return suggestion
