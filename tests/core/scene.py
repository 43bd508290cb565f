"""One server with alice and bob, the datasets `one`, `two` and `argilla` of everybody, and people who act meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from syncer.options import Limits
from tests.core.world import World, answers
from tests.fake import Chaos
from tests.fake.state import Dataset

ONE, TWO, HOME = "s0:one/reviews", "s0:two/reviews", "s0:argilla/reviews"
MIRROR = {"mirror": True, "limits": Limits(max_delete=10)}
Act = Callable[[], object]


def made(folder: Path, version: str) -> World:
    """One server with alice and bob, who are members everywhere."""
    world = World(folder, version)
    for name in ("alice", "bob"):
        world.fakes["s0"].add_user(name, workspaces=["argilla", "one", "two"])
    return world


def fill(world: World, reference: str, *records: dict[str, Any], **settings: Any) -> Dataset:
    """A dataset with records, at the place of a reference."""
    _, _, path = reference.partition(":")
    workspace, _, name = path.partition("/")
    dataset = world.fakes["s0"].add_dataset(name, workspace, **settings)
    world.fakes["s0"].add_records(dataset, records)
    return dataset


def held(world: World, dataset: Dataset) -> dict[tuple[str, str], str]:
    """(text, username) -> answer to the question `label`."""
    found = answers(world.fakes["s0"].dump(dataset))
    return {key: values["label"]["value"] for key, (_, values) in found.items()}


def save(world: World, dataset: Dataset, person: str, text: str, value: str) -> None:
    """A person saves an answer in the web page."""
    found = next(r.id for r in dataset.records.values() if r.fields["text"] == text)
    world.fakes["s0"].person(person).submit(found, {"label": value})


def once(world: World, when: Callable[[httpx.Request], bool], act: Act, chaos: Chaos | None = None) -> list[str]:
    """Let somebody act before the first request of a kind, and disturb that request; what was hit."""
    hits: list[str] = []

    def disturb(request: httpx.Request) -> Chaos | None:
        if hits or not when(request):
            return None
        hits.append(request.url.path)
        act()
        return chaos

    world.disturb = disturb
    return hits


def sends(method: str, path: str) -> Callable[[httpx.Request], bool]:
    return lambda request: request.method == method and path in request.url.path


def after_an_end(world: World) -> Callable[[httpx.Request], bool]:
    """Once something of the last run is done."""
    return lambda _: "done" in world.store.journal.counts(world.store.journal.last_run())
