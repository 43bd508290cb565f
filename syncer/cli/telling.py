"""From an error to words."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime

import click
from pydantic import ValidationError

from state import StateProblem
from syncer.errors import StateError, Stopped, SyncerError
from syncer.report.text import clean


def translated(error: BaseException) -> SyncerError | None:
    """The error in our own words, or None for one that nobody has foreseen."""
    match error:
        case SyncerError():
            return error
        case click.Abort() | KeyboardInterrupt():
            return Stopped("stopped", advice="`syncer resume` goes on if a run was under way")
        case StateProblem():
            return StateError("the state cannot be used", why=str(error), advice="Use another one with --state")
        case ValidationError():
            return StateError(
                "something in the state cannot be read", why="it is damaged or was written by another version"
            )
        case sqlite3.Error() | OSError():
            advice = "Nothing was sent without a record of it. Make room or give access, then `syncer resume`"
            return StateError("the state cannot be read or written", why=str(error), advice=advice)
        case _:
            return None


def tell(error: SyncerError, *, as_json: bool, log_json: bool) -> int:
    """Print an error and return its exit code."""
    where = f" ({error.where})" if error.where else ""
    why = f": {error.why}" if error.why else ""
    message(f"error: {error.what}{where}{why}", log_json=log_json, level="error")
    if error.advice:
        message(f"next: {error.advice}", log_json=log_json, level="error")
    if as_json:
        body = {"what": error.what, "where": error.where, "why": error.why, "advice": error.advice}
        click.echo(json.dumps({"error": {**body, "exit_code": error.exit_code}}))
    return error.exit_code


def message(text: str, *, log_json: bool, level: str = "info") -> None:
    """Print one message to stderr, as words or as one line of JSON."""
    words = clean(text)
    if log_json:
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        words = json.dumps({"time": now, "level": level, "message": words.strip()}, ensure_ascii=False)
    click.echo(words, err=True)
