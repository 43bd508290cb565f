"""The background loop: every job by its interval, one at a time, with jitter, and backoff for one that fails."""

from __future__ import annotations

import random
import sqlite3
import threading
import time
from collections.abc import Callable

from state import StateProblem
from syncer.config import Config
from syncer.errors import Stopped, SyncerError, UsageError
from syncer.jobs import RunResult

JITTER = 0.1
"""Share of an interval by which runs are spread."""
LONGEST_BACKOFF = 3600.0


class Daemon:
    """Runs jobs until the stop event is set; a failing job waits longer each time and stops no other."""

    def __init__(
        self,
        config: Config,
        run: Callable[[str], RunResult | None],
        stop: threading.Event,
        say: Callable[[str], None],
    ) -> None:
        self._intervals = {name: job.every.total_seconds() for name, job in config.jobs.items() if job.every}
        self._run = run
        self._stop = stop
        self._say = say
        self._failures = dict.fromkeys(self._intervals, 0)

    def run(self) -> None:
        """Loop until stopped. Raises UsageError if no job has an interval."""
        if not self._intervals:
            raise UsageError("no job has a schedule", advice='Give a job `every = "10m"` in syncer.toml')
        due = dict.fromkeys(self._intervals, time.monotonic())
        while not self._stop.is_set():
            name = min(due, key=lambda job: due[job])
            if self._stop.wait(max(0.0, due[name] - time.monotonic())):
                return
            self._once(name)
            due[name] = time.monotonic() + self._pause(name)

    def _once(self, name: str) -> None:
        try:
            result = self._run(name)
        except Stopped as error:
            if self._stop.is_set():
                return
            self._failed(name, str(error))
        except (SyncerError, StateProblem, sqlite3.Error, OSError) as error:
            self._failed(name, str(error))
        else:
            self._failures[name] = 0
            self._say(f"{name}: {'quiet' if result is None else f'run {result.run_id}: {result.outcome}'}")

    def _failed(self, name: str, why: str) -> None:
        self._failures[name] += 1
        self._say(f"{name}: failed: {why}; next try in about {self._pause(name):.0f} s")

    def _pause(self, name: str) -> float:
        interval = self._intervals[name]
        backoff = min(LONGEST_BACKOFF, interval * 2.0 ** min(self._failures[name], 10))
        return max(interval, backoff) * (1 + random.uniform(-JITTER, JITTER))
