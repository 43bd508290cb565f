"""Read again, compare, note, send, compare: nobody's work is lost, doubled or replaced unseen."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from syncer.errors import Stopped
from tests.core.world import World, answer, answers, label, record
from tests.fake import Chaos, label_question

OWN, GROUP = "s0:alice/reviews", "s0:argilla/reviews"
NEW, OLD = "2.8.0", "1.27.0"
Act = Callable[[], None]


def stage(folder: Path, version: str, number: int = 10) -> World:
    """Alice has answered every record of her copy; the group's copy holds bob's answers."""
    world = World(folder, version)
    fake = world.fakes["s0"]
    fake.add_user("alice", workspaces=["argilla", "alice"])
    fake.add_user("bob", workspaces=["argilla"])
    for workspace, person, value in (("alice", "alice", "a"), ("argilla", "bob", "b")):
        dataset = fake.add_dataset("reviews", workspace)
        rows = [record(f"t{i}", answer(person, value), external_id=f"e{i}") for i in range(number)]
        fake.add_records(dataset, rows)
    return world


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = stage(tmp_path, NEW)
    yield world
    world.close()


@pytest.fixture
def old(tmp_path: Path) -> Iterator[World]:
    world = stage(tmp_path, OLD)
    yield world
    world.close()


def group(world: World) -> Any:
    fake = world.fakes["s0"]
    place = fake.store.workspace_named("argilla")
    assert place is not None
    return next(d for d in fake.store.datasets.values() if d.workspace_id == place.id)


def held(world: World) -> dict[tuple[str, str], tuple[str, Any]]:
    return answers(world.fakes["s0"].dump(group(world)))


def record_of(world: World, external_id: str) -> str:
    return str(next(r.id for r in group(world).records.values() if r.external_id == external_id))


def remove(world: World, person: str, external_id: str) -> None:
    """A person takes an answer back."""
    world.fakes["s0"].person(person).delete_response(record_of(world, external_id))


def save(world: World, person: str, external_id: str, value: str) -> None:
    """A person saves in the group's copy, in the web page."""
    world.fakes["s0"].person(person).submit(record_of(world, external_id), {"label": value})


def first(method: str, path: str, chaos: Chaos | None, act: Act = lambda: None) -> Callable[[httpx.Request], Any]:
    """Let somebody act before the first request of a kind, and disturb that request."""
    hits: list[str] = []

    def disturb(request: httpx.Request) -> Chaos | None:
        if request.method != method or path not in request.url.path or hits:
            return None
        hits.append(request.url.path)
        act()
        return chaos

    return disturb


def then(disturb: Callable[[httpx.Request], Any], act: Act) -> Callable[[httpx.Request], Any]:
    """Let somebody act before the first request after the disturbed one."""
    state = {"armed": False, "done": False}

    def wrapped(request: httpx.Request) -> Any:
        if state["armed"] and not state["done"]:
            state["done"] = True
            act()
        chaos = disturb(request)
        state["armed"] = state["armed"] or chaos is not None
        return chaos

    return wrapped


def sends(world: World) -> list[str]:
    return [f"{e.method} {e.path.rsplit('/', 1)[-1]}" for e in world.fakes["s0"].log if e.method != "GET"]


@pytest.mark.parametrize("chaos", [Chaos.LOST, Chaos.TIMEOUT, Chaos.BROKEN_AFTER])
def test_a_lost_answer_leads_to_a_read_and_an_edit_meanwhile_stays(world: World, chaos: Chaos) -> None:
    plan = world.plan([OWN], GROUP)
    world.disturb = then(first("PUT", "bulk", chaos), lambda: save(world, "alice", "e3", "c"))
    result = world.apply(plan)
    assert held(world)["t3", "alice"][1]["label"]["value"] == "c"
    assert sends(world).count("PUT bulk") == 1
    assert result.exit_code in (4, 9)
    assert all(held(world)[f"t{i}", "alice"] == ("submitted", label("a")) for i in range(10) if i != 3)


@pytest.mark.parametrize("chaos", [Chaos.REFUSED, Chaos.CUT, Chaos.BUSY, Chaos.BROKEN_BEFORE])
def test_a_send_that_never_arrived_is_sent_again_after_a_read(world: World, chaos: Chaos) -> None:
    plan = world.plan([OWN], GROUP)
    world.fakes["s0"].log.clear()
    world.disturb = then(first("PUT", "bulk", chaos), lambda: save(world, "alice", "e3", "c"))
    assert world.apply(plan).exit_code == 4
    assert held(world)["t3", "alice"][1]["label"]["value"] == "c"
    log = [e for e in world.fakes["s0"].log if "/records" in e.path]
    at = [i for i, e in enumerate(log) if e.method == "PUT"]
    assert all(log[i - 1].method == "GET" for i in at)


def test_a_save_in_the_window_of_an_insert_is_always_reported(world: World, many: int) -> None:
    for race in range(100 * many):
        i = race % 10
        if race >= 10:
            remove(world, "alice", f"e{i}")
        plan = world.plan([OWN], GROUP, filters={"ids": (f"e{i}",)}, restore_deleted=True)
        world.disturb = first("PUT", "bulk", None, partial(save, world, "alice", f"e{i}", "c"))
        result = world.apply(plan)
        assert result.exit_code == 9
        assert result.counts["overwritten"] == 1
        (event,) = [e for e in world.store.journal.events(result.run_id) if e.event == "overwritten"]
        assert json.loads(event.detail)["username"] == "alice"


def test_a_save_in_the_window_of_an_overwrite_is_reported_as_possible(world: World) -> None:
    for i in range(10):
        save(world, "alice", f"e{i}", "c")
    plan = world.plan([OWN], GROUP, conflicts="source")
    world.disturb = first("PUT", "bulk", None, lambda: save(world, "alice", "e3", "b"))
    result = world.apply(plan)
    assert result.exit_code == 9
    assert result.counts["possibly-overwritten"] == 10


def test_an_answer_that_changed_since_the_plan_is_not_touched(world: World) -> None:
    plan = world.plan([OWN], GROUP)
    save(world, "alice", "e3", "c")
    result = world.apply(plan)
    assert (result.exit_code, result.counts["drifted"]) == (4, 1)
    assert held(world)["t3", "alice"][1]["label"]["value"] == "c"


def test_a_finished_plan_is_never_applied_again_and_nothing_is_left(world: World) -> None:
    plan = world.plan([OWN], GROUP)
    assert world.apply(plan).exit_code == 0
    world.fakes["s0"].log.clear()
    save(world, "alice", "e3", "c")
    assert world.apply(plan).outcome == "applied before"
    assert sends(world) == []
    assert held(world)["t3", "alice"][1]["label"]["value"] == "c"


@pytest.mark.parametrize("number", [1, 3, 10])
def test_bad_items_are_quarantined_and_all_others_go_through(tmp_path: Path, number: int) -> None:
    world = stage(tmp_path, NEW, 100)
    leaving = {f"e{i * 9}": f"leaver{i}" for i in range(number)}
    add_answers(world, leaving)
    plan = world.plan([OWN], GROUP, batch=100)
    for name in leaving.values():
        world.fakes["s0"].delete_user(name)
    world.fakes["s0"].log.clear()
    result = world.apply(plan)
    assert (result.exit_code, result.counts["quarantined"]) == (4, number)
    assert sum(person == "alice" for _, person in held(world)) == 100
    assert sends(world).count("PUT bulk") <= 2 * number * 8 + 1
    world.close()


def add_answers(world: World, people: dict[str, str]) -> None:
    """Let more people answer records of alice's copy: external id -> a new user's name."""
    fake = world.fakes["s0"]
    own = next(d for d in fake.store.datasets.values() if d.id != group(world).id)
    for external_id, name in people.items():
        fake.add_user(name, workspaces=["argilla", "alice"])
        record_id = next(r.id for r in own.records.values() if r.external_id == external_id)
        fake.person(name).submit(record_id, {"label": "c"})


def test_a_dead_server_stops_the_run_and_resume_finishes_it(world: World) -> None:
    plan = world.plan([OWN], GROUP, batch=2)
    calls = {"put": 0}

    def disturb(request: httpx.Request) -> Chaos | None:
        calls["put"] += request.method == "PUT"
        return Chaos.REFUSED if calls["put"] > 2 else None

    world.disturb = disturb
    with pytest.raises(Stopped, match="stopped"):
        world.apply(plan)
    (pending,) = world.runner.pending_runs([world.runner.load(plan)[0].target])
    world.disturb = lambda _: None
    save(world, "alice", "e9", "c")
    result = world.runner.resume(pending)
    assert result.exit_code == 4
    now = held(world)
    assert now["t9", "alice"][1]["label"]["value"] == "c"
    assert sum(person == "alice" for _, person in now) == 10
    assert world.store.journal.first_broken(pending) is None


def test_an_author_who_went_back_to_an_earlier_answer_keeps_it(world: World) -> None:
    assert world.sync([OWN], GROUP).exit_code == 0
    fake = world.fakes["s0"]
    own = next(d for d in fake.store.datasets.values() if d.id != group(world).id)
    mine = next(r.id for r in own.records.values() if r.external_id == "e3")
    fake.person("alice").submit(mine, {"label": "c"})
    plan = world.plan([OWN], GROUP)
    assert world.kinds(plan) == ["write_response"]

    def back() -> None:
        save(world, "alice", "e3", "b")
        save(world, "alice", "e3", "a")

    world.disturb = then(first("PUT", "bulk", Chaos.LOST), back)
    assert world.apply(plan).exit_code in (4, 9)
    assert held(world)["t3", "alice"][1]["label"]["value"] == "a"


# Delete and re-create, on a server that has no other way


def test_a_record_is_on_the_disk_before_it_is_deleted_and_one_batch_is_away_at_a_time(
    old: World, tmp_path: Path
) -> None:
    plan = old.plan([OWN], GROUP)
    seen: list[int] = []

    def disturb(request: httpx.Request) -> None:
        away = 10 - len(group(old).records)
        assert away <= 10
        if request.method == "DELETE":
            assert away == 0
            with sqlite3.connect(tmp_path / "state" / "state.db") as other:
                rows = other.execute("SELECT detail FROM journal WHERE event = 'started'").fetchall()
                for (detail,) in rows:
                    (text,) = other.execute(
                        "SELECT json FROM body WHERE digest = ?", (json.loads(detail)["before"],)
                    ).fetchone()
                    assert json.loads(text)["responses"]
            other.close()
            seen.append(len(rows))

    old.disturb = disturb
    assert old.apply(plan).exit_code == 0
    assert seen == [10]
    assert len(held(old)) == 20


@pytest.mark.parametrize("chaos", [Chaos.LOST, Chaos.CUT, Chaos.BROKEN_AFTER, Chaos.BROKEN_BEFORE])
@pytest.mark.parametrize("method", ["DELETE", "POST"])
def test_a_lost_answer_during_re_creation_loses_and_doubles_nothing(old: World, method: str, chaos: Chaos) -> None:
    plan = old.plan([OWN], GROUP)
    old.disturb = first(method, "/records", chaos)
    result = old.apply(plan)
    assert result.exit_code == 0
    assert len(group(old).records) == 10
    assert len(held(old)) == 20


@pytest.mark.parametrize("method", ["DELETE", "POST"])
def test_a_run_that_dies_during_re_creation_is_finished_by_resume(old: World, method: str) -> None:
    plan = old.plan([OWN], GROUP)
    dead = {"yes": False}

    def disturb(request: httpx.Request) -> Chaos | None:
        if request.method == method:
            dead["yes"] = True
            return Chaos.LOST
        return Chaos.REFUSED if dead["yes"] else None

    old.disturb = disturb
    with pytest.raises(Stopped):
        old.apply(plan)
    old.disturb = lambda _: None
    assert old.runner.resume(1).exit_code == 0
    assert len(group(old).records) == 10
    assert len(held(old)) == 20
    assert old.kinds(old.plan([OWN], GROUP)) == []


def test_a_save_between_reading_and_deleting_is_not_lost_or_is_reported(old: World) -> None:
    plan = old.plan([OWN], GROUP)
    old.disturb = first("DELETE", "/records", None, lambda: save(old, "bob", "e3", "c"))
    result = old.apply(plan)
    assert held(old)["t3", "bob"][1]["label"]["value"] == "c" or result.exit_code == 9


def test_recover_brings_back_what_was_deleted_from_the_journal_alone(old: World) -> None:
    assert old.sync([OWN], GROUP).exit_code == 0
    before = held(old)
    ids = list(group(old).records)[:4]
    with old.writer("s0") as writer:
        writer.delete_records(group(old).id, ids)
    assert len(held(old)) == 12
    plan, _ = old.runner.recover(1)
    assert old.apply(plan).exit_code == 0
    assert held(old) == before


def test_an_answer_that_the_server_refuses_does_not_keep_its_record_away(old: World) -> None:
    add_answers(old, {"e3": "leaver"})
    plan = old.plan([OWN], GROUP)
    old.fakes["s0"].delete_user("leaver")
    result = old.apply(plan)
    assert (result.exit_code, result.counts["quarantined"]) == (4, 1)
    now = held(old)
    assert len(group(old).records) == 10
    assert all(now[f"t{i}", "bob"] == ("submitted", label("b")) for i in range(10))
    assert {f"t{i}" for i in range(10) if (f"t{i}", "alice") not in now} == {"t3"}


def test_records_with_an_answer_of_a_deleted_user_are_not_re_created(old: World) -> None:
    fake = old.fakes["s0"]
    fake.add_user("gone", workspaces=["argilla"])
    save(old, "gone", "e3", "c")
    fake.delete_user("gone")
    result = old.sync([OWN], GROUP)
    assert (result.exit_code, result.counts["skipped"]) == (4, 1)
    record = group(old).records[record_of(old, "e3")]
    assert sorted(str(r.user_id is None) for r in record.responses) == ["False", "True"]


def test_labels_that_exist_only_at_the_source_are_skips(tmp_path: Path) -> None:
    world = World(tmp_path, NEW)
    fake = world.fakes["s0"]
    fake.add_user("alice", workspaces=["argilla", "alice"])
    own = fake.add_dataset("reviews", "alice", questions=[label_question("label", ["a", "x"])])
    fake.add_dataset("reviews", "argilla", questions=[label_question("label", ["a", "b"])])
    fake.add_records(own, [record("t0", answer("alice", "x")), record("t1", answer("alice", "a"))])
    result = world.sync([OWN], GROUP)
    assert result.exit_code == 4
    assert set(held(world)) == {("t1", "alice")}
    world.close()
