"""A fake server on a socket, and the command that talks to it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.fake import FakeArgilla, Served, serve

LIMIT = 60


@dataclass(frozen=True)
class Result:
    """How a call ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Desk:
    """A fake server with people at work, and a folder in which the command runs."""

    fake: FakeArgilla
    served: Served
    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "ARGILLA_API_URL": self.served.url,
            "ARGILLA_API_KEY": self.fake.owner.api_key,
            "COLUMNS": "120",
        }

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "syncer", *arguments]

    def run(self, *arguments: str, url: str | None = None) -> Result:
        done = subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment | ({"ARGILLA_API_URL": url} if url else {}),
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=LIMIT,
            check=False,
        )
        return Result(done.returncode, done.stdout, done.stderr)

    def writes(self) -> list[str]:
        return [entry.method for entry in self.fake.log if entry.method != "GET"]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A 2.8.0 with alice's copy and the group's, ten records each."""
    fake = FakeArgilla("2.8.0")
    fake.add_user("alice", workspaces=["alice", "group"])
    fake.add_user("bob", workspaces=["group"])
    for workspace in ("alice", "group"):
        dataset = fake.add_dataset("reviews", workspace)
        fake.add_records(dataset, [{"fields": {"text": f"t{i}"}, "external_id": f"e{i}"} for i in range(10)])
    with serve(fake) as served:
        yield Desk(fake, served, tmp_path)
