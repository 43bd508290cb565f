"""The settings of questions, per type."""

from __future__ import annotations

from typing import Any

from .errors import invalid, unprocessable
from .quirks import Quirks
from .shapes import Loc, as_bool, as_choice, as_integer, as_list, as_object, as_text, needed

LOC: Loc = ("body", "settings")
TYPES = ("text", "rating", "label_selection", "multi_label_selection", "ranking", "span")
LABELLED = ("label_selection", "multi_label_selection", "span")
Settings = dict[str, Any]


def read_question(value: Any, quirks: Quirks) -> Settings:
    """Settings as they are stored, with the defaults of the type."""
    settings = as_object(value, LOC)
    kind = as_choice(needed(settings, "type", LOC), (*LOC, "type"), TYPES)
    if kind == "text":
        return {"type": kind, "use_markdown": as_bool(settings.get("use_markdown", False), LOC)}
    if kind == "rating":
        return {"type": kind, "options": _read_ratings(settings, quirks)}
    low, high = {"ranking": (2, 50), "span": (1, 500)}.get(kind, (2, 500))
    options = _read_options(settings, low, high)
    if kind == "ranking":
        return {"type": kind, "options": options}
    read = {"type": kind, "options": options, "visible_options": _read_visible(settings, len(options))}
    if kind == "multi_label_selection" and quirks.options_order:
        order = settings.get("options_order", "natural")
        read["options_order"] = as_choice(order, (*LOC, "options_order"), ("natural", "suggestion"))
    if kind == "span":
        read["field"] = as_text(needed(settings, "field", LOC), (*LOC, "field"), low=1)
        read["allow_overlapping"] = as_bool(settings.get("allow_overlapping", False), LOC)
        read["allow_character_annotation"] = True
    return read


def _unique(values: list[Any]) -> None:
    duplicates = {value for value in values if values.count(value) > 1}
    if duplicates:
        raise invalid(LOC, f"Option values must be unique, found duplicates: {duplicates}")


def _read_ratings(settings: Settings, quirks: Quirks) -> list[Settings]:
    loc = (*LOC, "options")
    low, most = (0, 11) if quirks.zero_rating else (1, 10)
    options = as_list(needed(settings, "options", LOC), loc, 2, most)
    read = [as_integer(needed(as_object(option, loc), "value", loc), loc, low, 10) for option in options]
    _unique(read)
    return [{"value": value} for value in read]


def _read_options(settings: Settings, low: int, high: int) -> list[Settings]:
    loc = (*LOC, "options")
    read = []
    for place, item in enumerate(as_list(needed(settings, "options", LOC), loc, low, high)):
        at = (*loc, place)
        option = as_object(item, at)
        description = option.get("description")
        if description is not None:
            as_text(description, (*at, "description"), 1, 1000)
        read.append(
            {
                "value": as_text(needed(option, "value", at), (*at, "value"), 1, 200),
                "text": as_text(needed(option, "text", at), (*at, "text"), 1, 500),
                "description": description,
            }
        )
    _unique([option["value"] for option in read])
    return read


def _read_visible(settings: Settings, options: int) -> int | None:
    visible = settings.get("visible_options")
    if visible is None:
        return None
    as_integer(visible, (*LOC, "visible_options"), low=3)
    if visible > options:
        raise invalid(
            LOC,
            f"the value for 'visible_options' must be less or equal to the number of items in 'options' ({options})",
        )
    return int(visible)


def check_patch(stored: Settings, value: Any) -> Settings:
    """The settings after a PATCH; no option can be added, removed or replaced."""
    update = as_object(value, LOC)
    kind = as_choice(needed(update, "type", LOC), (*LOC, "type"), TYPES)
    if kind != stored["type"]:
        raise unprocessable(f"question type cannot be changed. expected '{stored['type']}' but got '{kind}'")
    if kind == "text":
        return stored | {"use_markdown": as_bool(update.get("use_markdown", stored["use_markdown"]), LOC)}
    if kind not in LABELLED:
        return stored
    merged = dict(stored)
    if update.get("options") is not None:
        merged["options"] = _same_options(stored["options"], _read_options(update, 1, 500))
    if "visible_options" in update:
        merged["visible_options"] = _read_visible(update, len(stored["options"]))
    for key in ("options_order", "allow_overlapping"):
        if key in update and key in stored:
            merged[key] = update[key]
    return merged


def _same_options(stored: list[Settings], update: list[Settings]) -> list[Settings]:
    if len(stored) != len(update):
        raise unprocessable(f"the number of options cannot be modified. expected {len(stored)} but got {len(update)}")
    values = {option["value"] for option in stored}
    unexpected = sorted(option["value"] for option in update if option["value"] not in values)
    if unexpected:
        raise unprocessable(f"the option values cannot be modified. found unexpected option values: {unexpected!r}")
    return update
