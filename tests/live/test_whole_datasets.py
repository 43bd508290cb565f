"""A dataset of every type and setting arrives whole, from any server on any server, and from a backup."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.live.world import World, ref
from tests.servers import Server
from tests.servers.seed import (
    Admin,
    Dataset,
    Json,
    User,
    answer,
    field,
    integer,
    label,
    multi_label,
    number,
    ranking,
    rating,
    record,
    span,
    terms,
    text,
)

SCRIPTS = "Ἑλληνικά עברית 中文 हिन्दी 👩‍👩‍👧‍👦 e\u0301 \u0001 end"
VECTOR = [0.1, -2.5e-8, 3.141592653589793, 1e20]


def everything(world: World, people: list[User]) -> Dataset:
    """One dataset with all that a version has: fields, questions, properties, vectors, suggestions, responses."""
    new = world.server.version.startswith("2.8")
    fields = [field("text"), field("extra", required=False)]
    if new:
        fields += [field("picture", kind="image", required=False), field("talk", kind="chat", required=False)]
        fields += [field("card", kind="custom", required=False, template="<b>{{record.fields.card.a}}</b>")]
    dataset = world.admin.dataset(
        world.place("all"),
        "everything",
        fields=fields,
        questions=[
            label("mood", ["good", "bad"]),
            rating("stars", range(0 if new else 1, 6), required=False),
            multi_label("topics", [f"topic-{i}" for i in range(40)], required=False),
            ranking("order", ["first", "second"], required=False),
            span("names", "text", ["PER"], required=False),
            text("note", required=False),
        ],
        guidelines="Read *everything*.",
        metadata=[terms("split", ["train", "test"]), integer("length"), number("share")],
        vectors={"embedding": len(VECTOR)},
    )
    dataset.add([_record(i, people, new=new) for i in range(12)])
    return dataset


def _record(i: int, people: list[User], *, new: bool) -> Json:
    fields: Json = {"text": f"{SCRIPTS} {i}", "extra": None if i % 2 else "x" * 2000}
    if new and i % 3 == 0:
        fields["picture"] = "data:image/png;base64,iVBORw0KGgo="
        fields["talk"] = [{"role": "user", "content": "hi"}, {"role": "bot", "content": "hello 👋"}]
        fields["card"] = {"a": [1, {"b": None}]}
    answers: list[Any] = [
        {"mood": "good", "stars": 0 if new else 1, "topics": ["topic-3", "topic-1"], "note": ""},
        {"mood": "bad", "order": [{"value": "second", "rank": 1}, {"value": "first", "rank": 1}]},
        {"names": [{"label": "PER", "start": 0, "end": 4}]},
    ]
    statuses = ["submitted", "submitted", "draft"]
    responses = [
        answer(person, answers[(i + n) % 3], statuses[(i + n) % 3]) for n, person in enumerate(people) if (i + n) % 4
    ]
    return record(
        fields,
        external_id=f"every-{i}" if i % 2 else None,
        metadata={"split": "train", "length": i, "share": i / 7} if i % 3 else None,
        suggestions={"mood": {"value": "good", "score": 0.25, "agent": "model", "type": "model"}} if i % 2 else None,
        vectors={"embedding": VECTOR} if i % 4 == 0 else None,
        responses=responses,
    )


def shape(dataset: Dataset, names: dict[str, str]) -> Any:
    """Everything but ids and times, people by the name they have at the source; independent of the product."""
    questions = {identity: name for name, identity in dataset.question_ids().items()}
    rows = [
        {
            "fields": {k: v for k, v in row["fields"].items() if v is not None},
            "metadata": row["metadata"] or {},
            "vectors": row["vectors"],
            "suggestions": sorted(
                (questions[s["question_id"]], str(s["value"]), s["score"], s["agent"], s["type"])
                for s in row["suggestions"]
            ),
            "responses": sorted(
                ((names[r["user_id"]], r["status"], r["values"] or {}) for r in row["responses"]), key=lambda r: r[0]
            ),
        }
        for row in dataset.records()
    ]
    settings = {
        "fields": [(f["name"], f["required"], f["settings"]["type"]) for f in dataset.fields()],
        "questions": [(q["name"], q["required"], q["settings"].get("options")) for q in dataset.questions()],
        "properties": sorted((p["name"], p["settings"]["type"]) for p in dataset.metadata_properties()),
        "vectors": sorted((v["name"], v["dimensions"]) for v in dataset.vectors_settings()),
        "guidelines": dataset.info()["guidelines"],
        "status": dataset.info()["status"],
    }
    return {"settings": settings, "records": rows}


def as_text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def configuration(world: World, **servers: Server) -> dict[str, str]:
    """Name servers in the world's configuration; the variables with their keys."""
    text = "".join(f'[servers.{name}]\nurl = "{s.url}"\napi_key_env = "KEY_{name}"\n' for name, s in servers.items())
    (world.folder / "syncer.toml").write_text(text)
    return {f"KEY_{name}": server.owner_key for name, server in servers.items()}


@pytest.mark.parametrize("start", ["1.27.0", "2.8.0"])
def test_every_type_arrives_on_another_server_with_other_user_ids_and_a_renamed_person(
    start: str, world: World, server_new: Server, request: pytest.FixtureRequest
) -> None:
    source_server = request.getfixturevalue("server_old" if start == "1.27.0" else "second_new_server")
    with Admin(source_server.url, source_server.owner_key, source_server.version) as admin:
        there = World(source_server, admin, world.folder, world.suffix)
        people = [there.user(name, "all") for name in ("ann", "ben", "cem")]
        source = everything(there, people)
        keys = configuration(world, src=source_server, dst=server_new)
        suffix = world.suffix
        renamed = world.admin.user(f"cemal-{suffix}")
        ben = world.admin.user(f"ben-{suffix}")
        call = ["--yes", "migrate", f"src:{ref(source)}", f"dst:{ref(source)}", "--create", "--create-users"]
        call += ["--add-members", "--map-user", f"cem-{suffix}=cemal-{suffix}", "--quiet", "0s", "--full"]
        done = world.syncer(*call, more=keys)
        assert done.code == 0, done.out + done.err
        ann = next(u for u in world.admin.users() if u.username == f"ann-{suffix}")
        target = world.admin.find(source.workspace, source.name)
        expected = shape(source, {p.id: p.username.split("-")[0] for p in people})
        assert shape(target, {ann.id: "ann", ben.id: "ben", renamed.id: "cem"}) == expected
        again = world.syncer(*call, more=keys)
        assert again.code == 0
        assert "Nothing to do" in again.out
    passwords = world.folder / ".syncer" / "passwords.tsv"
    assert passwords.stat().st_mode & 0o777 == 0o600
    assert [line.split("\t")[0] for line in passwords.read_text().splitlines()] == [f"ann-{suffix}"]


def test_a_snapshot_is_restored_into_a_new_dataset_and_repairs_the_old_one(any_world: World) -> None:
    people = [any_world.user(name, "all") for name in ("ann", "ben", "cem")]
    names = {p.id: p.username for p in people}
    source = everything(any_world, people)
    before = shape(source, names)
    taken = any_world.syncer("--json", "snapshot", ref(source)).json
    number = str(taken[0]["id"])
    copy = f"{source.workspace}/copy"
    done = any_world.syncer("--yes", "restore", number, copy, "--create", "--quiet", "0s", "--full")
    assert done.code == 0, done.out + done.err
    assert shape(any_world.admin.find(source.workspace, "copy"), names) == before
    # The drill: records are lost at the source, the snapshot brings them back, at the end of the list.
    source.delete(source.ids()[:5])
    repaired = any_world.syncer("--yes", "restore", number, ref(source), "--quiet", "0s")
    assert repaired.code == 0, repaired.out + repaired.err
    after = shape(source, names)
    assert after["settings"] == before["settings"]
    assert sorted(map(as_text, after["records"])) == sorted(map(as_text, before["records"]))
    assert any_world.syncer("snapshots", "verify").code == 0
