"""Every fault at one read and at one write; `python -m tests.faults` has the whole matrix."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import pytest

from tests.crash.stage import Program
from tests.crash.sweep import Setting, settings
from tests.faults.matrix import Case, kind_of, play
from tests.faults.rows import ROWS

SCENES = ("in_place", "create", "recreate", "mixed")
OPERATIONS = 14


@pytest.fixture(scope="module")
def program() -> Iterator[Program]:
    with Program() as loaded:
        yield loaded


@pytest.fixture(scope="module")
def known(program: Program) -> Iterator[dict[str, Setting]]:
    with settings(program, OPERATIONS, SCENES) as made:
        yield made


@pytest.mark.parametrize("write", [False, True], ids=["read", "write"])
@pytest.mark.parametrize("row", ROWS)
def test_a_fault_ends_well(program: Program, known: dict[str, Setting], row: str, write: bool) -> None:
    random = Random(f"{row} {write}")
    setting = known[random.choice(SCENES)]
    numbers = [n for n, seen in enumerate(setting.requests, start=1) if (seen.method != "GET") == write]
    number = random.choice(numbers)
    case = Case(row, setting.name, number, kind_of(setting.requests[number - 1]))
    assert play(program, setting, case) == [], case
