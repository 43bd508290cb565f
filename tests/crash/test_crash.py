"""A sample of the crash sweep, and the proof that the sweep sees what a careless program would do."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.crash.scenes import SCENES
from tests.crash.stage import Program
from tests.crash.sweep import Plot, Setting, play, plots, settings

OPERATIONS = 42
POINTS = 25
"""In each scene."""


@pytest.fixture(scope="module")
def program() -> Iterator[Program]:
    with Program() as loaded:
        yield loaded


@pytest.fixture(scope="module")
def known(program: Program) -> Iterator[dict[str, Setting]]:
    with settings(program, OPERATIONS) as made:
        yield made


@pytest.mark.parametrize("scene", SCENES)
def test_a_killed_run_ends_as_an_undisturbed_one(program: Program, known: dict[str, Setting], scene: str) -> None:
    drawn = plots(list(known[scene].points), POINTS, seed=20)
    assert {plot.point.kind in ("before", "after") for plot in drawn} == {True, False}
    results = [play(program, known[scene], plot) for plot in drawn]
    assert [str(result) for result in results if result.bad] == []


def test_the_same_command_again_finishes_a_dataset_that_was_half_made(
    program: Program, known: dict[str, Setting]
) -> None:
    made = [
        plot for plot in _kills(known["create"], "POST", "committed", again=True) if "datasets" in _path(known, plot)
    ]
    results = [play(program, known["create"], plot) for plot in made[:4]]
    assert [str(result) for result in results if result.bad] == []


def test_a_program_that_sends_without_looking_is_caught(program: Program, known: dict[str, Setting]) -> None:
    lost = 0
    for plot in _kills(known["in_place"], "PUT", "committed", person=True):
        lost += play(program, known["in_place"], plot, naive="always-send").difference.lost
    assert lost > 0


def test_a_program_that_keeps_no_journal_of_its_intents_is_caught(program: Program, known: dict[str, Setting]) -> None:
    plot = next(_kills(known["recreate"], "DELETE", "committed"))
    assert play(program, known["recreate"], plot, naive="no-intent").difference.lost > 0


def _kills(setting: Setting, method: str, kind: str, **more: bool) -> Iterator[Plot]:
    """A kill of this kind at each request with this method."""
    for point in setting.points:
        if point.kind == kind and setting.requests[point.number - 1].method == method:
            yield Plot(point, seed=point.number, **more)


def _path(known: dict[str, Setting], plot: Plot) -> str:
    return known[plot.point.scene].requests[plot.point.number - 1].path
