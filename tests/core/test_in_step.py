"""Copies that are kept in step for a long time: policies by question, and records that vanish on one side."""

from __future__ import annotations

from typing import Any

import pytest

from syncer.errors import UsageError
from syncer.options import Limits
from syncer.plan import Policy, Rules, policy_for
from tests.core.scene import HOME, ONE, TWO, fill, held
from tests.core.world import World, answer, record
from tests.fake import label_question, text_question
from tests.fake.state import Dataset

QUESTIONS = [label_question("label", ["a", "b", "c"]), text_question("note")]
BY_NOTE: dict[str, Policy] = {"note": "source"}


def body(label: str | None, note: str | None, status: str = "submitted") -> dict[str, Any]:
    values = {"label": label, "note": note}
    return {"status": status, "values": {k: {"value": v} for k, v in values.items() if v is not None}}


@pytest.mark.parametrize(
    ("one", "other", "policy"),
    [
        (body("a", "x"), body("a", "y"), "source"),
        (body("a", None), body("a", "y"), "source"),
        (body("a", "x"), body("b", "y"), "report"),
        (body("a", "x"), body("b", "x"), "report"),
        (body("a", "x"), body("a", "x", "draft"), "report"),
        (body("a", "x"), None, "report"),
    ],
)
def test_the_policy_of_a_question_holds_where_only_its_answers_differ(
    one: dict[str, Any], other: dict[str, Any] | None, policy: Policy
) -> None:
    assert policy_for([one, other], Rules(by_question=BY_NOTE)) == policy


def test_a_conflict_in_one_question_is_decided_by_its_own_policy(world: World) -> None:
    def noted(text: str, label: str, note: str) -> dict[str, Any]:
        return record(text, {"username": "alice", **body(label, note)})

    fill(world, ONE, noted("t", "a", "new"), noted("u", "b", "new"), questions=QUESTIONS)
    home = fill(world, HOME, noted("t", "a", "old"), noted("u", "c", "old"), questions=QUESTIONS)
    plan = world.plan([ONE], HOME, conflicts_by_question=BY_NOTE)
    assert sorted(world.kinds(plan)) == ["conflict", "write_response"]
    world.apply(plan)
    assert held(world, home) == {("t", "alice"): "a", ("u", "alice"): "c"}
    notes = {r.fields["text"]: (r.responses[0].values or {})["note"]["value"] for r in home.records.values()}
    assert notes == {"t": "new", "u": "old"}


def test_a_policy_for_a_question_that_is_not_there_is_refused(world: World) -> None:
    fill(world, ONE)
    fill(world, HOME)
    with pytest.raises(UsageError, match="mood"):
        world.plan([ONE], HOME, conflicts_by_question={"mood": "source"})


def drop(dataset: Dataset, text: str) -> None:
    for found in [r for r in dataset.records.values() if r.fields["text"] == text]:
        del dataset.records[found.id]


@pytest.mark.parametrize("two_way", [False, True])
def test_a_record_deleted_at_the_source_is_reported_and_its_answers_stay(world: World, two_way: bool) -> None:
    one = fill(world, ONE, record("t", answer("alice", "a")), record("u", answer("alice", "b")))
    home = fill(world, HOME, record("own", answer("bob", "c")))
    world.sync([ONE], HOME, two_way=two_way)
    drop(one, "t")
    plan = world.plan([ONE], HOME, two_way=two_way, propagate_deletes=True)
    assert world.kinds(plan) == ["skip record-deleted-at-source"]
    assert world.apply(plan).exit_code == 4
    assert held(world, home) == {("t", "alice"): "a", ("u", "alice"): "b", ("own", "bob"): "c"}


def test_a_mirror_deletes_what_was_deleted_at_the_source_and_says_nothing_more(world: World) -> None:
    one = fill(world, ONE, record("t", answer("alice", "a")), record("u", answer("alice", "b")))
    home = fill(world, HOME)
    world.sync([ONE], HOME)
    drop(one, "t")
    plan = world.plan([ONE], HOME, mirror=True, limits=Limits(max_delete=1))
    assert world.kinds(plan) == ["delete_record"]
    assert world.apply(plan).exit_code == 0
    assert held(world, home) == {("u", "alice"): "b"}
    assert world.kinds(world.plan([ONE], HOME)) == []


def test_a_record_that_came_back_under_another_id_is_not_reported_as_deleted(world: World) -> None:
    one = fill(world, ONE, record("t", answer("alice", "a"), external_id="e"))
    home = fill(world, HOME, record("t", external_id="e"))
    world.sync([ONE], HOME)
    drop(one, "t")
    fill_again = record("t", answer("alice", "a"), external_id="e")
    world.fakes["s0"].add_records(one, [fill_again])
    assert world.kinds(world.plan([ONE], HOME)) == []
    assert held(world, home) == {("t", "alice"): "a"}


def test_a_record_that_another_source_still_has_is_reported_for_the_one_that_lost_it(world: World) -> None:
    one = fill(world, ONE, record("t", answer("alice", "a"), external_id="e"))
    fill(world, TWO, record("t", answer("bob", "b"), external_id="e"))
    home = fill(world, HOME)
    world.sync([ONE, TWO], HOME)
    drop(one, "t")
    (skip,) = [item for item in world.items(world.plan([ONE, TWO], HOME)) if item.kind == "skip"]
    assert (skip.reason, skip.side) == ("record-deleted-at-source", 0)
    assert held(world, home) == {("t", "alice"): "a", ("t", "bob"): "b"}
