"""Situations in which a careless sync would lose, double or re-attribute somebody's work."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from syncer import ops
from syncer.errors import UsageError
from syncer.options import Limits
from tests.core.world import World, answer, answers, label, record
from tests.fake import label_question, text_field, text_question
from tests.fake.state import Dataset

ONE, TWO, HOME = "s0:one/reviews", "s0:two/reviews", "s0:argilla/reviews"


@pytest.fixture
def apart(tmp_path: Path) -> Iterator[World]:
    """Two servers without anybody but their owners."""
    made = World(tmp_path, "2.8.0", "2.8.0")
    yield made
    made.close()


def fill(world: World, reference: str, *records: dict[str, Any], **settings: Any) -> Dataset:
    """A dataset with records, at the place of a reference."""
    server, _, path = reference.partition(":")
    workspace, _, name = path.partition("/")
    dataset = world.fakes[server].add_dataset(name, workspace, **settings)
    world.fakes[server].add_records(dataset, records)
    return dataset


def held(world: World, dataset: Dataset, server: str = "s0") -> dict[tuple[str, str], str]:
    """(text, username) -> answer to the question `label`."""
    found = answers(world.fakes[server].dump(dataset))
    return {key: values["label"]["value"] for key, (_, values) in found.items()}


def record_id(dataset: Dataset, text: str) -> str:
    return next(r.id for r in dataset.records.values() if r.fields["text"] == text)


# A person's newer answer must not lose against an older copy of it


def test_a_copy_that_agreed_with_the_old_answer_is_not_in_conflict_with_the_new_one(world: World) -> None:
    one = fill(world, ONE, record("t", answer("alice", "a")))
    home = fill(world, HOME, record("t"))
    world.sync([ONE], HOME)
    fill(world, TWO, record("t", answer("alice", "a")))
    world.fakes["s0"].person("alice").edit(record_id(one, "t"), {"label": "b"})
    world.sync([ONE, TWO], HOME)
    assert held(world, home) == {("t", "alice"): "b"}
    assert world.kinds(world.plan([ONE, TWO], HOME)) == []


def test_a_policy_does_not_give_the_answer_back_to_the_older_copy_in_the_next_run(world: World) -> None:
    fill(world, ONE, record("t", answer("alice", "a")))
    fill(world, TWO, record("t", answer("alice", "b")))
    home = fill(world, HOME, record("t", answer("alice", "a")))
    world.sync([ONE, TWO], HOME, conflicts="source")
    assert held(world, home) == {("t", "alice"): "b"}
    assert world.kinds(world.plan([ONE, TWO], HOME, conflicts="source")) == []


def test_an_agreement_that_stood_beside_a_conflict_is_remembered(world: World) -> None:
    one = fill(world, ONE, record("t", answer("alice", "a")))
    fill(world, TWO, record("t", answer("alice", "b")))
    home = fill(world, HOME, record("t", answer("alice", "a")))
    world.sync([ONE, TWO], HOME)
    world.fakes["s0"].person("alice").edit(record_id(one, "t"), {"label": "c"})
    plan = world.plan([ONE], HOME)
    assert world.kinds(plan) == ["write_response"]
    world.apply(plan)
    assert held(world, home) == {("t", "alice"): "c"}


def test_a_value_that_lost_by_policy_does_not_come_back_in_the_next_run(world: World) -> None:
    fill(world, ONE, record("t", answer("alice", "a")))
    two = fill(world, TWO, record("t", answer("alice", "a")))
    home = fill(world, HOME, record("t"))
    world.sync([TWO], HOME)
    alice = world.fakes["s0"].person("alice")
    alice.delete_response(record_id(home, "t"))
    alice.draft(record_id(two, "t"), {"label": "c"})
    world.sync([ONE, TWO], HOME, conflicts="prefer-submitted")
    assert held(world, home) == {("t", "alice"): "a"}
    assert world.kinds(world.plan([ONE, TWO], HOME, conflicts="prefer-submitted")) == []


def test_a_decision_by_hand_settles_the_conflict_until_it_is_taken_back(world: World) -> None:
    fill(world, ONE, record("t", answer("alice", "a")))
    fill(world, TWO, record("t", answer("alice", "b")))
    home = fill(world, HOME, record("t", answer("alice", "c")))
    (conflict,) = [item for item in world.items(world.plan([ONE, TWO], HOME)) if isinstance(item, ops.Conflict)]
    chosen = next(c.digest for c in conflict.contenders if c.side == 1)
    world.store.memory.decide(conflict.conflict_id, chosen or "", "now")
    run = world.sync([ONE, TWO], HOME)
    assert held(world, home) == {("t", "alice"): "b"}
    assert world.kinds(world.plan([ONE, TWO], HOME)) == []
    undo, left = world.runner.undo(run.run_id)
    assert not left
    world.apply(undo)
    assert held(world, home) == {("t", "alice"): "c"}
    world.store.memory.decide(conflict.conflict_id, "", "now")
    assert world.kinds(world.plan([ONE, TWO], HOME)) == ["conflict"]


def test_a_deletion_at_the_target_stays_a_deletion_until_it_has_been_carried_over(world: World) -> None:
    one = fill(world, ONE, record("t", answer("alice", "a")))
    home = fill(world, HOME, record("t"))
    options = {"two_way": True, "propagate_deletes": True, "limits": Limits(max_delete=5)}
    world.sync([ONE], HOME, **options)
    alice = world.fakes["s0"].person("alice")
    alice.delete_response(record_id(home, "t"))
    plan = world.plan([ONE], HOME, **options)
    assert world.kinds(plan) == ["delete_response"]
    alice.edit(record_id(one, "t"), {"label": "b"})
    assert world.apply(plan).counts["drifted"] == 1
    assert world.kinds(world.plan([ONE], HOME, **options)) == ["conflict"]


# One person's work must not become another's


def test_a_map_and_a_new_account_of_the_same_name_are_two_people(apart: World) -> None:
    fake = apart.fakes["s0"]
    for name in ("ann", "carl"):
        fake.add_user(name)
    fill(apart, "s0:argilla/reviews", record("t", answer("ann", "a")), record("u", answer("carl", "b")))
    fill(apart, "s1:argilla/reviews", record("t"), record("u"))
    with pytest.raises(UsageError, match="two people"):
        apart.plan(["s0:argilla/reviews"], "s1:argilla/reviews", users={"ann": "carl"}, create_users=True)


def test_the_way_back_of_a_map_does_not_merge_two_people(apart: World) -> None:
    for fake in apart.fakes.values():
        for name in ("ann", "ben"):
            fake.add_user(name)
    fill(apart, "s0:argilla/reviews", record("t", answer("ann", "a")), record("u"))
    fill(apart, "s1:argilla/reviews", record("t"), record("u", answer("ann", "b")))
    with pytest.raises(UsageError, match="two people"):
        apart.plan(["s0:argilla/reviews"], "s1:argilla/reviews", users={"ann": "ben"}, two_way=True)


def test_records_that_share_only_their_numbering_are_not_paired(world: World) -> None:
    fill(world, ONE, record("good", answer("alice", "a"), external_id="1"))
    home = world.fakes["s0"].add_dataset("reviews", "argilla", fields=[text_field("review")])
    world.fakes["s0"].add_records(home, [{"fields": {"review": "bad"}, "external_id": "1"}])
    assert set(world.kinds(world.plan([ONE], HOME))) == {"skip content-differs"}


def test_copies_of_equal_texts_are_told_apart_by_their_minted_ids(world: World) -> None:
    fill(world, ONE, record("same", answer("alice", "a")), record("same", answer("alice", "b")))
    world.sync([ONE], TWO, create=True)
    two = next(d for d in world.fakes["s0"].store.datasets.values() if d.workspace_id != "" and _at(world, d) == "two")
    for row in two.records.values():
        value = "a" if row.responses[0].values == label("a") else "b"
        world.fakes["s0"].person("bob").submit(row.id, {"label": value})
    world.sync([ONE, TWO], HOME, create=True)
    home = next(d for d in world.fakes["s0"].store.datasets.values() if _at(world, d) == "argilla")
    assert len(home.records) == 2
    for row in home.records.values():
        assert len(row.responses) == 2
        assert row.responses[0].values == row.responses[1].values
    assert world.kinds(world.plan([ONE, TWO], HOME)) == []


def _at(world: World, dataset: Dataset) -> str:
    return world.fakes["s0"].store.workspaces[dataset.workspace_id].name


# An answer must not change on its way


def test_two_questions_are_never_merged_into_one(world: World) -> None:
    questions = [label_question("old", ["a", "b"]), label_question("label", ["a", "b"])]
    fill(world, ONE, questions=questions)
    fill(world, HOME)
    with pytest.raises(UsageError, match="label"):
        world.plan([ONE], HOME, questions={"old": "label"})


def test_two_fields_are_never_merged_into_one(world: World) -> None:
    fill(world, ONE, fields=[text_field("old"), text_field("text")])
    fill(world, HOME)
    with pytest.raises(UsageError, match="text"):
        world.plan([ONE], HOME, fields={"old": "text"})


def test_a_new_dataset_is_no_way_round_that(world: World) -> None:
    fill(world, ONE, fields=[text_field("old"), text_field("text")])
    with pytest.raises(UsageError, match="text"):
        world.plan([ONE], HOME, fields={"old": "text"}, create=True)


def test_a_label_that_stands_for_two_cannot_go_both_ways(world: World) -> None:
    fill(world, ONE, record("t", answer("alice", "a")))
    fill(world, HOME, record("t"))
    with pytest.raises(UsageError, match="both ways"):
        world.plan([ONE], HOME, labels={"label": {"a": "b"}}, two_way=True)


def span_question() -> dict[str, Any]:
    options = [{"value": "x", "text": "x"}]
    settings = {"type": "span", "field": "text", "options": options, "allow_overlapping": False}
    return {"name": "spans", "title": "spans", "required": True, "settings": settings}


@pytest.mark.parametrize(
    ("ours", "theirs", "options"),
    [
        ("  a cat", "a cat", {"ignore_whitespace": True}),
        ("e\u0301 cat", "\u00e9 cat", {}),
        ("a cat", "a dog and", {"match": "external_id", "limits": Limits(allow_different_fields=True)}),
    ],
    ids=["whitespace", "composed", "other-text"],
)
def test_spans_never_land_on_other_characters(world: World, ours: str, theirs: str, options: dict[str, Any]) -> None:
    spans = {"spans": {"value": [{"label": "x", "start": 2, "end": 5}]}}
    response = {"username": "alice", "status": "submitted", "values": spans}
    fill(world, ONE, record(ours, response, external_id="1"), questions=[span_question()])
    fill(world, HOME, record(theirs, external_id="1"), questions=[span_question()])
    assert world.kinds(world.plan([ONE], HOME, **options)) == ["skip does-not-fit"]


# Nothing is deleted that is not known to be unwanted


MIRROR = {"mirror": True, "limits": Limits(max_delete=10)}


def test_a_mirror_leaves_records_alone_that_may_be_the_ambiguous_ones(world: World) -> None:
    fill(world, ONE, record("same"), record("same"))
    home = fill(world, HOME, record("same", answer("alice", "a")), record("same", answer("bob", "b")), record("gone"))
    plan = world.plan([ONE], HOME, **MIRROR)
    assert sorted(world.kinds(plan)) == ["delete_record", "skip ambiguous", "skip ambiguous"]
    world.apply(plan)
    assert len(home.records) == 2


def test_a_mirror_leaves_records_alone_that_a_filter_keeps_out(world: World) -> None:
    fill(world, ONE, record("here", external_id="1"), record("there", external_id="2"))
    fill(world, HOME, record("here", external_id="1"), record("there", external_id="2"), record("gone"))
    plan = world.plan([ONE], HOME, filters={"ids": ("1",)}, **MIRROR)
    found = [item for item in world.items(plan) if isinstance(item, ops.DeleteRecord)]
    assert len(found) == 1


# The numbers that the guard looks at


def test_only_matched_responses_count_for_the_share_of_overwrites(world: World) -> None:
    fill(world, ONE, *[record(f"t{i}", answer("alice", "a")) for i in range(30)])
    mine = [record(f"t{i}", answer("alice", "b")) for i in range(30)]
    others = [record(f"u{i}", answer("bob", "b")) for i in range(400)]
    fill(world, HOME, *mine, *others)
    plan = world.plan([ONE], HOME, conflicts="source")
    assert world.summary(plan).figures.matched_responses == 30
    assert [r.override for r in world.runner.refusals(plan)] == ["--max-change"]


def test_a_response_on_a_record_with_another_text_is_a_skip(world: World) -> None:
    fill(world, ONE, record("ours", answer("alice", "a"), external_id="1"))
    fill(world, HOME, record("theirs", answer("alice", "b"), external_id="1"))
    plan = world.plan([ONE], HOME)
    assert world.summary(plan).counts["rows:skip"] == 1


def test_a_question_without_a_counterpart_is_found_while_planning(world: World) -> None:
    questions = [label_question("label", ["a", "b"]), text_question("extra")]
    response = {"username": "alice", "status": "submitted", "values": {**label("a"), "extra": {"value": "x"}}}
    fill(world, ONE, record("t", response), questions=questions)
    fill(world, HOME, record("t"))
    assert world.kinds(world.plan([ONE], HOME)) == ["skip does-not-fit"]
