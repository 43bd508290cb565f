"""One fault at one request: the program takes it as it should, and ends complete when it is called again."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.crash.holdings import compare, holdings
from tests.crash.stage import Ended, Program, Stage, staged
from tests.crash.sweep import Setting
from tests.faults.rows import ROWS, Row
from tests.proxy import Seen

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")


@dataclass(frozen=True)
class Case:
    """A row of the matrix at the n-th request of a scene."""

    row: str
    scene: str
    number: int
    kind: str

    def __str__(self) -> str:
        return f"{self.row} / {self.scene} {self.number}: {self.kind}"


def kind_of(seen: Seen) -> str:
    """A request without what differs between two of its kind."""
    path = UUID.sub("ID", seen.path.partition("?")[0])
    return f"{seen.method} {path}"


def places(setting: Setting) -> dict[str, list[int]]:
    """Kind of request -> the numbers of all requests of that kind."""
    found: dict[str, list[int]] = {}
    for number, seen in enumerate(setting.requests, start=1):
        found.setdefault(kind_of(seen), []).append(number)
    return found


def product(settings: Iterable[Setting]) -> Iterator[Case]:
    """Every row at the first, a middle and the last request of every kind, each kind in the first scene that has it."""
    done: set[str] = set()
    for setting in settings:
        for kind, numbers in places(setting).items():
            if kind in done:
                continue
            done.add(kind)
            for number in sorted({numbers[0], numbers[len(numbers) // 2], numbers[-1]}):
                for row in ROWS:
                    yield Case(row, setting.name, number, kind)


def play(program: Program, setting: Setting, case: Case) -> list[str]:
    """Run a case; what went wrong."""
    row = ROWS[case.row]
    with tempfile.TemporaryDirectory() as folder:
        scene = setting.scene.twin()
        with staged(program, scene, Path(folder) / "stage", setting.state, row.timeout) as stage:
            trap = stage.trap(case.number, row.fault())
            ended = stage.migrate(hurry=True)
            if trap.sprung is None:
                return [f"the fault was never met: {ended.output}"]
            problems = list(_judge(stage, setting, row, trap.sprung, ended))
            stage.clear()
            again = stage.migrate(hurry=True)
            if again.code != setting.ended.code:
                problems.append(f"called again, it ended with {again.code}: {again.output[-600:]}")
            difference = compare(setting.end, holdings(scene.target))
            if difference:
                problems.append(f"called again, {difference}")
            return problems


def _judge(stage: Stage, setting: Setting, row: Row, hit: Seen, ended: Ended) -> Iterator[str]:
    """What is wrong with the first end."""
    with stage.store() as store:
        under_way = bool(store.journal.unfinished())
    wanted = row.codes(is_write=hit.method != "GET", under_way=under_way, undisturbed=setting.ended.code)
    if ended.code not in wanted:
        yield f"ended with {ended.code}, not {sorted(wanted)}: {ended.output[-900:]}"
    if "Traceback" in ended.output:
        yield f"a traceback: {ended.output}"
    if ended.code not in (0, 4):
        if not re.search(row.words, ended.output):
            yield f"does not say {row.words!r}: {ended.output[-900:]}"
        if "next: " not in ended.output:
            yield f"does not say what to do: {ended.output[-900:]}"
    elif ended.code == setting.ended.code:
        difference = compare(setting.end, holdings(stage.scene.target))
        if difference:
            yield f"said it was complete, but {difference}"
