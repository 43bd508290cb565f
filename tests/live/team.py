"""Three people with a copy each, the group's copy, and a script of what they do in them."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.live.world import World, held, ref
from tests.servers.seed import Dataset, User, label, record, text

NAMES = ("alice", "bob", "carol")
QUESTIONS = (label("mood", ["good", "bad", "mixed"]), text("note", required=False))
Key = tuple[str, str]
"""Text of the record, id of the person."""


@dataclass
class Team:
    """Everybody works in the own copy and in the group's. `acts` counts what was done."""

    world: World
    random: Random
    records: int
    people: dict[str, User] = field(init=False)
    own: dict[str, Dataset] = field(init=False)
    group: Dataset = field(init=False)
    acts: int = 0

    def __post_init__(self) -> None:
        self.people = {name: self.world.user(name, name, "group") for name in NAMES}
        self.own = {name: self.world.dataset(name, QUESTIONS) for name in NAMES}
        self.group = self.world.dataset("group", QUESTIONS)
        rows = [record({"text": f"t{i}"}, external_id=f"e{i}") for i in range(self.records)]
        self.ids = {dataset.id: dataset.add(rows) for dataset in self.copies}

    @property
    def copies(self) -> list[Dataset]:
        """Everybody's own, and the group's last."""
        return [*self.own.values(), self.group]

    def configuration(self, **options: str) -> str:
        """A two-way job `team` of all copies."""
        sources = ", ".join(f'"{ref(dataset)}"' for dataset in self.own.values())
        lines = [f"sources = [{sources}]", f'target = "{ref(self.group)}"', "two_way = true"]
        return "\n".join(["[jobs.team]", *lines, *(f"{name} = {value}" for name, value in options.items())]) + "\n"

    def act(self) -> None:
        """Somebody answers a record, in one of two copies; now and then differently in both."""
        name = self.random.choice(NAMES)
        places = [self.own[name], self.group]
        self.random.shuffle(places)
        index = self.random.randrange(self.records)
        for dataset in places[: 2 if self.random.random() < 0.1 else 1]:
            self.acts += 1
            status = self.random.choice(["submitted", "submitted", "submitted", "draft", "discarded"])
            values: dict[str, Any] = {"mood": self.random.choice(["good", "bad", "mixed"]), "note": f"act {self.acts}"}
            if status != "submitted" and self.random.random() < 0.5:
                values = {}
            dataset.answer(self.people[name], self.ids[dataset.id][index], values, status)

    def holdings(self) -> list[dict[Key, tuple[str, Any]]]:
        """What each copy holds, in the order of `copies`."""
        return [
            {
                (text, str(person)): answer
                for text, answers in held(dataset).items()
                for person, answer in answers.items()
            }
            for dataset in self.copies
        ]

    def unequal(self) -> set[Key]:
        """Where the copies do not all hold the same."""
        found = self.holdings()
        keys = {key for copy in found for key in copy}
        return {key for key in keys if any(copy.get(key) != found[0].get(key) for copy in found)}
