"""Snapshots of a list that moves: whatever is added and deleted between two pages, nothing that was there all the
time is left out. Pages are small here, so that every place in a walk is a page boundary."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from random import Random

import httpx
import pytest

from state import SnapshotRow
from syncer import snapshot
from syncer.errors import ServerError
from tests.core.world import World, answer, record
from tests.fake import FakeArgilla
from tests.fake.state import Dataset
from tests.fake.transport import undisturbed

SCHEDULES = 1000
HOME = "s0:argilla/reviews"


@dataclass
class Crowd:
    """People who add and delete records between the pages of a walk, as a seed has it.

    Every deletion hits rows at the front, in the middle or at the end; additions come at the end, and now and then
    into the middle, as when a slow transaction is committed late.
    """

    fake: FakeArgilla
    dataset: Dataset
    random: Random
    busy: float
    budget: int
    stable: set[str] = field(init=False)
    """Records that have been there all the time."""
    calm: int = 0
    """How often a walk has begun since the last act."""

    def __post_init__(self) -> None:
        self.stable = set(self.dataset.records)

    def __call__(self, request: httpx.Request) -> None:
        is_page = request.method == "GET" and request.url.path.endswith("/records")
        if is_page and request.url.params.get("offset") == "0":
            self.calm += 1
        if is_page and self.budget and self.random.random() < self.busy:
            self.budget -= 1
            self.calm = 0
            self.random.choice([self.delete, self.delete, self.add, self.both])()

    def delete(self) -> None:
        rows = self.dataset.listed()
        if len(rows) < 2:
            return
        first = self.random.choice([0, 0, self.random.randrange(len(rows))])
        for row in rows[first : first + self.random.randint(1, len(rows) - 1)]:
            del self.dataset.records[row.id]
            self.stable.discard(row.id)

    def add(self) -> None:
        rows = self.dataset.listed()
        texts = [record(f"new {self.budget}.{i}") for i in range(self.random.randint(1, 6))]
        added = self.fake.add_records(self.dataset, texts)
        if rows and self.random.random() < 0.3:
            for row in added:
                row.inserted_at = self.random.choice(rows).inserted_at + timedelta(microseconds=1)

    def both(self) -> None:
        self.delete()
        self.add()


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot, "FIRST_LIMIT", 3)
    monkeypatch.setattr(snapshot, "MAX_LIMIT", 5)
    monkeypatch.setattr(snapshot, "MAX_SWEEPS", 60)


class Reader:
    """One dataset, a client through which it is read, and the crowd that is at work meanwhile."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.fake = world.fakes["s0"]
        self.fake.add_user("ann")
        self.dataset = self.fake.add_dataset()
        located = world.locate(HOME)
        assert located.dataset is not None
        self.located = located.dataset
        self.crowd: Callable[[httpx.Request], None] = undisturbed
        world.disturb = lambda request: self.crowd(request)
        self.client = world.client("s0")
        # Thousands of commits, none of which has to outlive this test.
        world.store.db.conn.execute("PRAGMA synchronous=OFF")

    def fill(self, records: int) -> None:
        """Put so many records into the dataset, and nobody to work."""
        self.crowd = undisturbed
        self.dataset.records.clear()
        self.fake.add_records(self.dataset, [record(f"t{i}", answer("ann", "a")) for i in range(records)])

    def schedule(self, seed: int) -> Crowd:
        """A dataset and a crowd as a seed has them."""
        random = Random(seed)
        self.fill(random.randint(4, 16))
        crowd = Crowd(self.fake, self.dataset, random, random.choice([0.3, 0.6, 1.0]), budget=random.randint(1, 5))
        self.crowd = crowd
        return crowd

    def take(self) -> SnapshotRow:
        """A snapshot."""
        return snapshot.take_snapshot(self.client, self.world.store, self.located, HOME, self.world.clock())

    def held(self, row: SnapshotRow) -> list[str]:
        """The ids of its records in order."""
        return [found.remote_id for found in self.world.store.snapshots.records(row.id)]

    def listed(self) -> list[str]:
        """The ids in the dataset in order."""
        return [found.id for found in self.dataset.listed()]

    def plain_walk(self) -> set[str]:
        """What people write who trust offsets: page after page, until one is short."""
        seen: set[str] = set()
        offset = 0
        while True:
            page = self.client.records_page(self.dataset.id, offset, 3, include=False, questions={})
            seen |= set(page.ids)
            if len(page.ids) < 3:
                return seen
            offset += 3


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    made = World(tmp_path)
    yield Reader(made)
    made.close()


def test_nothing_that_was_there_all_the_time_is_left_out(reader: Reader, many: int) -> None:
    """When the crowd has gone home before the last walk, the snapshot is exactly what is there then."""
    calm = 0
    for seed in range(many * SCHEDULES):
        crowd = reader.schedule(seed)
        row = reader.take()
        held = reader.held(row)
        assert crowd.stable <= set(held), seed
        assert len(held) == len(set(held)) == row.records
        if crowd.calm > 1:
            calm += 1
            assert held == reader.listed(), seed
            positions = [found.position for found in reader.world.store.snapshots.records(row.id)]
            assert positions == list(range(len(held))), seed
    assert calm > many * SCHEDULES // 2


def test_a_plain_walk_leaves_records_out_on_the_same_schedules(reader: Reader, many: int) -> None:
    silent = 0
    for seed in range(many * SCHEDULES):
        crowd = reader.schedule(seed)
        silent += not crowd.stable <= reader.plain_walk()
    assert silent > many * SCHEDULES // 20


@pytest.mark.parametrize("deleted", [1, 2, 3, 7])
@pytest.mark.parametrize("place", [0, 4, -8])
def test_one_deletion_at_every_page_boundary(reader: Reader, deleted: int, place: int) -> None:
    boundary, pages = 0, 1
    while boundary < pages:
        reader.fill(14)
        gone = set(reader.listed()[place:][:deleted])
        pages = 0

        def delete(request: httpx.Request, boundary: int = boundary, gone: set[str] = gone) -> None:
            nonlocal pages
            if request.url.path.endswith("/records"):
                if pages == boundary:
                    for record_id in gone:
                        del reader.dataset.records[record_id]
                pages += 1

        reader.crowd = delete
        held = reader.held(reader.take())
        # What is deleted while the last walk is under way may be in it.
        assert [i for i in held if i not in gone] == [i for i in reader.listed() if i not in gone]
        boundary += 1
    assert boundary > 8


def test_a_list_that_never_rests_gives_no_snapshot(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot, "MAX_SWEEPS", 10)
    reader.fill(3)
    reader.crowd = Crowd(reader.fake, reader.dataset, Random(1), busy=1.0, budget=10**6)
    with pytest.raises(ServerError, match="come to rest"):
        reader.take()
    (row,) = reader.world.store.snapshots.all()
    assert not row.complete


@pytest.mark.parametrize("records", [0, 1, 2, 3, 4, 5, 13])
def test_a_list_at_rest(reader: Reader, records: int) -> None:
    reader.fill(records)
    row = reader.take()
    assert row.complete
    assert reader.held(row) == reader.listed()
    assert row.records == row.responses == records


def test_equal_times_in_another_order_for_every_page_hide_nothing(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database may give rows with equal sort keys in another order for another limit."""
    monkeypatch.setattr(snapshot, "MAX_LIMIT", 40)
    for seed in range(50):
        random = Random(seed)
        reader.fill(20)
        moment = next(iter(reader.dataset.records.values())).inserted_at

        def shuffle(request: httpx.Request, random: Random = random) -> None:
            if request.url.params.get("limit") != "40" and request.url.path.endswith("/records"):
                rows = list(reader.dataset.records.items())
                random.shuffle(rows)
                reader.dataset.records = dict(rows)

        for found in reader.dataset.records.values():
            found.inserted_at = moment
        reader.crowd = shuffle
        try:
            row = reader.take()
        except ServerError:
            continue
        assert set(reader.held(row)) == set(reader.listed())


def test_an_unchanged_dataset_costs_no_new_contents(reader: Reader) -> None:
    reader.fill(9)
    count = "SELECT count(*) FROM body"
    first = reader.take()
    bodies = reader.world.store.db.conn.execute(count).fetchone()[0]
    second = reader.take()
    assert reader.world.store.db.conn.execute(count).fetchone()[0] == bodies
    assert first.digest == second.digest
    ann = reader.fake.person("ann")
    ann.edit(reader.listed()[4], {"label": "b"})
    assert reader.take().digest != first.digest


def test_records_that_the_index_hides_are_not_taken_for_deleted(tmp_path: Path) -> None:
    world = World(tmp_path, "2.0.1")
    reader = Reader(world)
    reader.fill(6)
    reader.fake.index.set(forget=reader.listed()[2:3])
    with pytest.raises(ServerError, match="reindex"):
        reader.take()
    reader.fake.index.set()
    assert reader.held(reader.take()) == reader.listed()
    world.close()


def test_keys_that_the_server_shows_are_stored_nowhere(reader: Reader) -> None:
    reader.fill(2)
    reader.take()
    reader.world.store.db.conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    stored = b"".join(path.read_bytes() for path in reader.world.store.path.parent.iterdir())
    keys = [user.api_key for user in reader.fake.store.users.values()]
    assert keys
    assert not [key for key in keys if key.encode() in stored]
