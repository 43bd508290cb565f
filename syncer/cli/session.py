"""What the commands of one call share: configuration, state, clients, output, signals."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import threading
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from state import Store
from syncer import config, datasets, events
from syncer.argilla import RetryPolicy
from syncer.argilla.transport import Event as HttpEvent
from syncer.argilla.transport import RequestDone, RetryWaits
from syncer.cli.telling import message
from syncer.errors import UsageError
from syncer.jobs import Runner
from syncer.plan_model import Located
from syncer.report.text import clean
from syncer.servers import ConfiguredServers


class Session:
    """Opened lazily: a command pays only for what it uses."""

    def __init__(
        self, *, config: Path | None, state: Path | None, as_json: bool, yes: bool, debug: bool, log_format: str
    ) -> None:
        self._config_flag = config
        self._state_flag = state
        self.as_json = as_json
        self.yes = yes
        self.debug = debug
        self._log_json = log_format == "json"
        self.stop = threading.Event()
        self._console = Console(stderr=True, no_color=bool(os.environ.get("NO_COLOR")))
        self._progress: Progress | None = None
        self._tasks: dict[str, TaskID] = {}

    @cached_property
    def config(self) -> config.Config:
        """The configuration."""
        return config.load(self._config_flag, os.environ)

    @cached_property
    def store(self) -> Store:
        """The state."""
        return Store(config.state_path(self._state_flag, os.environ))

    @cached_property
    def servers(self) -> ConfiguredServers:
        """Clients of the configured servers."""
        return ConfiguredServers(self.config, RetryPolicy(stop_event=self.stop), self._heard)

    @cached_property
    def runner(self) -> Runner:
        """The runner over state and servers."""
        return Runner(self.store, self.servers, now, self.hear)

    def sources(self, references: tuple[str, ...] | list[str]) -> list[Located]:
        """The source datasets of references, patterns resolved."""
        found: list[Located] = []
        for text in references:
            reference = config.parse_reference(text, self.config)
            found += datasets.locate_all(self.servers.client(reference.server), reference)
        return found

    def target(self, text: str, *, create: bool = False) -> Located:
        """The target dataset of a reference."""
        reference = config.parse_reference(text, self.config)
        return datasets.locate(self.servers.client(reference.server), reference, create=create)

    def confirm(self, question: str) -> None:
        """Ask before something is written; refuse where nobody can answer."""
        if self.yes:
            return
        if not sys.stdin.isatty():
            raise UsageError("this writes to a server, and nobody can be asked", advice="Say --yes if it is meant")
        self._close_progress()
        click.confirm(question, abort=True, err=True)

    def out(self, data: Any, text: str) -> None:
        """Print data: as JSON, or as text."""
        self._close_progress()
        click.echo(json.dumps(data, ensure_ascii=False, indent=2) if self.as_json else text, nl=self.as_json)

    def say(self, text: str) -> None:
        """A message to the person at the terminal."""
        self._close_progress()
        message(text, log_json=self._log_json)

    @property
    def width(self) -> int:
        """Columns of the terminal."""
        return max(60, shutil.get_terminal_size((100, 24)).columns)

    def watch_signals(self) -> None:
        """The first SIGINT or SIGTERM lets the batch in hand finish; the second one stops at once."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._signalled)

    def _signalled(self, number: int, frame: Any) -> None:
        del number, frame
        if self.stop.is_set():
            os._exit(5)  # the journal is on the disk: nothing has to be saved
        self.stop.set()
        os.write(2, b"\nstopping after the batch in hand; once more to stop at once\n")

    def hear(self, event: events.Event) -> None:
        """Show progress on a terminal, and notes everywhere."""
        if isinstance(event, events.Note):
            self.say(event.text)
        elif self._console.is_terminal and not self.as_json and not self._log_json:
            self._advance(event)

    def _advance(self, event: events.Progress) -> None:
        if self._progress is None:
            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
            self._progress = Progress(*columns, console=self._console, transient=True)
            self._progress.start()
        name = f"{event.stage} {clean(event.subject)}"
        if name not in self._tasks:
            self._tasks[name] = self._progress.add_task(name, total=event.total)
        self._progress.update(self._tasks[name], completed=event.done, total=event.total)

    def _heard(self, event: HttpEvent) -> None:
        if isinstance(event, RetryWaits):
            self.say(f"{event.error}; trying again in {event.seconds:.0f} s")
        elif self.debug and isinstance(event, RequestDone):
            took = f"{event.seconds * 1000:.0f} ms"
            self.say(f"{event.server} {event.method} {event.path} {event.status} {took}")

    def _close_progress(self) -> None:
        if self._progress is not None:
            self._progress.stop()
            self._progress = None
            self._tasks.clear()

    def close(self) -> None:
        """Close what was opened."""
        self._close_progress()
        for name in ("servers", "store"):
            if name in self.__dict__:
                self.__dict__[name].close()


def now() -> datetime:
    """The wall clock, in UTC."""
    return datetime.now(UTC)


pass_session = click.make_pass_decorator(Session)
