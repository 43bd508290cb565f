"""The situations in which the program is killed: two servers, what they hold, and the command that is run."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.fake import FakeArgilla, label_question, rating_question, text_question
from tests.fake.state import Dataset

Body = dict[str, Any]
SOURCE, TARGET = "src:argilla/reviews", "dst:argilla/reviews"
LABELS = ("a", "b", "c")
QUESTIONS = (label_question("label", LABELS), text_question("note"), rating_question("stars"))
PROPERTIES = ({"name": "lang", "title": "lang", "settings": {"type": "terms"}, "visible_for_annotators": True},)
SPAN = {
    "name": "span",
    "title": "span",
    "required": False,
    "settings": {"type": "span", "field": "text", "options": [{"value": "x", "text": "X"}]},
}


@dataclass
class Scene:
    """`later` is what happens between a first, undisturbed run and the one that is killed; None: no first run."""

    source: FakeArgilla
    target: FakeArgilla
    arguments: tuple[str, ...]
    later: Callable[[FakeArgilla, FakeArgilla], None] | None = None

    def twin(self) -> Scene:
        """The same scene once more, with the same ids, untouched by what happens to this one."""
        return Scene(_twin(self.source), _twin(self.target), self.arguments)


def _twin(fake: FakeArgilla) -> FakeArgilla:
    made = FakeArgilla(fake.version)
    made.store, made.index = copy.deepcopy((fake.store, fake.index))
    made.owner = made.store.users[fake.owner.id]
    return made


def in_place(size: int) -> Scene:
    """Responses into records that are there: bulk upserts."""
    source, target = _servers("2.8.0")
    _fill(target, [_record(i) for i in range(size // 2)])
    _fill(source, [_record(i, _submitted("alice", i), _submitted("bob", i + 1)) for i in range(size // 2)])
    return Scene(source, target, (SOURCE, TARGET))


def create(size: int) -> Scene:
    """A dataset, a workspace, people and records that are not there; half of the records have no external id."""
    source, target = _servers("2.8.0", at_target=("alice",))
    records = [
        _record(
            i,
            *(_submitted(name, i) for name in ("alice", "bob", "carol")[: i % 4]),
            external_id=f"e{i}" if i % 2 else None,
            metadata={"lang": "en", "n": i},
            vectors={"v": [i, 1.0]},
        )
        for i in range(size)
    ]
    _fill(source, records, vectors=({"name": "v", "title": "v", "dimensions": 2},))
    return Scene(
        source, target, (SOURCE, "dst:team/copy", "--create", "--create-users", "--add-members"),
    )  # fmt: skip


def recreate(size: int) -> Scene:
    """A server without the bulk upsert: records are deleted and created again, drafts are replaced one by one."""
    source, target = _servers("1.27.0")
    drafts = size // 5
    held = [_response("carol", {}, "draft") if i < drafts else _submitted("carol", i) for i in range(size)]
    theirs = [_record(i, held[i], external_id=f"e{i}" if i % 2 else None, metadata={"n": i}) for i in range(size)]
    ours = [_record(i, _submitted("carol", i), external_id=f"e{i}" if i % 2 else None) for i in range(drafts)]
    ours += [
        _record(i, _submitted("alice", i), _submitted("bob", i + 1), external_id=f"e{i}" if i % 2 else None)
        for i in range(drafts, size)
    ]
    _fill(target, theirs)
    _fill(source, ours)
    return Scene(source, target, (SOURCE, TARGET, "--conflicts", "prefer-submitted", "--max-change", "1"))


def mixed(size: int) -> Scene:
    """The second run of a pair: new and changed and deleted responses, new, changed and deleted records."""
    source, target = _servers("2.8.0")
    part = size // 7
    records = [_record(i, _submitted("alice", i), metadata={"lang": "en"}) for i in range(6 * part)]
    _fill(source, records)
    _fill(target, [])

    def later(source: FakeArgilla, target: FakeArgilla) -> None:
        del target
        dataset = _dataset(source)
        alice, bob = source.person("alice"), source.person("bob")
        ids = [record.id for record in dataset.listed()]
        for i in range(part):
            alice.edit(ids[i], {"label": LABELS[(i + 1) % 3], "note": "changed"})
            bob.submit(ids[part + i], {"label": LABELS[i % 3]})
            alice.delete_response(ids[2 * part + i])
            _ask(source, "PATCH", f"/records/{ids[3 * part + i]}", {"metadata": {"lang": "nl"}})
            bob.draft(ids[4 * part + i], {"label": "b"})
        source.add_records(dataset, [_record(1000 + i, _submitted("bob", i)) for i in range(part)])
        _ask(source, "DELETE", f"/datasets/{dataset.id}/records", None, "ids=" + ",".join(ids[5 * part :]))

    flags = ("--mirror", "--propagate-deletes", "--include", "metadata", "--max-change", "1", "--max-delete", "500")
    return Scene(source, target, (SOURCE, TARGET, "--accept-source", *flags), later)


def conflicts(size: int) -> Scene:
    """Half of the people's answers differ on both sides and stay; drafts make way for submitted answers."""
    source, target = _servers("2.8.0")
    theirs, ours = [], []
    for i in range(size):
        held = _response("alice", {"label": {"value": LABELS[(i + 1) % 3]}}, "submitted" if i % 2 else "draft")
        theirs.append(_record(i, held, *([_response("bob", {}, "discarded")] if i % 3 else [])))
        ours.append(_record(i, _submitted("alice", i), _submitted("bob", i)))
    _fill(target, theirs)
    _fill(source, ours)
    return Scene(source, target, (SOURCE, TARGET, "--conflicts", "prefer-submitted", "--max-change", "1"))


def poison(size: int) -> Scene:
    """Some answers are refused by the server: spans of a text that was shortened after they were given."""
    source, target = _servers("2.8.0")
    questions = (*QUESTIONS, SPAN)
    shared, bad = size // 2, {2, 7, 8}
    ours = [
        _record(i, _submitted("alice", i, span=(4, 8) if i % 20 in bad else (0, 2)), _submitted("bob", i))
        for i in range(shared + size // 4)
    ]
    made = _fill(source, ours, questions=questions)
    short = {record.id: record.fields["text"][:6] for i, record in enumerate(made.listed()) if i % 20 in bad}
    for record_id, text in short.items():
        body = {"items": [{"id": record_id, "fields": {"text": text}}]}
        _ask(source, "PUT", f"/datasets/{made.id}/records/bulk", body)
    texts = [record.fields["text"] for record in made.listed()]
    _fill(target, [_record(i, text=texts[i]) for i in range(shared)], questions=questions)
    return Scene(source, target, (SOURCE, TARGET))


SCENES: dict[str, Callable[[int], Scene]] = {
    made.__name__: made for made in (in_place, create, recreate, mixed, conflicts, poison)
}


def _servers(version: str, at_target: tuple[str, ...] = ("alice", "bob", "carol")) -> tuple[FakeArgilla, FakeArgilla]:
    source, target = FakeArgilla(version, seed=1), FakeArgilla(version, seed=2)
    for name in ("alice", "bob", "carol"):
        source.add_user(name)
    for name in at_target:
        target.add_user(name)
    return source, target


def _fill(fake: FakeArgilla, records: list[Body], **settings: Any) -> Dataset:
    dataset = fake.add_dataset(**{"questions": QUESTIONS, "properties": PROPERTIES, **settings})
    if records:
        fake.add_records(dataset, records)
    return dataset


def _dataset(fake: FakeArgilla) -> Dataset:
    (dataset,) = fake.store.datasets.values()
    return dataset


def _record(i: int, *responses: Body, text: str | None = None, external_id: str | None = "", **more: Any) -> Body:
    name = f"e{i}" if external_id == "" else external_id
    body = {"fields": {"text": text or f"{i:04d} text"}, "responses": list(responses), **more}
    return body | ({"external_id": name} if name else {})


def _submitted(username: str, i: int, span: tuple[int, int] | None = None) -> Body:
    values: Body = {"label": {"value": LABELS[i % 3]}, "stars": {"value": 1 + i % 5}}
    if span:
        values["span"] = {"value": [{"label": "x", "start": span[0], "end": span[1]}]}
    return _response(username, values, "submitted")


def _response(username: str, values: Body, status: str) -> Body:
    return {"username": username, "status": status, "values": values}


def _ask(fake: FakeArgilla, method: str, path: str, body: Body | None, query: str = "") -> None:
    raw = b"" if body is None else json.dumps(body).encode()
    status, _, answer = fake.answer(method, f"/api/v1{path}", query, {"x-argilla-api-key": fake.owner_key}, raw)
    assert status < 300, answer
