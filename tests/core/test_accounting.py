"""Whole plans of random datasets: everything is accounted for once, and nothing happens that was not planned.

Every response carries the name of its author and the text of its record, so that one which ends under somebody
else or on another text is seen wherever it is.
"""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

from syncer import ops
from tests.core.world import World
from tests.fake import label_question, text_question
from tests.fake.state import Dataset

PEOPLE = ("ann", "ben", "cy")
LABELS = ("a", "b", "c")
Key = tuple[str, str, str]
"""Dataset, record, user."""


@dataclass(frozen=True)
class Row:
    """A record and what people answered: person -> (status, label)."""

    text: str
    external_id: str | None
    answers: dict[str, tuple[str, str]]


@dataclass(frozen=True)
class Edit:
    """Somebody's act in one of the datasets; a place beyond the end counts from the start again."""

    dataset: int
    place: int
    person: str
    act: tuple[str, str] | None


@dataclass(frozen=True)
class Scene:
    """The last dataset is the target; it is on the last server."""

    versions: tuple[str, ...]
    datasets: tuple[tuple[Row, ...], ...]
    edits: tuple[Edit, ...]
    options: dict[str, Any]


ACTS = st.tuples(st.sampled_from(["submitted", "submitted", "draft", "discarded"]), st.sampled_from(LABELS))
ROWS = st.lists(
    st.builds(
        Row,
        st.sampled_from(["t0", "t1", "t2", "t3"]),
        st.sampled_from([None, None, "e0", "e1"]),
        st.dictionaries(st.sampled_from(PEOPLE), ACTS, max_size=3),
    ),
    max_size=4,
    # A server takes every external id once.
    unique_by=lambda row: row.external_id or object(),
).map(tuple)
EDITS = st.lists(
    st.builds(Edit, st.integers(0, 2), st.integers(0, 3), st.sampled_from(PEOPLE), st.none() | ACTS), max_size=8
).map(tuple)
OPTIONS = st.fixed_dictionaries(
    {
        "conflicts": st.sampled_from(["report", "report", "source", "target", "newest", "prefer-submitted"]),
        "two_way": st.booleans(),
        "records": st.booleans(),
        "restore_deleted": st.booleans(),
        "propagate_deletes": st.booleans(),
        "match": st.sampled_from(["auto", "fields", "external_id"]),
        "ambiguous": st.sampled_from(["report", "in-order"]),
        "clock_tolerance": st.sampled_from([0.0, 300.0]),
    }
)
SCENES = st.builds(
    Scene,
    st.sampled_from([("2.8.0",), ("2.8.0", "2.8.0"), ("2.8.0", "1.27.0"), ("1.27.0", "2.8.0"), ("1.29.1",)]),
    st.lists(ROWS, min_size=2, max_size=3).map(tuple),
    EDITS,
    OPTIONS,
)


class Stage:
    """A scene set up on fake servers. On a second server `cy` is called `cyrus`."""

    def __init__(self, scene: Scene, folder: Path) -> None:
        self.world = World(folder, *scene.versions)
        self.names = {"cy": "cyrus"} if len(scene.versions) > 1 else {}
        self.places = [f"s0:w{i}/d" for i in range(len(scene.datasets) - 1)] + [f"s{len(scene.versions) - 1}:home/d"]
        self.options = {**scene.options, "users": self.names, "limits": {"max_change": 1.0, "max_delete": 100}}
        for server, fake in self.world.fakes.items():
            for name in PEOPLE:
                fake.add_user(self.username(server, name), workspaces=["w0", "w1", "home"])
        self.datasets = [self._dataset(place, rows) for place, rows in zip(self.places, scene.datasets, strict=True)]

    def username(self, server: str, person: str) -> str:
        return self.names.get(person, person) if server == "s1" else person

    def _dataset(self, place: str, rows: tuple[Row, ...]) -> Dataset:
        server, _, path = place.partition(":")
        fake = self.world.fakes[server]
        questions = [label_question("label", LABELS), text_question("note")]
        dataset = fake.add_dataset("d", path.partition("/")[0], questions=questions)
        bodies = []
        for row in rows:
            responses = [
                {
                    "username": self.username(server, person),
                    "status": status,
                    "values": {k: {"value": v} for k, v in self.values(person, row.text, label).items()},
                }
                for person, (status, label) in row.answers.items()
            ]
            bodies.append({"fields": {"text": row.text}, "external_id": row.external_id, "responses": responses})
        fake.add_records(dataset, bodies)
        return dataset

    @staticmethod
    def values(person: str, text: str, label: str) -> dict[str, str]:
        return {"label": label, "note": f"{person} on {text}"}

    def edit(self, edit: Edit) -> None:
        index = edit.dataset % len(self.datasets)
        server = self.places[index].partition(":")[0]
        records = self.datasets[index].listed()
        if not records:
            return
        record = records[edit.place % len(records)]
        person = self.world.fakes[server].person(self.username(server, edit.person))
        self.world.clock.forward(minutes=10)
        if edit.act is None:
            if record.response_of(person.user.id) is not None:
                person.delete_response(record.id)
            return
        status, label = edit.act
        save = {"submitted": person.submit, "draft": person.draft, "discarded": person.discard}[status]
        save(record.id, self.values(edit.person, str(record.fields["text"]), label))

    def plan(self) -> int:
        return self.world.plan(self.places[:-1], self.places[-1], **self.options)

    def sync(self) -> None:
        plan = self.plan()
        # Nothing but too many different texts under one number is ever refused here.
        assume(not self.world.runner.refusals(plan))
        result = self.world.apply(plan)
        assert result.exit_code in (0, 4), result

    def writes(self) -> list[str]:
        """Every request so far that is no reading."""
        return [f"{e.method} {e.path}" for fake in self.world.fakes.values() for e in fake.log if e.method != "GET"]

    def held(self) -> dict[Key, tuple[str, Any]]:
        """All responses of all datasets."""
        return {
            (dataset.id, record.id, str(response.user_id)): (response.status, response.values or {})
            for dataset in self.datasets
            for record in dataset.records.values()
            for response in record.responses
        }

    def check_authors(self) -> None:
        """Every response is its author's and on the text for which it was given, and nobody has two on a record."""
        for place, dataset in zip(self.places, self.datasets, strict=True):
            server = place.partition(":")[0]
            users = self.world.fakes[server].store.users
            for record in dataset.records.values():
                authors = [users[str(response.user_id)].username for response in record.responses]
                assert len(set(authors)) == len(authors)
                for author, response in zip(authors, record.responses, strict=True):
                    person = next(p for p in PEOPLE if self.username(server, p) == author)
                    wanted = self.values(person, str(record.fields["text"]), "")["note"]
                    assert (response.values or {})["note"]["value"] == wanted


@contextmanager
def staged(scene: Scene) -> Iterator[Stage]:
    with tempfile.TemporaryDirectory() as folder:
        stage = Stage(scene, Path(folder))
        try:
            yield stage
        finally:
            stage.world.close()


def planned(items: list[Any]) -> dict[Key, str | None]:
    """What the operations on existing records leave, by dataset, record and user."""
    found: dict[Key, str | None] = {}
    for item in items:
        if isinstance(item, ops.WriteResponse):
            found[item.dataset_id, item.record_id, item.answer.person] = item.answer.body
        elif isinstance(item, ops.DeleteResponse):
            found[item.dataset_id, item.record_id, item.person] = None
        elif isinstance(item, ops.RecreateRecord):
            found |= {(item.dataset_id, item.record_id, a.person): a.body for a in item.answers}
    return found


def check_accounts(stage: Stage, plan: int) -> None:
    """Every source record has one outcome, and every (record, person) exactly one line of the plan."""
    world, bench = stage.world, stage.world.store.workbench
    home = stage.datasets[-1].id
    refs: dict[tuple[int, str], str] = {}
    for pair in bench.pairs():
        assert (pair.source, pair.source_id) not in refs
        refs[pair.source, pair.source_id] = pair.ref
    ours = {(i, record_id) for i, dataset in enumerate(stage.datasets[:-1]) for record_id in dataset.records}
    assert refs.keys() == ours
    # A source's user id is not the person's id at the target: the plan's header says who is who.
    people = stage.world.runner.load(plan)[0].people
    rows = {(record.id, str(r.user_id)) for record in stage.datasets[-1].records.values() for r in record.responses}
    for (index, record_id), ref in refs.items():
        for response in stage.datasets[index].records[record_id].responses:
            rows.add((ref, people[str(index)][str(response.user_id)]))
    lines: Counter[tuple[str, str]] = Counter()
    kinds: Counter[str] = Counter()
    for item in world.items(plan):
        for key in _keys(item, home, refs):
            lines[key] += 1
            kinds[ops.category_of(item)] += 1
    assert all(number == 1 for number in lines.values()), lines
    counts = {k.removeprefix("rows:"): v for k, v in world.summary(plan).counts.items() if k.startswith("rows:")}
    # The plan leaves out rows that need nothing and leave nothing to remember.
    assert kinds["unchanged"] <= counts.pop("unchanged", 0)
    kinds.pop("unchanged", None)
    assert {k: v for k, v in counts.items() if v and not k.startswith("record:")} == dict(kinds)
    total = sum(v for k, v in world.summary(plan).counts.items() if k.startswith("rows:") and "record:" not in k)
    bases = {(ref, person) for ref, person in _bases(world)}
    assert total == len(rows | bases)
    assert lines.keys() <= rows | bases


def _bases(world: World) -> list[tuple[str, str]]:
    return [(row[0], row[1]) for row in world.store.db.conn.execute("SELECT DISTINCT ref, person FROM w_base")]


def _keys(item: Any, home: str, refs: dict[tuple[int, str], str]) -> list[tuple[str, str]]:
    """The rows that a line of the plan speaks of; none for lines about sources, people or whole records."""
    match item:
        case ops.WriteResponse() if item.dataset_id == home:
            return [(item.record_id, item.answer.person)]
        case ops.DeleteResponse() if item.dataset_id == home:
            return [(item.record_id, item.person)]
        case ops.CreateRecord():
            ref = refs[item.copies[0].source, item.copies[0].record_id]
            return [(ref, answer.person) for answer in item.answers]
        case ops.RecreateRecord():
            return [(item.record_id, answer.person) for answer in item.answers]
        case ops.Skip() if item.reason == "needs-recreate" and item.side >= 0:
            return []
        case ops.Conflict() | ops.Unchanged():
            return [(item.ref, item.person)]
        case ops.Skip() if item.person:
            return [(item.ref, item.person)]
        case _:
            return []


@settings(max_examples=120)
@given(SCENES)
def test_everything_is_accounted_for_and_nothing_else_happens(scene: Scene) -> None:
    with staged(scene) as stage:
        stage.sync()
        stage.check_authors()
        for edit in scene.edits:
            stage.edit(edit)
        before, sent = stage.held(), stage.writes()

        plan = stage.plan()
        check_accounts(stage, plan)
        again = stage.plan()
        assert [row.payload for row in stage.world.store.plans.items(plan)] == [
            row.payload for row in stage.world.store.plans.items(again)
        ]
        assert stage.held() == before
        assert stage.writes() == sent

        items = stage.world.items(again)
        for item in items:
            event(item.kind)
        result = stage.world.apply(again)
        assert result.exit_code in (0, 4), result
        stage.check_authors()
        _check_changes(stage, before, items)
        _check_rest(stage)


def _check_changes(stage: Stage, before: dict[Key, tuple[str, Any]], items: list[Any]) -> None:
    """Responses changed as planned, and only those; a re-created record is found by what replaced it."""
    intended = planned(items)
    recreated = {item.record_id for item in items if isinstance(item, ops.RecreateRecord)}
    after = stage.held()
    moved = {old: _successor(stage, old) for old in recreated}
    for (dataset, record, user), old in before.items():
        now = after.get((dataset, moved.get(record, record), user))
        if (dataset, record, user) in intended:
            assert now == _body(stage, intended[dataset, record, user])
        else:
            assert now == old, (dataset, record, user)
    existing = {record for _, record, _ in before} | set(moved.values())
    for (dataset, record, user), now in after.items():
        origin = next((old for old, new in moved.items() if new == record), record)
        if (dataset, origin, user) in before or (dataset, origin, user) in intended:
            continue
        created = [i for i in items if isinstance(i, ops.CreateRecord)]
        assert record not in existing or not created
        assert any(now == _body(stage, a.body) and a.person == user for i in created for a in i.answers)
    for (dataset, record, user), body in intended.items():
        assert after.get((dataset, moved.get(record, record), user)) == _body(stage, body)


def _successor(stage: Stage, old: str) -> str:
    """The id that a re-created record has now, by the journal."""
    journal = stage.world.store.journal
    found = stage.world.store.db.conn.execute(
        """SELECT json_extract(detail, '$.remote_id') FROM journal JOIN plan_item USING (item_id)
            WHERE event = 'done' AND kind = 'recreate_record' AND run_id = ?
              AND json_extract(payload, '$.record_id') = ?""",
        (journal.last_run(), old),
    ).fetchone()
    return str(found[0])


def _body(stage: Stage, digest: str | None) -> tuple[str, Any] | None:
    if digest is None:
        return None
    body = json.loads(stage.world.store.bodies.get(digest))
    return body["status"], body["values"] or {}


def _check_rest(stage: Stage) -> None:
    """The plan after it has no operation; a two-way job of several sources may need one more round."""
    rounds = 2 if stage.options["two_way"] and len(stage.datasets) > 2 else 0
    for _ in range(rounds):
        stage.sync()
    left = [item for item in stage.world.items(stage.plan()) if ops.category_of(item) == "operation"]
    assert left == []
    held = stage.held()
    stage.sync()
    assert stage.held() == held
    stage.check_authors()
