"""The command line: parse, call, print, exit code. The commands are loaded when they are asked for."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from syncer import __version__

COMMANDS = {
    "diff": "plans",
    "plan": "plans",
    "show": "plans",
    "apply": "plans",
    "migrate": "plans",
    "snapshot": "snapshots",
    "snapshots": "snapshots",
    "restore": "plans",
    "prune": "snapshots",
    "runs": "runs",
    "resume": "runs",
    "undo": "runs",
    "recover": "runs",
    "conflicts": "conflicts",
    "sync": "service",
    "serve": "service",
    "jobs": "service",
    "doctor": "setup",
    "init": "setup",
}


class LazyGroup(click.Group):
    """Imports the module of a command only when it runs: `--version` and `--help` stay fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands in the order of the table."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load one command."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"syncer.cli.{COMMANDS[cmd_name]}")
        command: click.Command = getattr(module, cmd_name)
        return command


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--config", type=click.Path(path_type=Path), help="The configuration (else SYNCER_CONFIG, ./syncer.toml)."
)
@click.option("--state", type=click.Path(path_type=Path), help="The state (else SYNCER_STATE, .syncer/state.db).")
@click.option("--json", "as_json", is_flag=True, help="Print data as JSON.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask before writing to a server.")
@click.option("--debug", is_flag=True, help="Tell each request on stderr, and show tracebacks.")
@click.version_option(__version__, prog_name="syncer")
@click.pass_context
def cli(ctx: click.Context, /, **flags: Any) -> None:
    """Move and sync annotations between copies of an Argilla dataset without losing one.

    A dataset is named as server:workspace/dataset or server:UUID. Without a server it is the one of the
    variables ARGILLA_API_URL and ARGILLA_API_KEY.
    """
    from syncer.cli.session import Session

    ctx.obj = Session(**flags)
    ctx.call_on_close(ctx.obj.close)


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point: run, and turn every error into words and an exit code."""
    from syncer.cli.failure import run

    sys.exit(run(cli, arguments))
