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
        return _with_shared_flags(command)


def _with_shared_flags(command: click.Command) -> click.Command:
    """Let a command and its subcommands take `--json`, `--yes` and `--debug` too: people write them last."""
    if any(param.name == "as_json" for param in command.params):
        return command
    for option in SHARED:
        command.params.append(option)
    for inner in getattr(command, "commands", {}).values():
        _with_shared_flags(inner)
    return command


def _set(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value:
        setattr(ctx.obj, str(param.name), True)


SHARED = tuple(
    click.Option(names, is_flag=True, expose_value=False, callback=_set, hidden=True)
    for names in (["--json", "as_json"], ["--yes", "-y", "yes"], ["--debug", "debug"])
)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--config", type=click.Path(path_type=Path), help="The configuration (else SYNCER_CONFIG, ./syncer.toml)."
)
@click.option("--state", type=click.Path(path_type=Path), help="The state (else SYNCER_STATE, .syncer/state.db).")
@click.option("--json", "as_json", is_flag=True, help="Print data as JSON.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask before writing to a server.")
@click.option("--debug", is_flag=True, help="Tell each request on stderr, and show tracebacks.")
@click.option(
    "--log-format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Of messages on stderr.",
)
@click.version_option(__version__, prog_name="syncer")
@click.pass_context
def cli(ctx: click.Context, /, **flags: Any) -> None:
    """Move and sync annotations between copies of an Argilla dataset without losing one.

    A dataset is named as server:workspace/dataset or server:UUID. Without a server it is the one of the
    variables ARGILLA_API_URL and ARGILLA_API_KEY. --json, --yes and --debug may also stand after the command.
    """
    from syncer.cli.session import Session

    ctx.obj = Session(**flags)
    ctx.call_on_close(ctx.obj.close)


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point: run, and turn every error into words and an exit code."""
    from syncer.cli.failure import run

    sys.exit(run(cli, arguments))
