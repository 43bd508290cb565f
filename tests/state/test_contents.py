"""Bodies, snapshots, plans, memory: damage is seen, plans are whole, and pruning keeps what is needed."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest

from state import TARGET, AnswerRow, DamagedState, ItemRow, Link, Member, PairRow, Store
from state.bodies import text_digest
from tests.state.filling import items, plan, run, snapshot, tables

# Bodies


def test_a_text_is_stored_once(store: Store) -> None:
    digest = store.bodies.put('{"a":1}')
    assert store.bodies.put('{"a":1}') == digest
    store.bodies.put_many(['{"a":1}', '{"a":2}'])
    assert store.bodies.get(digest) == '{"a":1}'
    assert len(tables(store)["body"]) == 2


def test_every_changed_character_of_a_body_is_seen(store: Store) -> None:
    text = '{"status":"submitted","values":{"q":{"value":"yes"}}}'
    digest = store.bodies.put(text)
    for place, char in enumerate(text):
        changed = f"{text[:place]}{chr(ord(char) ^ 1)}{text[place + 1 :]}"
        store.db.conn.execute("UPDATE body SET json = ? WHERE digest = ?", (changed, digest))
        with pytest.raises(DamagedState, match="changed"):
            store.bodies.get(digest)


def test_a_missing_body_is_seen(store: Store) -> None:
    with pytest.raises(DamagedState, match="lacks"):
        store.bodies.get(text_digest("{}"))


def test_a_snapshot_names_its_changed_bodies(store: Store) -> None:
    snapshot_id = snapshot(store, records=2)
    assert store.snapshots.changed_bodies(snapshot_id) == []
    (content,) = {row.content for row in store.snapshots.records(snapshot_id)}
    store.db.conn.execute("UPDATE body SET json = '{}' WHERE digest = ?", (content,))
    assert store.snapshots.changed_bodies(snapshot_id) == [content]


# Snapshots


def test_a_record_that_is_read_again_replaces_the_first_reading(store: Store) -> None:
    snapshot_id = snapshot(store, complete=False)
    (row,) = store.snapshots.records(snapshot_id)
    store.snapshots.add_page(snapshot_id, [row], [], [])
    assert list(store.snapshots.responses(snapshot_id)) == []
    assert store.snapshots.complete(snapshot_id).responses == 0


def test_a_record_that_no_walk_has_shown_prevents_completion(store: Store) -> None:
    snapshot_id = snapshot(store, complete=False)
    store.snapshots.start_sweep()
    assert store.snapshots.unseen(snapshot_id) == ["d1-r0"]
    with pytest.raises(sqlite3.IntegrityError):
        store.snapshots.complete(snapshot_id)
    assert not store.snapshots.get(snapshot_id).complete


def test_pruning_keeps_the_newest_of_each_dataset(store: Store) -> None:
    old, middle, new = (snapshot(store) for _ in range(3))
    other = snapshot(store, "d2")
    broken = snapshot(store, complete=False)
    assert sorted(store.snapshots.prune(2)) == [old, broken]
    assert [row.id for row in store.snapshots.all()] == [middle, new, other]
    left = tables(store)
    for name in ("snapshot_record", "snapshot_response", "snapshot_user"):
        assert {row[0] for row in left[name]} == {middle, new, other}


def test_pruning_keeps_what_plans_and_pairs_need(store: Store) -> None:
    planned, target, compared, loose, new = (snapshot(store) for _ in range(5))
    plan(store, planned, target)
    store.memory.save_pair("a>b", source_dataset="a", target_dataset="b", source_snapshot=compared, two_way=0)
    assert store.snapshots.prune(1) == [loose]
    assert [row.id for row in store.snapshots.all()] == [planned, target, compared, new]


# Plans


def test_a_plan_is_saved_whole_or_not_at_all(store: Store) -> None:
    before = tables(store)

    def failing() -> Iterator[ItemRow]:
        yield from items(*(f"i{number}" for number in range(2500)))
        store.bodies.put("{}")
        raise RuntimeError("half-way")

    with pytest.raises(RuntimeError, match="half-way"):
        store.plans.save("sync", "{}", failing(), "t")
    assert tables(store) == before


def test_a_plan_comes_back_as_it_was(store: Store) -> None:
    plan_id = store.plans.save("sync", "{}", items("i1", "i2"), "t")
    assert list(store.plans.items(plan_id)) == items("i1", "i2")
    assert list(store.plans.items(plan_id, category="conflict")) == []
    assert list(store.plans.items(plan_id, kinds=["write_response"], dataset_id="d1")) == items("i1", "i2")
    assert store.plans.count(plan_id) == {("operation", "write_response"): 2}
    with pytest.raises(KeyError):
        store.plans.get(99)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE plan_item SET payload = '{\"x\":2}' WHERE seq = 1",
        "UPDATE plan_item SET item_id = 'i9' WHERE seq = 0",
        "UPDATE plan_item SET kind = 'delete_record' WHERE seq = 2",
        "UPDATE plan_item SET category = 'skip' WHERE seq = 2",
        "UPDATE plan_item SET dataset_id = 'd2' WHERE seq = 2",
        "UPDATE plan_item SET seq = 9 WHERE seq = 2",
        "DELETE FROM plan_item WHERE seq = 1",
        "INSERT INTO plan_item VALUES (1, 3, 'operation', 'delete_record', 'i4', 'd1', '{}')",
        "UPDATE plan SET header = '{\"snapshots\":[2]}'",
        "UPDATE plan SET kind = 'undo'",
        "UPDATE plan SET counts = '{\"overwrites\":0}'",
        "UPDATE plan SET counts = NULL",
    ],
)
def test_a_changed_plan_is_seen(store: Store, statement: str) -> None:
    plan_id = plan(store)
    assert store.plans.is_intact(plan_id)
    store.db.conn.execute(statement)
    assert not store.plans.is_intact(plan_id)


def test_what_a_run_has_ended_is_not_left(store: Store) -> None:
    plan_id = plan(store)
    run_id = run(store, plan_id, ("i1", "started"), ("i2", "started"), ("i2", "done"))
    left = store.plans.unfinished(plan_id, run_id, ["write_response"], "d1")
    assert [item.item_id for item in left] == ["i1", "i3"]


@pytest.mark.parametrize("event", ["done", "drifted", "failed", "quarantined", "skipped"])
def test_every_kind_of_end_is_an_end(store: Store, event: str) -> None:
    plan_id = plan(store)
    run_id = run(store, plan_id, ("i1", event), ("i2", "overwritten"))
    left = store.plans.unfinished(plan_id, run_id, ["write_response"], None)
    assert [item.item_id for item in left] == ["i2", "i3"]


# Memory


def test_a_record_has_one_link_in_a_pair(store: Store) -> None:
    memory = store.memory
    memory.save_links("a>b", [Link("k1", "s1", "t1"), Link("k2", "s2", "t2")])
    memory.save_links("c>b", [Link("k1", "s9", "t1")])
    memory.save_links("a>b", [Link("k3", "s1", "t2")])
    assert list(memory.links("a>b")) == [Link("k3", "s1", "t2")]
    assert list(memory.links("c>b")) == [Link("k1", "s9", "t1")]


def test_the_link_of_the_source_goes_before_that_of_the_target(store: Store) -> None:
    memory = store.memory
    memory.save_links("a>b", [Link("k1", "s1", "t1"), Link("k2", "s2", "t2")])
    assert memory.link_of("a>b", source_id="s1", target_id="t2") == Link("k1", "s1", "t1")
    assert memory.link_of("a>b", source_id="s9", target_id="t2") == Link("k2", "s2", "t2")
    assert memory.link_of("a>b", source_id="s9", target_id=None) is None
    assert memory.link_of("x>y", source_id="s1", target_id="t1") is None


def test_a_record_that_was_created_anew_keeps_what_is_known_of_it(store: Store) -> None:
    memory = store.memory
    memory.save_links("a>b", [Link("k1", "s1", "t1")])
    memory.save_links("b>c", [Link("k2", "t1", "u1")])
    memory.save_bases("a>b", [("k1", "ann", "d")])
    memory.save_origins([("b", "t1", "ann", "now", "then")])
    memory.move_target("t1", "t2")
    assert list(memory.links("a>b")) == [Link("k1", "s1", "t2")]
    assert list(memory.links("b>c")) == [Link("k2", "t2", "u1")]
    assert list(memory.bases("a>b")) == [("k1", "ann", "d")]
    assert memory.written_at("b", "t2", "ann", "now") == "then"


def test_a_deleted_record_is_forgotten_with_its_bases(store: Store) -> None:
    memory = store.memory
    memory.save_links("a>b", [Link("k1", "s1", "t1"), Link("k2", "s2", "t2")])
    memory.save_bases("a>b", [("k1", "ann", "d"), ("k2", "ann", "d")])
    memory.forget_record("t1")
    assert list(memory.links("a>b")) == [Link("k2", "s2", "t2")]
    assert list(memory.bases("a>b")) == [("k2", "ann", "d")]


def test_bases_are_kept_by_pair_record_and_person(store: Store) -> None:
    memory = store.memory
    memory.save_bases("a>b", [("k1", "ann", "d1"), ("k1", "ben", "d2")])
    memory.save_bases("b>a", [("k1", "ann", "d3")])
    memory.save_bases("a>b", [("k1", "ann", "d4")])
    memory.forget_bases("a>b", [("k1", "ben"), ("k9", "ann")])
    assert list(memory.bases("a>b")) == [("k1", "ann", "d4")]
    assert list(memory.bases("b>a")) == [("k1", "ann", "d3")]


def test_the_time_at_the_origin_holds_for_that_one_writing(store: Store) -> None:
    memory = store.memory
    memory.save_origins([("b", "t1", "ann", "10:00", "08:00")])
    assert memory.written_at("b", "t1", "ann", "10:00") == "08:00"
    assert memory.written_at("b", "t1", "ann", "11:00") == "11:00"
    assert memory.written_at("b", "t1", "ben", "10:00") == "10:00"


def test_a_conflict_keeps_its_decision(store: Store) -> None:
    memory = store.memory
    known = {"target_dataset": "d", "record_key": "k", "person": "ann"}
    memory.note_conflict("c1", plan_id=1, detail="{}", at="t1", **known)
    memory.decide("c1", "target", "t2")
    memory.note_conflict("c1", plan_id=2, detail='{"x":1}', at="t3", **known)
    (row,) = memory.conflicts()
    assert (row.plan_id, row.seen_at, row.decision, row.detail) == (2, "t1", "target", '{"x":1}')
    assert memory.decision("c1") == "target"
    assert memory.decision("c2") is None


# Workbench


def test_two_records_of_one_source_never_share_a_target(store: Store) -> None:
    bench = store.workbench
    bench.reset()
    pair = PairRow(0, "s1", "t1", "k1", "fields", "matched")
    bench.add_pairs([pair, PairRow(1, "s9", "t1", "k9", "fields", "matched")])
    for other in (PairRow(0, "s2", "t1", "k2", "fields", "matched"), PairRow(0, "s1", "t2", "k2", "fields", "matched")):
        with pytest.raises(sqlite3.IntegrityError):
            bench.add_pairs([other])
    assert bench.pair_of(0, "s1") == pair


def test_one_person_never_has_two_answers_on_one_side(store: Store) -> None:
    bench = store.workbench
    bench.reset()
    one = AnswerRow("t1", "ann", 0, "d", "b", "draft", "t", "a1", None)
    two = AnswerRow("t1", "ann", 0, "e", "b", "draft", "t", "a2", None)
    with pytest.raises(sqlite3.IntegrityError):
        bench.add_answers([one, two])
    bench.add_answers([one])


def test_a_target_that_shares_any_key_is_wanted(store: Store) -> None:
    bench = store.workbench
    bench.reset()
    members = [Member(place, f"t{place}", None, "x") for place in range(4)]
    bench.add_records(TARGET, members, [(f"t{place}", 2, f"key{place}") for place in range(4)])
    # The key of a record that a filter keeps out, and one that stands at another rank.
    bench.add_records(0, [Member(0, "s0", None, "x")], [("s0", 2, "key0"), ("s1", 2, "key1"), ("s0", 3, "key2")])
    bench.add_pairs([PairRow(0, "s0", "t3", "k", "link", "matched")])
    assert bench.wanted_targets() == {"t0", "t1", "t3"}
