"""Run a command, and turn whatever ends it into an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click


def run(command: click.Command, arguments: Sequence[str] | None) -> int:
    """Run a command and return its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        result = command.main(given, prog_name="syncer", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except click.ClickException as error:
        error.show()
        return 2
    except BrokenPipeError:
        # Whoever read the output has gone; nothing more may be written to it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (Exception, KeyboardInterrupt) as error:
        # Loaded here: what most calls never need would make `--version` and `--help` slow.
        from syncer.cli.telling import tell, translated

        known = translated(error)
        if known is None or "--debug" in given:
            raise
        return tell(known, as_json="--json" in given, log_json=is_json_log(given))


def is_json_log(arguments: Sequence[str]) -> bool:
    """Whether messages are to be JSON lines, also if the arguments could not be parsed."""
    text = " ".join(arguments)
    return "--log-format json" in text or "--log-format=json" in text
