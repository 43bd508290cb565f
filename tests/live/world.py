"""A person's copy and a group's copy on a real server, and the command line run against them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from tests.servers import Server
from tests.servers.seed import Admin, Dataset, Json, User, label, multi_label, ranking, rating, span, text

LIMIT = 120
QUESTIONS = (
    label("mood", ["good", "bad", "mixed"]),
    rating("stars", range(1, 6), required=False),
    multi_label("topics", ["price", "size", "colour"], required=False),
    ranking("order", ["first", "second", "third"], required=False),
    span("names", "text", ["PER", "LOC"], required=False),
    text("note", required=False),
)


@dataclass(frozen=True)
class Result:
    """How a call of the command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class World:
    """Names are unique to a test, so tests share a server."""

    server: Server
    admin: Admin
    folder: Path
    suffix: str = field(default_factory=lambda: uuid4().hex[:8])

    def user(self, name: str, *workspaces: str, role: str = "annotator") -> User:
        return self.admin.user(f"{name}-{self.suffix}", role=role, workspaces=[self.place(w) for w in workspaces])

    def place(self, workspace: str) -> str:
        return f"{workspace}-{self.suffix}"

    def dataset(self, workspace: str, questions: Sequence[Json] = QUESTIONS, name: str = "reviews") -> Dataset:
        return self.admin.dataset(self.place(workspace), name, fields=["text"], questions=list(questions))

    def syncer(
        self, *arguments: str, key: str | None = None, url: str | None = None, more: Mapping[str, str] | None = None
    ) -> Result:
        """Run the installed command; nobody is at the terminal."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ARGILLA_")}
        environment |= {
            "ARGILLA_API_URL": url or self.server.url,
            "ARGILLA_API_KEY": key or self.server.owner_key,
            "COLUMNS": "140",
            **(more or {}),
        }
        command = [str(Path(sys.executable).with_name("syncer")), *arguments]
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=LIMIT,
            check=False,
        )
        return Result(done.returncode, done.stdout, done.stderr)

    def migrate(self, *references: str, url: str | None = None) -> Result:
        return self.syncer("--yes", "migrate", *references, "--quiet", "0s", url=url)


def ref(dataset: Dataset) -> str:
    return f"{dataset.workspace}/{dataset.name}"


def held(dataset: Dataset) -> dict[str, dict[str | None, tuple[str, Any]]]:
    """Text of a record -> user id -> (status, values), as the server lists it; equal texts are told apart."""
    found: dict[str, dict[str | None, tuple[str, Any]]] = {}
    for row in dataset.records():
        key = row["fields"]["text"]
        while key in found:
            key += "'"
        found[key] = {r["user_id"]: (r["status"], r["values"] or {}) for r in row["responses"]}
    return found


def raw_responses(dataset: Dataset) -> dict[str, Json]:
    """Response id -> the server's own JSON, times included."""
    return {r["id"]: r for row in dataset.records() for r in row["responses"]}
