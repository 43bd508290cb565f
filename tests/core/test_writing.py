"""Ways in which somebody's work could be lost, that reading the program has shown: while it is written."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from syncer.argilla.client import v1
from syncer.argilla.transport import Request
from tests.core.scene import HOME, MIRROR, ONE, TWO, after_an_end, fill, held, once, save, sends
from tests.core.world import World, answer, record
from tests.fake import Chaos
from tests.fake.state import Dataset

# What both sides agreed on


@pytest.mark.parametrize("target", [[record("t")], []], ids=["written", "created"])
def test_an_edit_between_the_write_and_its_verification_is_newer_than_the_source(
    world: World, target: list[dict[str, Any]]
) -> None:
    fill(world, ONE, record("t", answer("alice", "a")))
    home = fill(world, HOME, *target)
    plan = world.plan([ONE], HOME)
    hits = once(world, after_an_end(world), lambda: save(world, home, "alice", "t", "b"))
    world.apply(plan)
    assert hits
    world.sync([ONE], HOME, conflicts="source")
    assert held(world, home) == {("t", "alice"): "b"}


def test_a_re_created_answer_is_as_old_as_it_was(old: World) -> None:
    home = fill(old, HOME, record("t", answer("alice", "a")))
    old.clock.forward(hours=1)
    two = fill(old, TWO, record("t", answer("alice", "b")))
    old.clock.forward(hours=1)
    fill(old, ONE, record("t", answer("bob", "c")))
    old.sync([ONE], HOME)
    old.sync([TWO], HOME, conflicts="newest", two_way=True)
    assert held(old, home) == {("t", "alice"): "b", ("t", "bob"): "c"}
    assert held(old, two)["t", "alice"] == "b"


# What a deletion takes with it


def test_an_answer_that_a_deletion_took_is_reported_although_the_reply_was_lost(world: World) -> None:
    fill(world, ONE, record("t"))
    home = fill(world, HOME, record("t"), record("gone"))
    plan = world.plan([ONE], HOME, **MIRROR)
    once(world, sends("DELETE", "records"), lambda: save(world, home, "alice", "gone", "a"), Chaos.LOST)
    result = world.apply(plan)
    assert len(home.records) == 1
    assert result.counts["possibly-overwritten"] == 1
    assert result.exit_code == 9


def test_a_record_is_not_deleted_if_somebody_answered_after_it_was_read(world: World) -> None:
    fill(world, ONE, record("t"))
    home = fill(world, HOME, record("t"), record("gone"))
    plan = world.plan([ONE], HOME, **MIRROR)

    def started(_: httpx.Request) -> bool:
        return "started" in world.store.journal.counts(world.store.journal.last_run())

    once(world, started, lambda: save(world, home, "alice", "gone", "a"))
    assert world.apply(plan).counts["drifted"] == 1
    assert held(world, home) == {("gone", "alice"): "a"}


def test_a_record_that_somebody_else_deleted_is_not_brought_back_by_an_undo(world: World) -> None:
    fill(world, ONE, record("t"))
    home = fill(world, HOME, record("t"), record("gone"), record("too"))
    plan = world.plan([ONE], HOME, **MIRROR)
    (gone,) = [r.id for r in home.records.values() if r.fields["text"] == "gone"]
    world.writer("s0").delete_records(home.id, [gone])
    undo, left = world.runner.undo(world.apply(plan).run_id)
    assert left == []
    world.apply(undo)
    assert sorted(r.fields["text"] for r in home.records.values()) == ["t", "too"]


def test_a_record_with_work_of_a_deleted_user_is_never_deleted(old: World) -> None:
    fill(old, ONE, record("t"))
    home = fill(old, HOME, record("t"), record("orphan", answer("alice", "a")))
    old.fakes["s0"].delete_user("alice")
    plan = old.plan([ONE], HOME, **MIRROR)
    assert old.kinds(plan) == ["skip deleted-author"]
    old.apply(plan)
    assert len(home.records) == 2


# What a single write replaces


def test_a_single_write_in_a_busy_dataset_is_reported_as_one_that_may_have_replaced_something(old: World) -> None:
    one = fill(old, ONE, record("t", answer("alice", "a")))
    home = fill(old, HOME, record("t", answer("alice", "a")), record("busy"))
    old.sync([ONE], HOME)
    save(old, one, "alice", "t", "b")
    plan = old.plan([ONE], HOME)
    values = iter("abcabcabcabcabcabc")

    def disturb(request: httpx.Request) -> None:
        if request.method == "GET" and request.url.path == f"/api/v1/datasets/{home.id}":
            save(old, home, "bob", "busy", next(values))
        if request.method == "PUT":
            save(old, home, "alice", "t", "c")

    old.disturb = disturb
    result = old.apply(plan)
    assert held(old, home)["t", "alice"] == "b"
    assert result.counts["possibly-overwritten"] == 1
    assert result.exit_code == 9


# What a re-creation could not write back


def loosened(world: World, reference: str, *records: dict[str, Any]) -> Dataset:
    """A dataset whose records hold metadata that it takes no more."""
    dataset = fill(world, reference, *records, allow_extra_metadata=True)
    world.writer("s0")._http.write(Request("PATCH", v1("datasets", dataset.id), body={"allow_extra_metadata": False}))
    return dataset


def test_a_record_that_the_server_would_not_take_back_is_not_deleted(old: World) -> None:
    fill(old, ONE, record("t", answer("alice", "a")))
    home = loosened(old, HOME, record("t", answer("bob", "b"), metadata={"extra": "x"}))
    (remote_id,) = home.records
    result = old.sync([ONE], HOME)
    assert result.counts["skipped"] == 1
    assert list(home.records) == [remote_id]
    assert held(old, home) == {("t", "bob"): "b"}


def test_a_record_that_the_server_has_become_too_strict_for_keeps_its_answers(old: World) -> None:
    fill(old, ONE, record("t", answer("alice", "a")))
    home = fill(old, HOME, record("t", answer("bob", "b"), metadata={"extra": "x"}))
    number = {"name": "extra", "title": "extra", "settings": {"type": "integer"}, "visible_for_annotators": True}
    old.writer("s0").create_metadata_property(home.id, number)
    result = old.sync([ONE], HOME)
    assert result.counts["quarantined"] == 1
    assert not result.findings
    assert held(old, home) == {("t", "bob"): "b"}


def test_answers_that_were_refused_are_not_done_because_the_reply_was_lost(old: World) -> None:
    fill(old, ONE, record("t", answer("alice", "a")))
    home = fill(old, HOME, record("t", answer("bob", "b")))
    plan = old.plan([ONE], HOME)
    old.fakes["s0"].delete_user("alice")
    refused: list[str] = []

    def disturb(request: httpx.Request) -> Chaos | None:
        if request.method == "POST" and request.url.path.endswith("records"):
            refused.append(request.url.path)
            return Chaos.LOST if len(refused) == 2 else None
        return None

    old.disturb = disturb
    result = old.apply(plan)
    assert len(refused) == 2
    assert result.counts.get("quarantined") == 1
    assert not result.findings
    assert held(old, home) == {("t", "bob"): "b"}
