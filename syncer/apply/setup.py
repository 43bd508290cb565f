"""Create what a plan needs before records can be written: people, membership, workspace, dataset."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from state import ItemRow, Store
from syncer.apply.ledger import Ledger
from syncer.argilla.writes import Writer
from syncer.errors import Conflicted, ServerError
from syncer.model import Settings
from syncer.ops import AddMember, CreateDataset, CreateUser, item_id, parse_item


class Setup:
    """Applies the setup operations of a plan; each looks first whether its work is done already, so that it can be
    repeated when it is not known whether a server has done it."""

    def __init__(self, writer: Writer, store: Store, ledger: Ledger, passwords: Path) -> None:
        self._writer = writer
        self._store = store
        self._ledger = ledger
        self._passwords = passwords
        self.persons: dict[str, str] = {}
        """`new:USERNAME` -> user id."""
        self.datasets: dict[str, str] = {}
        """The plan's name of a dataset to be created -> its id."""

    def run(self, rows: Iterable[ItemRow]) -> None:
        """Apply in the plan's order. Finished items are looked up again, so a resumed run knows all ids."""
        for row in rows:
            op = parse_item(row.payload)
            if isinstance(op, CreateUser):
                self._step(op, partial(self._user, op))
            elif isinstance(op, CreateDataset):
                self._step(op, partial(self._dataset, op))
            elif isinstance(op, AddMember):
                self._step(op, partial(self._member, op))

    def _step(self, op: CreateUser | CreateDataset | AddMember, work: Callable[[], dict[str, str]]) -> None:
        key = item_id(op)
        ended = self._ledger.is_ended(key)
        if not ended:
            self._ledger.started([(key, {})])
        detail = self._writer.settled(work)
        if not ended:
            self._ledger.end("done", [(key, detail)])

    def _user(self, op: CreateUser) -> dict[str, str]:
        known = {user.username: user.remote_id for user in self._writer.users()}
        user_id = known.get(op.username)
        if user_id is None:
            password = secrets.token_urlsafe(18)
            # Written before the account exists: a password that nobody knows would be of no use.
            self._note_password(op.username, password)
            user_id = self._writer.create_user(op.username, op.username, password).remote_id
        self.persons[f"new:{op.username}"] = user_id
        return {"user_id": user_id}

    def _note_password(self, username: str, password: str) -> None:
        descriptor = os.open(self._passwords, os.O_CREAT | os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(f"{username}\t{password}\n")

    def _member(self, op: AddMember) -> dict[str, str]:
        workspace_id = self._workspace(op.workspace)
        user_id = self.persons.get(op.person, op.person)
        with contextlib.suppress(Conflicted):  # a member already
            self._writer.add_member(workspace_id, user_id)
        return {"user_id": user_id}

    def _workspace(self, name: str) -> str:
        ids = {found: workspace_id for workspace_id, found in self._writer.workspaces()}
        return ids[name] if name in ids else self._writer.create_workspace(name)

    def _dataset(self, op: CreateDataset) -> dict[str, str]:
        """Create the dataset, or go on with one that an interrupted attempt of this run has begun."""
        settings = Settings.from_dict(json.loads(self._store.bodies.get(op.settings)))
        workspace_id = self._workspace(op.workspace)
        found = next((d for d in self._writer.datasets() if d.workspace_id == workspace_id and d.name == op.name), None)
        dataset_id = found.remote_id if found else self._writer.create_dataset(op.name, workspace_id, settings)
        self._complete(dataset_id, settings)
        if op.publish and self._writer.dataset(dataset_id).status != "ready":
            self._writer.publish(dataset_id)
        self.datasets[op.dataset_id] = dataset_id
        self._store.journal.add_dataset(self._ledger.run_id, dataset_id)
        return {"dataset_id": dataset_id}

    def _complete(self, dataset_id: str, wanted: Settings) -> None:
        """Add the fields, questions, metadata properties and vectors that are not there yet."""
        there = self._writer.settings(dataset_id)
        have = {f["name"] for f in there.fields}
        for field in wanted.fields:
            if field["name"] not in have:
                self._writer.create_field(dataset_id, field)
        names = {q.name for q in there.questions}
        for question in wanted.questions:
            if question.name not in names:
                self._writer.create_question(dataset_id, question)
        have = {p["name"] for p in there.metadata_properties}
        for metadata_property in wanted.metadata_properties:
            if metadata_property["name"] not in have:
                self._writer.create_metadata_property(dataset_id, metadata_property)
        have = {v["name"] for v in there.vectors}
        for vector in wanted.vectors:
            if vector["name"] not in have:
                self._writer.create_vector(dataset_id, vector)
        after = self._writer.settings(dataset_id)
        if {q.name for q in after.questions} != {q.name for q in wanted.questions}:
            raise ServerError(
                "the new dataset does not have the questions that the plan needs",
                where=dataset_id,
                advice="It has the name of a dataset that was there before: choose another name, or plan again",
            )
