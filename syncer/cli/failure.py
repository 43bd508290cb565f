"""From an error to words and an exit code."""

from __future__ import annotations

import json
import os
import sqlite3
import sys
from collections.abc import Sequence

import click
from pydantic import ValidationError

from state import StateProblem
from syncer.errors import StateError, Stopped, SyncerError
from syncer.report.text import clean


def run(command: click.Command, arguments: Sequence[str] | None) -> int:
    """Run a command and return its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug, as_json = "--debug" in given, "--json" in given
    try:
        result = command.main(given, prog_name="syncer", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except click.ClickException as error:
        error.show()
        return 2
    except (click.Abort, KeyboardInterrupt):
        return tell(Stopped("stopped", advice="`syncer resume` goes on if a run was under way"), as_json=as_json)
    except BrokenPipeError:
        # Whoever read the output has gone; nothing more may be written to it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (SyncerError, StateProblem, sqlite3.Error, OSError, ValidationError) as error:
        if debug:
            raise
        return tell(translated(error), as_json=as_json)


def translated(error: Exception) -> SyncerError:
    """The error in our own words."""
    if isinstance(error, SyncerError):
        return error
    if isinstance(error, StateProblem):
        return StateError("the state cannot be used", why=str(error), advice="Use another one with --state")
    if isinstance(error, ValidationError):
        return StateError(
            "something in the state cannot be read", why="it is damaged or was written by another version"
        )
    advice = "Nothing was sent without a record of it. Make room or give access, then `syncer resume`"
    return StateError("the state cannot be read or written", why=str(error), advice=advice)


def tell(error: SyncerError, *, as_json: bool) -> int:
    """Print an error and return its exit code."""
    where = f" ({error.where})" if error.where else ""
    why = f": {error.why}" if error.why else ""
    click.echo(clean(f"error: {error.what}{where}{why}"), err=True)
    if error.advice:
        click.echo(clean(f"next: {error.advice}"), err=True)
    if as_json:
        body = {"what": error.what, "where": error.where, "why": error.why, "advice": error.advice}
        click.echo(json.dumps({"error": {**body, "exit_code": error.exit_code}}))
    return error.exit_code
