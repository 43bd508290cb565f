"""The server's own words, made short, plain and safe to print."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Any

_LONGEST = 500
_SHOWN_ERRORS = 3
_ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|.)?", re.DOTALL)
_UNPRINTABLE = {"Cc", "Cf", "Cs"}


def plain(text: str, *, secrets: Iterable[str] = ()) -> str:
    """One line of at most 500 characters without escapes, control characters and the given secrets."""
    text = " ".join(_ESCAPE.sub("", text[: 20 * _LONGEST]).split())
    text = "".join(char for char in text if unicodedata.category(char) not in _UNPRINTABLE)
    for secret in secrets:
        text = text.replace(secret, "***")
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def message_of(body: Any) -> str:
    """The sentence in the body of an error answer, in any of the forms that Argilla has used; "" if none."""
    if not isinstance(body, dict):
        return ""
    detail = body.get("detail", body.get("message"))
    if isinstance(detail, list):
        return _schema_errors(detail)
    if isinstance(detail, dict):
        params = detail.get("params")
        return _coded(params if isinstance(params, dict) else detail)
    return detail if isinstance(detail, str) else ""


def _coded(params: dict[str, Any]) -> str:
    errors = params.get("errors")
    if isinstance(errors, list):
        return _schema_errors(errors)
    if "detail" in params:
        return str(params["detail"])
    if "message" in params:
        return ": ".join(str(params[key]) for key in ("type", "message") if params.get(key))
    return ", ".join(f"{key} {value}" for key, value in params.items() if isinstance(value, str | int))


def _schema_errors(errors: list[Any]) -> str:
    """The first of the errors that pydantic found: where in the body, and what."""
    lines = [
        f"{'.'.join(str(part) for part in error.get('loc', ()))}: {error.get('msg', '')}".lstrip(": ")
        for error in errors[:_SHOWN_ERRORS]
        if isinstance(error, dict) and isinstance(error.get("loc", ()), list | tuple)
    ]
    more = [f"and {len(errors) - _SHOWN_ERRORS} more"] if len(errors) > _SHOWN_ERRORS else []
    return "; ".join(lines + more)
