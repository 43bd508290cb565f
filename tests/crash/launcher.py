"""Runs the real entry point in forks of one process that has it loaded, and kills it at commits of its state.

Reads one JSON object a line from stdin and answers with the process id, then with the exit status. A call is
killed right before or right after its n-th commit. Two tools break the protocol on purpose, to prove that the
sweep notices.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

WRITES = ("INSERT", "UPDATE", "DELETE", "REPLACE", "CREATE", "DROP", "ALTER")


@dataclass(frozen=True)
class Call:
    """One call of the program."""

    arguments: tuple[str, ...]
    folder: str
    environment: dict[str, str]
    output: str
    """A file for stdout and stderr."""
    commits: str
    """A file that gets the number of commits when the call ends by itself."""
    kill: tuple[str, int] | None = None
    """`before` or `after`, and the number of the commit."""
    naive: str | None = None
    """A name in NAIVE."""
    hurry: bool = False
    """Whether it does not wait before it tries again."""

    @property
    def line(self) -> str:
        return json.dumps(asdict(self)) + "\n"


@dataclass
class Commits:
    """Counts commits, and ends the process at one of them."""

    kill: tuple[str, int] | None
    number: int = 0

    def around(self, commit: Callable[[], Any]) -> Any:
        self.number += 1
        self._end_if("before")
        done = commit()
        self._end_if("after")
        return done

    def _end_if(self, when: str) -> None:
        if self.kill is not None and self.kill == (when, self.number):
            os.kill(os.getpid(), signal.SIGKILL)


def watched(commits: Commits) -> type[sqlite3.Connection]:
    """A connection whose commits are counted: the statement COMMIT, and a write outside of a transaction."""

    class Watched(sqlite3.Connection):
        def execute(self, sql: str, *rest: Any) -> sqlite3.Cursor:
            word = sql.lstrip().partition(" ")[0].rstrip(";").upper()
            ends = word == "COMMIT" if self.in_transaction else word in WRITES
            run = super().execute
            if not ends:
                return run(sql, *rest)
            cursor: sqlite3.Cursor = commits.around(lambda: run(sql, *rest))
            return cursor

    return Watched


def run(call: Call) -> int:
    """The program's own entry point; its exit code."""
    from syncer.cli import main

    commits = Commits(call.kill)
    connect, kind = sqlite3.connect, watched(commits)
    sqlite3.connect = lambda *args, **more: connect(*args, **more, factory=kind)  # type: ignore[assignment]
    if call.naive is not None:
        NAIVE[call.naive]()
    if call.hurry:
        _hurry()
    try:
        main(call.arguments)
    except SystemExit as end:
        return int(end.code or 0)
    finally:
        Path(call.commits).write_text(str(commits.number), encoding="ascii")
    return 0


def _hurry() -> None:
    """Try again at once, however long the wait that was told."""
    from syncer.argilla import retry

    def at_once(self: retry.RetryPolicy, seconds: float) -> None:
        del self, seconds

    retry.RetryPolicy._sleep = at_once  # type: ignore[method-assign]


def _always_send() -> None:
    """Send whatever is there now: what a blind retry does."""
    from syncer.apply import judge, recreate, responses
    from syncer.model import Record

    def send(record: Any, user_id: str, _: Any, leaves: str | None, *__: Any) -> judge.Send | judge.Done:
        current = record.response_of(user_id) if isinstance(record, Record) else None
        return judge.Done(None) if leaves is None and current is None else judge.Send(current)

    for module in (responses, recreate):
        vars(module)["judge_response"] = send


def _no_intent() -> None:
    """Send without a note of it on the disk."""
    from syncer.apply.ledger import Ledger

    def started(self: Ledger, intents: Any) -> None:
        for item, detail in intents:
            self._latest[item] = dict(detail)
            self._started.setdefault(item, self._latest[item])

    Ledger.started = started  # type: ignore[method-assign]


NAIVE: dict[str, Callable[[], None]] = {"always-send": _always_send, "no-intent": _no_intent}


def _child(call: Call) -> int:
    output = os.open(call.output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for descriptor, standard in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(descriptor, standard)
    os.chdir(call.folder)
    os.environ.update(call.environment)
    code = run(call)
    sys.stdout.flush()
    sys.stderr.flush()
    return code


def serve() -> None:
    """Answer calls until stdin ends."""
    import syncer.cli.plans
    import syncer.cli.runs  # noqa: F401  (loaded here once, so that no fork has to)

    for line in sys.stdin:
        given = json.loads(line)
        kill = tuple(given["kill"]) if given["kill"] else None
        call = Call(**{**given, "arguments": tuple(given["arguments"]), "kill": kill})
        pid = os.fork()
        if pid == 0:
            code = 70
            try:
                code = _child(call)
            finally:
                os._exit(code)
        print(pid, flush=True)
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    serve()
