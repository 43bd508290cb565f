"""One point of the sweep after the other: kill, let people work on, recover, compare."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from random import Random
from typing import Any

from state import Store
from syncer.apply.ledger import TERMINAL
from tests.crash.holdings import Difference, Key, compare, holdings, responses
from tests.crash.scenes import LABELS, SCENES, Scene
from tests.crash.stage import Ended, Program, Stage, staged
from tests.fake import FakeArgilla
from tests.fake.state import Record
from tests.proxy import Fault, Seen, faults

Kill = Callable[[Seen], object]
KILLED = -9

REQUEST_KINDS: dict[str, Callable[[Kill], Fault]] = {
    "unseen": lambda kill: faults.before(kill, faults.cut_before()),
    "half": lambda kill: faults.cut_sending(kill),
    "in flight": lambda kill: faults.before(kill, faults.lose_answer()),
    "committed": lambda kill: faults.after(kill),
    "mid answer": lambda kill: faults.mid_answer(kill),
    "answered": lambda kill: faults.delivered(kill),
}
COMMIT_KINDS = ("before", "after")


@dataclass(frozen=True, order=True)
class Point:
    """Where the program is killed: at the n-th request or commit of the run."""

    scene: str
    kind: str
    number: int
    write: bool = False

    def __str__(self) -> str:
        what = "commit" if self.kind in COMMIT_KINDS else "write" if self.write else "read"
        return f"{self.scene}: {self.kind} {what} {self.number}"


@dataclass(frozen=True)
class Plot:
    """A point, and what happens after it."""

    point: Point
    again: bool = False
    """The same command again instead of `resume`."""
    person: bool = False
    """Somebody saves an answer between the kill and the recovery."""
    second: float | None = None
    """Where in the recovery it is killed once more, as a share of its requests' expected number."""
    seed: int = 0

    def __str__(self) -> str:
        more = ["migrate again" if self.again else "resume"]
        more += ["a person works on"] if self.person else []
        more += [f"killed again at {self.second:.2f}"] if self.second is not None else []
        return f"{self.point} ({', '.join(more)}; seed {self.seed})"


@dataclass(frozen=True)
class Result:
    plot: Plot
    difference: Difference
    problems: tuple[str, ...]
    acted: bool
    kills: int

    @property
    def bad(self) -> bool:
        return bool(self.difference or self.problems)

    def __str__(self) -> str:
        d = self.difference
        found = [f"{d.lost} lost", f"{d.doubled} doubled"] if d.lost or d.doubled else []
        found += ["the end differs"] if d.other else []
        return f"{self.plot}: {', '.join([*found, *self.problems])}"


@dataclass
class Setting:
    """A scene ready to be run many times, and its undisturbed end."""

    name: str
    scene: Scene
    state: Path | None
    ended: Ended
    requests: list[Seen]
    start: dict[str, Any]
    end: dict[str, Any]
    journal: Counter[tuple[str, str]]

    @property
    def points(self) -> Iterator[Point]:
        """Every place at which this scene can be killed."""
        for number, seen in enumerate(self.requests, start=1):
            for kind in REQUEST_KINDS:
                # Without a body there is no half of one; after the last answer nothing is left to be killed.
                if (kind != "half" or seen.body) and (kind != "answered" or number < len(self.requests)):
                    yield Point(self.name, kind, number, seen.method != "GET")
        for number in range(1, self.ended.commits + 1):
            for kind in COMMIT_KINDS:
                yield Point(self.name, kind, number)

    @cached_property
    def written(self) -> list[Key]:
        """Submitted answers that the run brings to the target."""
        before = responses(self.start)
        return [
            key
            for key, values in responses(self.end).items()
            if values != before.get(key) and json.loads(values[0])[0] == "submitted"
        ]


@contextmanager
def settings(program: Program, size: int, names: tuple[str, ...] = tuple(SCENES)) -> Iterator[dict[str, Setting]]:
    """Scenes of about `size` operations, each run once without any disturbance."""
    with tempfile.TemporaryDirectory() as folder:
        yield {name: _set_up(program, name, size, Path(folder) / name) for name in names}


def _set_up(program: Program, name: str, size: int, folder: Path) -> Setting:
    scene, state = SCENES[name](size), None
    if scene.later is not None:
        with staged(program, scene, folder / "earlier") as stage:
            first = stage.migrate()
            assert first.code == 0, first.output
        scene.later(scene.source, scene.target)
        state = folder / "earlier" / ".syncer"
    twin = scene.twin()
    with staged(program, twin, folder / "undisturbed", state) as stage:
        requests = stage.count()
        ended = stage.migrate()
        assert ended.code in (0, 4), ended.output
        with stage.store() as store:
            run = store.journal.last_run()
            journal = _ends(store, run)
        return Setting(
            name, scene, state, ended, list(requests()), holdings(scene.target), holdings(twin.target), journal
        )


def _ends(store: Store, run_id: int) -> Counter[tuple[str, str]]:
    """(item, how it ended) of a run."""
    return Counter((event.item_id, event.event) for event in store.journal.events(run_id) if event.event in TERMINAL)


def play(program: Program, setting: Setting, plot: Plot, *, naive: str | None = None) -> Result:
    """Kill the program once or twice, recover, and compare with the undisturbed end."""
    folder = Path(tempfile.mkdtemp())
    try:
        with staged(program, setting.scene.twin(), folder / "stage", setting.state) as stage:
            return _Play(stage, setting, plot, naive).result()
    finally:
        shutil.rmtree(folder)


@dataclass
class _Play:
    stage: Stage
    setting: Setting
    plot: Plot
    naive: str | None
    problems: list[str] = field(default_factory=list)
    kills: int = 0

    def result(self) -> Result:
        random = Random(self.plot.seed)
        hit = self._first()
        edit = self._act(random, hit) if self.plot.person else None
        begun = self._unfinished()
        ended = self._recover(begun)
        wanted = _with_edit(self.setting.end, edit)
        self._check(ended, begun, edit)
        found = compare(wanted, holdings(self.stage.scene.target))
        return Result(self.plot, found, tuple(self.problems), edit is not None, self.kills)

    def _first(self) -> Seen | None:
        point = self.plot.point
        if point.kind in COMMIT_KINDS:
            self._killed(self.stage.migrate(kill=(point.kind, point.number), naive=self.naive))
            return None
        trap = self.stage.trap(point.number, REQUEST_KINDS[point.kind](lambda _: self.stage.program.kill()))
        ended = self.stage.migrate(naive=self.naive)
        assert trap.over.wait(60), "the exchange did not end"
        self._killed(ended)
        self.stage.clear()
        return trap.sprung

    def _killed(self, ended: Ended) -> None:
        self.kills += 1
        if ended.code != KILLED:
            raise AssertionError(f"{self.plot}: not killed, but ended with {ended.code}\n{ended.output}")

    def _unfinished(self) -> list[int]:
        if not self.stage.state.exists():
            return []
        with self.stage.store() as store:
            return [run.id for run in store.journal.unfinished()]

    def _act(self, random: Random, hit: Seen | None) -> tuple[Key, str] | None:
        """Somebody saves another answer where the run writes, if possible on a record of the request that was hit."""
        fake = self.stage.scene.target
        places = [(key, record) for key in self.setting.written if (record := _find(fake, key)) is not None]
        if not places:
            return None
        near = [place for place in places if hit is not None and place[1].id in (hit.path + hit.body.decode())]
        key, record = random.choice(near or places)
        label = random.choice(LABELS)
        fake.person(key[2]).edit(record.id, {"label": label, "note": "saved by hand"})
        values = {"label": {"value": label}, "note": {"value": "saved by hand"}}
        return key, json.dumps(["submitted", values], sort_keys=True)

    def _recover(self, begun: list[int]) -> Ended:
        if self.plot.second is not None:
            number = 1 + int(self.plot.second * len(self.setting.requests))
            trap = self.stage.trap(number, faults.after(lambda _: self.stage.program.kill()))
            ended = self._command(begun)
            self.stage.clear()
            if trap.sprung is None:
                return ended
            self._killed(ended)
            begun = self._unfinished()
        return self._command(begun)

    def _command(self, begun: list[int]) -> Ended:
        """`resume` finishes a run that has begun; before that there is nothing to resume."""
        if self.plot.again or not begun:
            return self.stage.migrate(naive=self.naive)
        return self.stage.call("resume", naive=self.naive)

    def _check(self, ended: Ended, begun: list[int], edit: tuple[Key, str] | None) -> None:
        wanted = {self.setting.ended.code} if edit is None else {self.setting.ended.code, 4, 9}
        if ended.code not in wanted:
            self.problems.append(f"exit code {ended.code}, not {self.setting.ended.code}:\n{ended.output[-1500:]}")
        with self.stage.store() as store:
            for run in store.journal.runs():
                if run.outcome is None:
                    self.problems.append(f"run {run.id} is not finished")
                if store.journal.first_broken(run.id) is not None:
                    self.problems.append(f"the journal of run {run.id} is broken")
                if any(number > 1 for number in _ends(store, run.id).values()):
                    self.problems.append(f"an item of run {run.id} has ended twice")
            if begun and edit is None and _ends(store, begun[0]) != self.setting.journal:
                self.problems.append(f"items of run {begun[0]} ended otherwise than undisturbed")


def _find(fake: FakeArgilla, key: Key) -> Record | None:
    place, text, username = key
    user = fake.store.user_named(username)
    for dataset in fake.store.datasets.values():
        workspace = fake.store.workspaces[dataset.workspace_id]
        if f"{workspace.name}/{dataset.name}" == place and user is not None and user.id in workspace.members:
            return next((record for record in dataset.records.values() if record.fields["text"] == text), None)
    return None


def _with_edit(end: Mapping[str, Any], edit: tuple[Key, str] | None) -> dict[str, Any]:
    """The undisturbed end with what a person has saved meanwhile."""
    wanted: dict[str, Any] = json.loads(json.dumps(end))
    if edit is None:
        return wanted
    (place, text, username), saved = edit
    status, values = json.loads(saved)
    for dataset in wanted["datasets"]:
        for record in dataset["records"] if dataset["place"] == place else ():
            if record["fields"]["text"] == text:
                kept = [row for row in record["responses"] if row["username"] != username]
                kept.append({"username": username, "status": status, "values": values})
                record["responses"] = sorted(kept, key=lambda row: json.dumps(row, sort_keys=True))
        dataset["records"].sort(key=lambda row: json.dumps(row, sort_keys=True))
    return wanted


def plots(points: list[Point], number: int, seed: int) -> list[Plot]:
    """A sample over all scenes and kinds: each gets its turn until `number` are drawn. Half of the draws have a person
    at work, a third kills the recovery too."""
    random = Random(seed)
    groups: dict[tuple[str, str, bool], list[Point]] = {}
    for point in sorted(points):
        groups.setdefault((point.scene, point.kind, point.write), []).append(point)
    for group in groups.values():
        random.shuffle(group)
    drawn: list[Point] = []
    while len(drawn) < number and any(groups.values()):
        order = [group for group in groups.values() if group]
        random.shuffle(order)
        drawn += [group.pop() for group in order]
    return [
        Plot(
            point,
            again=random.random() < 0.5,
            person=random.random() < 0.5,
            second=random.random() if random.random() < 0.33 else None,
            seed=random.randrange(1 << 30),
        )
        for point in drawn[:number]
    ]
