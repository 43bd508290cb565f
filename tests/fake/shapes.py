"""Reading bodies: the first thing of the wrong shape is a 422 that names its place."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import UUID

from .errors import invalid

Loc = tuple[str | int, ...]


def as_object(value: Any, loc: Loc) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise invalid(loc, "value is not a valid dict", "type_error.dict")
    return value


def as_list(value: Any, loc: Loc, low: int = 0, high: int | None = None) -> list[Any]:
    if not isinstance(value, list):
        raise invalid(loc, "value is not a valid list", "type_error.list")
    if len(value) < low:
        raise invalid(loc, f"ensure this value has at least {low} items", "value_error.list.min_items")
    if high is not None and len(value) > high:
        raise invalid(loc, f"ensure this value has at most {high} items", "value_error.list.max_items")
    return value


def as_text(value: Any, loc: Loc, low: int = 0, high: int | None = None) -> str:
    if not isinstance(value, str):
        raise invalid(loc, "str type expected", "type_error.str")
    if len(value) < low:
        raise invalid(loc, f"ensure this value has at least {low} characters", "value_error.any_str.min_length")
    if high is not None and len(value) > high:
        raise invalid(loc, f"ensure this value has at most {high} characters", "value_error.any_str.max_length")
    return value


def as_bool(value: Any, loc: Loc) -> bool:
    if not isinstance(value, bool):
        raise invalid(loc, "value could not be parsed to a boolean", "type_error.bool")
    return value


def as_integer(value: Any, loc: Loc, low: int | None = None, high: int | None = None) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise invalid(loc, "value is not a valid integer", "type_error.integer")
    if low is not None and value < low:
        raise invalid(loc, f"ensure this value is greater than or equal to {low}", "value_error.number.not_ge")
    if high is not None and value > high:
        raise invalid(loc, f"ensure this value is less than or equal to {high}", "value_error.number.not_le")
    return value


def as_choice(value: Any, loc: Loc, choices: Collection[str]) -> str:
    if not isinstance(value, str) or value not in choices:
        raise invalid(loc, f"value is not a valid enumeration member; permitted: {list(choices)}", "type_error.enum")
    return value


def as_uuid(value: Any, loc: Loc) -> str:
    """A UUID in the server's own spelling."""
    try:
        return str(UUID(value))
    except (ValueError, TypeError, AttributeError):
        raise invalid(loc, "value is not a valid uuid", "type_error.uuid") from None


def needed(body: dict[str, Any], key: str, loc: Loc) -> Any:
    if key not in body:
        raise invalid((*loc, key), "field required", "value_error.missing")
    return body[key]
