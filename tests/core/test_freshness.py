"""A saved plan is refused when the world that it was made for is another one; a changed record only loses its own
operations."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from syncer.errors import Refused
from syncer.options import Limits
from tests.core.scene import HOME, ONE, TWO, fill, held, save
from tests.core.world import World, answer, record
from tests.fake.state import Dataset

RECORDS = [record("t", answer("alice", "a")), record("u", answer("alice", "a"))]


def replaced(world: World, home: Dataset) -> None:
    """The dataset was deleted, and another one has its name."""
    del world.fakes["s0"].store.datasets[home.id]
    fill(world, HOME, record("t"), record("u"))


def gone(world: World, home: Dataset) -> None:
    del world.fakes["s0"].store.datasets[home.id]


def titled(world: World, home: Dataset) -> None:
    home.questions[0].title = "another"
    del world


def guided(world: World, home: Dataset) -> None:
    home.guidelines = "read them first"
    del world


def worked_on(world: World, home: Dataset) -> None:
    """Another run has written to it."""
    del home
    fill(world, TWO, record("t", answer("bob", "c")))
    world.sync([TWO], HOME)


@pytest.mark.parametrize("change", [replaced, gone, titled, guided, worked_on])
def test_a_plan_for_another_world_is_refused(world: World, change: Callable[[World, Dataset], None]) -> None:
    fill(world, ONE, *RECORDS)
    home = fill(world, HOME, record("t"), record("u"))
    plan = world.plan([ONE], HOME)
    change(world, home)
    sent = len(world.fakes["s0"].log)
    with pytest.raises(Refused, match="stale"):
        world.apply(plan)
    assert {entry.method for entry in list(world.fakes["s0"].log)[sent:]} <= {"GET"}


def test_people_at_work_make_no_plan_stale(world: World) -> None:
    fill(world, ONE, *RECORDS)
    home = fill(world, HOME, record("t"), record("u"))
    plan = world.plan([ONE], HOME)
    save(world, home, "bob", "t", "b")
    assert world.apply(plan).exit_code == 0
    assert held(world, home) == {("t", "alice"): "a", ("t", "bob"): "b", ("u", "alice"): "a"}


def test_a_changed_record_loses_its_own_operations_only(world: World) -> None:
    fill(world, ONE, *RECORDS)
    home = fill(world, HOME, record("t"), record("u"))
    plan = world.plan([ONE], HOME)
    save(world, home, "alice", "t", "c")
    result = world.apply(plan)
    assert result.exit_code == 4
    assert result.counts["drifted"] == 1
    assert held(world, home) == {("t", "alice"): "c", ("u", "alice"): "a"}


@pytest.mark.parametrize("edited", ["t", "u", "v"])
def test_strict_refuses_the_whole_plan_if_one_of_its_records_has_changed(world: World, edited: str) -> None:
    fill(world, ONE, *RECORDS)
    home = fill(world, HOME, record("t"), record("u"), record("v"))
    plan = world.plan([ONE], HOME)
    save(world, home, "bob", edited, "c")
    before = held(world, home)
    if edited == "v":
        assert world.runner.apply(plan, limits=Limits(strict=True)).exit_code == 0
        return
    with pytest.raises(Refused, match="1 records with operations have changed"):
        world.runner.apply(plan, limits=Limits(strict=True))
    assert held(world, home) == before


def test_a_person_who_was_given_another_name_is_still_the_same_person(world: World) -> None:
    fill(world, ONE, *RECORDS)
    home = fill(world, HOME, record("t"), record("u"))
    plan = world.plan([ONE], HOME)
    alice = world.fakes["s0"].store.user_named("alice")
    assert alice is not None
    alice.username = "alicia"
    assert world.apply(plan).exit_code == 0
    assert set(held(world, home)) == {("t", "alicia"), ("u", "alicia")}
