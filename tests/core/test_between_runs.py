"""Ways in which somebody's work could be lost, or its loss hidden, that reading the program has shown: between runs."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from syncer.config import JobConfig
from syncer.errors import LeaseHeld, Refused, Stopped
from syncer.jobs import RunResult
from syncer.options import JobOptions
from syncer.service import run_job
from syncer.snapshot import take_snapshot
from tests.core.scene import HOME, MIRROR, ONE, TWO, after_an_end, fill, held, made, once, save, sends
from tests.core.world import World, answer, answers, label, record

# Plans that are older than they look


def crash(world: World, plan: int, when: Callable[[httpx.Request], bool]) -> None:
    """Apply a plan up to a request that is never sent."""

    class Killed(BaseException):
        pass

    def die() -> None:
        raise Killed

    once(world, when, die)
    with pytest.raises(Killed):
        world.apply(plan)
    world.disturb = lambda _: None


def test_a_source_that_is_half_re_created_is_no_source(old: World) -> None:
    fill(old, ONE, record("t", answer("alice", "a")))
    fill(old, TWO, record("t", answer("bob", "b")), record("u"))
    home = fill(old, HOME, record("t"), record("u"))
    old.sync([TWO], HOME)
    save(old, home, "alice", "t", "c")
    crash(old, old.plan([ONE], TWO), sends("POST", "records"))
    plan = old.plan([TWO], HOME, **MIRROR)
    old.runner.resume(old.store.journal.last_run())
    with pytest.raises(Refused, match="at work"):
        old.apply(plan)
    assert held(old, home)["t", "alice"] == "c"


def test_a_run_that_was_under_way_while_the_snapshots_were_taken_makes_a_plan_stale(world: World) -> None:
    one = fill(world, ONE, record("t", answer("alice", "a")))
    home = fill(world, HOME, record("t"))
    world.sync([ONE], HOME)
    first = world.plan([ONE], HOME)
    save(world, one, "alice", "t", "b")
    second = world.plan([ONE], HOME)
    hits = once(world, sends("GET", f"{home.id}/records"), lambda: world.apply(second))
    third = world.plan([ONE], HOME)
    assert hits
    for plan, why in ((first, "stale"), (third, "at work")):
        with pytest.raises(Refused, match=why):
            world.apply(plan)


# One person's answer on one record


def test_a_filter_does_not_decide_which_records_belong_together(world: World) -> None:
    one = fill(world, ONE, record("same", answer("alice", "a")), record("same", answer("bob", "b")))
    home = fill(world, HOME)
    world.sync([ONE], HOME)
    mine, _ = one.listed()
    (copy,) = [r for r in home.records.values() if r.responses[0].values == label("a")]
    world.writer("s0").delete_records(home.id, [copy.id])
    plan = world.plan([ONE], HOME, filters={"ids": (mine.id,)})
    assert set(world.kinds(plan)) == {"skip record-deleted-at-target"}
    world.apply(plan)
    assert held(world, home) == {("same", "bob"): "b"}


def test_a_filter_makes_no_ambiguous_record_clear(world: World) -> None:
    one = fill(world, ONE, record("same", answer("alice", "a")), record("same", answer("alice", "b")))
    fill(world, HOME, record("same"))
    mine, _ = one.listed()
    plan = world.plan([ONE], HOME, filters={"ids": (mine.id,)})
    assert set(world.kinds(plan)) == {"skip ambiguous"}


# Records that the list does not show yet


def test_a_created_record_that_the_index_does_not_show_yet_is_not_refused(tmp_path: Path) -> None:
    world = made(tmp_path, "2.0.1")
    fake = world.fakes["s0"]
    fill(world, ONE, record("t", answer("alice", "a")))
    home = fill(world, HOME)
    plan = world.plan([ONE], HOME)
    once(world, sends("POST", "bulk"), lambda: fake.index.set(lag=True))
    with pytest.raises(Stopped, match="not listed"):
        world.apply(plan)
    fake.index.set()
    world.runner.resume(world.store.journal.last_run())
    assert world.store.journal.counts(world.store.journal.last_run())["done"] == 1
    assert held(world, home)["t", "alice"] == "a"
    world.close()


# What only the journal holds


def test_a_record_is_recovered_with_answers_of_people_whom_the_run_created(tmp_path: Path) -> None:
    world = World(tmp_path, "2.8.0", "1.27.0")
    source, target = "s0:argilla/reviews", "s1:argilla/reviews"
    homes = []
    for place, person, value in ((source, "carl", "a"), (target, "alice", "b")):
        fake = world.fakes[place[:2]]
        fake.add_user(person)
        homes.append(fake.add_dataset("reviews", "argilla"))
        fake.add_records(homes[-1], [record("t", answer(person, value))])
    plan = world.plan([source], target, create_users=True)
    crash(world, plan, sends("POST", "records"))
    assert not homes[1].records
    recovery, left = world.runner.recover(world.store.journal.last_run())
    assert not left
    world.apply(recovery)
    found = answers(world.fakes["s1"].dump(homes[1]))
    assert {key[1]: value for key, (_, value) in found.items()} == {"carl": label("a"), "alice": label("b")}
    world.close()


def test_a_record_is_recovered_without_answers_that_the_server_has_refused(old: World) -> None:
    fill(old, ONE, record("t", answer("alice", "a")))
    home = fill(old, HOME, record("t", answer("bob", "b")))
    plan = old.plan([ONE], HOME)
    old.fakes["s0"].delete_user("alice")
    sent: list[str] = []

    def second(request: httpx.Request) -> bool:
        sent.extend([request.method] if sends("POST", "records")(request) else [])
        return len(sent) == 2

    crash(old, plan, second)
    assert not home.records
    recovery, _ = old.runner.recover(old.store.journal.last_run())
    old.apply(recovery)
    assert held(old, home) == {("t", "bob"): "b"}
    assert old.runner.resume(1).exit_code == 4
    assert held(old, home) == {("t", "bob"): "b"}


def test_a_record_whose_external_id_was_taken_meanwhile_is_not_taken_for_re_created(old: World) -> None:
    fill(old, ONE, record("t", answer("alice", "a"), external_id="e"))
    home = fill(old, HOME, record("t", answer("bob", "b"), external_id="e"))
    crash(old, old.plan([ONE], HOME), sends("POST", "records"))
    old.fakes["s0"].add_records(home, [record("t", external_id="e")])
    assert old.runner.resume(1).exit_code == 9
    recovery, left = old.runner.recover(1)
    assert not left
    old.apply(recovery)
    assert sorted(len(r.responses) for r in home.records.values()) == [0, 2]
    with pytest.raises(Refused, match="nothing to recover"):
        old.runner.recover(1)


def test_a_dataset_can_be_restored_from_the_same_snapshot_again(world: World) -> None:
    home = fill(world, HOME, record("t", answer("alice", "a")), record("u"))
    place = world.locate(HOME)
    assert place.dataset is not None
    shot = take_snapshot(place.client, world.store, place.dataset, HOME, world.clock())
    options = JobOptions(conflicts="source", quiet=0)
    for value in ("b", "c"):
        save(world, home, "alice", "t", value)
        save(world, home, "bob", "u", value)
        run = world.apply(world.runner.plan_restore(shot.id, place, options))
        assert held(world, home) == {("t", "alice"): "a", ("u", "bob"): value}
        assert not run.findings


# What a quick check must not overlook


def job_run(world: World, *more: str, **options: Any) -> RunResult | None:
    sources = [ONE, *more]
    job = JobConfig(sources=sources, target=HOME, records=True, quiet=timedelta(0), **options)
    places = [world.locate(source) for source in sources], world.locate(HOME)
    return run_job(world.runner, world.store, "job", job, *places, world.clock(), full=False)


def test_a_run_of_the_same_pair_with_a_filter_does_not_make_a_job_quiet(world: World) -> None:
    one = fill(world, ONE, record("t", answer("alice", "a")))
    home = fill(world, HOME, record("t"))
    job_run(world)
    save(world, one, "alice", "t", "b")
    world.sync([ONE], HOME, filters={"authors": ("bob",)})
    assert job_run(world) is not None
    assert held(world, home) == {("t", "alice"): "b"}
    assert job_run(world) is None


def test_what_one_copy_gave_to_the_group_goes_on_to_the_other_copies(world: World) -> None:
    one, two = fill(world, ONE, record("t", answer("alice", "a"))), fill(world, TWO, record("t"))
    home = fill(world, HOME, record("t"))
    runs = [job_run(world, TWO, two_way=True) for _ in range(4)]
    assert held(world, one) == held(world, two) == held(world, home) == {("t", "alice"): "a"}
    assert [run is None for run in runs] == [False, False, False, True]


def test_other_options_are_not_quiet(world: World) -> None:
    fill(world, ONE, record("t", answer("alice", "a")))
    home = fill(world, HOME, record("t", answer("alice", "b")))
    job_run(world)
    assert job_run(world) is None
    assert job_run(world, conflicts="source") is not None
    assert held(world, home) == {("t", "alice"): "a"}


def test_a_decision_by_hand_is_not_quiet(world: World) -> None:
    fill(world, ONE, record("t", answer("alice", "a")))
    home = fill(world, HOME, record("t", answer("alice", "b")))
    job_run(world)
    (conflict,) = world.store.memory.conflicts()
    (contender,) = [c for c in json.loads(conflict.detail)["contenders"] if c["side"] == 0]
    world.store.memory.decide(conflict.conflict_id, contender["digest"], world.clock().isoformat())
    assert job_run(world) is not None
    assert held(world, home) == {("t", "alice"): "a"}


def test_a_run_with_findings_is_looked_at_again(world: World) -> None:
    fill(world, ONE, record("t", answer("alice", "a")))
    home = fill(world, HOME, record("t"))

    def wiped() -> None:
        for row in home.records.values():
            row.responses.clear()

    hits = once(world, after_an_end(world), wiped)
    found = job_run(world)
    assert hits
    assert found is not None
    assert found.exit_code == 9
    assert job_run(world) is not None
    assert held(world, home) == {("t", "alice"): "a"}


# Two at once, and twice the same


def test_a_dataset_that_a_run_has_created_is_held_by_it(world: World, tmp_path: Path) -> None:
    other = World(tmp_path / "other")
    other.fakes = world.fakes
    fill(world, ONE, record("t", answer("alice", "a")))
    fill(world, TWO, record("t", answer("bob", "b")))

    def come_second() -> None:
        with pytest.raises(LeaseHeld):
            other.sync([TWO], HOME)

    hits = once(world, sends("POST", "records/bulk"), come_second)
    world.sync([ONE], HOME, create=True)
    assert hits
    other.close()


def test_a_plan_that_was_applied_with_findings_does_not_look_well_the_second_time(world: World) -> None:
    fill(world, ONE, record("t", answer("alice", "a")))
    home = fill(world, HOME, record("t"))
    plan = world.plan([ONE], HOME)
    once(world, sends("PUT", "bulk"), lambda: save(world, home, "alice", "t", "c"))
    assert world.apply(plan).exit_code == 9
    assert world.apply(plan).exit_code == 9
