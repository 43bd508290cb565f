"""Two served fakes behind proxies, a folder with configuration and state, and the program that works on them."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from state import Store
from tests.crash.launcher import Call
from tests.crash.scenes import Scene
from tests.fake import serve
from tests.proxy import Fault, FaultProxy, Seen
from tests.proxy.exchange import Exchange

CONFIG = """
[servers.src]
url = "{src}"
api_key_env = "SRC_KEY"
timeout = {timeout}

[servers.dst]
url = "{dst}"
api_key_env = "DST_KEY"
timeout = {timeout}
"""
DEADLINE = 60.0


class Program:
    """The loaded program, ready to be started; calls run one after the other."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.crash.launcher"]
        self._loaded = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._pid = 0
        self._dead = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, type_: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Without its stdin the loaded program ends.
        with self._loaded:
            assert self._loaded.stdin
            self._loaded.stdin.close()

    def run(self, call: Call) -> int:
        """Run one call to its end; the exit code, or minus the signal that ended it."""
        assert self._loaded.stdin
        assert self._loaded.stdout
        self._dead.clear()
        self._loaded.stdin.write(call.line)
        self._loaded.stdin.flush()
        self._pid = int(self._loaded.stdout.readline())
        code = int(self._loaded.stdout.readline())
        self._dead.set()
        return code

    def kill(self) -> None:
        """Kill the call that runs and return when it is dead; called while it waits for a server."""
        os.kill(self._pid, signal.SIGKILL)
        if not self._dead.wait(DEADLINE):
            raise TimeoutError("a killed process did not end")


@dataclass
class Ended:
    """How a call ended."""

    code: int
    output: str
    commits: int


@dataclass
class Trap:
    """A fault for the n-th of all requests to both servers, in the order of their arrival."""

    number: int
    fault: Fault
    arrived: int = 0
    sprung: Seen | None = None
    over: threading.Event = field(default_factory=threading.Event)

    def here(self, seen: Seen) -> bool:
        self.arrived += 1
        if self.arrived == self.number:
            self.sprung = seen
        return self.arrived == self.number

    @property
    def rule(self) -> Fault:
        def handle(exchange: Exchange) -> None:
            try:
                self.fault.handle(exchange)
            finally:
                self.over.set()

        return Fault(self.fault.name, handle)


class Stage:
    """A scene that can be acted on."""

    def __init__(self, program: Program, scene: Scene, folder: Path, source: str, target: str) -> None:
        self.program = program
        self.scene = scene
        self.folder = folder
        self._proxies = FaultProxy(source), FaultProxy(target)
        self._calls = 0

    @property
    def state(self) -> Path:
        return self.folder / ".syncer" / "state.db"

    @property
    def log(self) -> list[Seen]:
        """All requests to the target, in order."""
        return self._proxies[1].log

    def open(self, stack: ExitStack, timeout: float) -> None:
        src, dst = (stack.enter_context(proxy).url for proxy in self._proxies)
        (self.folder / "syncer.toml").write_text(CONFIG.format(src=src, dst=dst, timeout=timeout), encoding="ascii")

    def count(self) -> Callable[[], list[Seen]]:
        """Note all requests from now on; call what is returned for them."""
        noted: list[Seen] = []

        def note(seen: Seen) -> bool:
            noted.append(seen)
            return False

        for proxy in self._proxies:
            proxy.on(Fault("none", lambda _: None), where=note)
        return lambda: noted

    def trap(self, number: int, fault: Fault) -> Trap:
        """Set a trap for one request of the calls that follow."""
        trap = Trap(number, fault)
        for proxy in self._proxies:
            proxy.on(trap.rule, where=trap.here)
        return trap

    def clear(self) -> None:
        for proxy in self._proxies:
            proxy.clear()

    def call(
        self, *arguments: str, kill: tuple[str, int] | None = None, naive: str | None = None, hurry: bool = False
    ) -> Ended:
        """Run the program with `--yes` and these arguments."""
        self._calls += 1
        output, commits = self.folder / f"{self._calls}.out", self.folder / f"{self._calls}.commits"
        environment = {
            "SRC_KEY": self.scene.source.owner_key,
            "DST_KEY": self.scene.target.owner_key,
            "XDG_STATE_HOME": str(self.folder / "user"),
            "NO_COLOR": "1",
        }
        given = ("--yes", *arguments)
        code = self.program.run(
            Call(given, str(self.folder), environment, str(output), str(commits), kill, naive, hurry)
        )
        counted = int(commits.read_text()) if commits.exists() else -1
        return Ended(code, output.read_text(encoding="utf-8"), counted)

    def migrate(self, *, kill: tuple[str, int] | None = None, naive: str | None = None, hurry: bool = False) -> Ended:
        flags = ("--batch", "5", "--quiet", "0s")
        return self.call("migrate", *self.scene.arguments, *flags, kill=kill, naive=naive, hurry=hurry)

    def store(self) -> Store:
        return Store(self.state)


@contextmanager
def staged(
    program: Program, scene: Scene, folder: Path, state: Path | None = None, timeout: float = DEADLINE
) -> Iterator[Stage]:
    """Serve a scene until the block ends; `state` is a folder with the state of earlier runs, `timeout` the program's
    seconds for one request."""
    folder.mkdir(parents=True)
    if state is not None:
        shutil.copytree(state, folder / ".syncer")
    with ExitStack() as stack:
        source, target = (stack.enter_context(serve(fake)).url for fake in (scene.source, scene.target))
        stage = Stage(program, scene, folder, source, target)
        stage.open(stack, timeout)
        yield stage
