"""Read records again, right before something is written to them.

The list is the only call that shows all responses on every version, so records are read by their position in
it; when they have moved, the list is walked once to find them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

from syncer.argilla import Client
from syncer.model import Record

GAP = 20
SPAN = 200
WALK = 1000


class Absent(Enum):
    """Why a record could not be read."""

    GONE = "the record was deleted"
    HIDDEN = "the search index does not list the record, so its responses cannot be read"


@dataclass
class Rereader:
    """Reads records of one dataset; remembers where it last saw them."""

    client: Client
    dataset_id: str
    questions: Mapping[str, str]
    """question id -> name"""

    def __post_init__(self) -> None:
        self._positions: dict[str, int] = {}

    def read(self, wanted: Mapping[str, int]) -> dict[str, Record | Absent]:
        """Current content of records, given as id -> last known position."""
        positions = {remote_id: self._positions.get(remote_id, at) for remote_id, at in wanted.items()}
        found: dict[str, Record | Absent] = dict(self._read_at(positions))
        missing = [remote_id for remote_id in wanted if remote_id not in found]
        if missing:
            self.locate(set(wanted))
            located = {remote_id: self._positions[remote_id] for remote_id in missing if remote_id in self._positions}
            found.update(self._read_at(located))
        for remote_id in wanted:
            if remote_id not in found:
                exists = self.client.record_exists(remote_id)
                found[remote_id] = Absent.HIDDEN if exists else Absent.GONE
        return found

    def find_created(self, external_ids: Iterable[str], *, everywhere: bool) -> dict[str, Record]:
        """Records under some external ids; new ones are at the end of the list, so it is looked at first."""
        wanted = set(external_ids)
        total = self.client.records_page(self.dataset_id, 0, 1, include=False, questions=self.questions).total
        start = max(0, total - len(wanted) - GAP)
        places = self._places(wanted, start)
        if everywhere and len(places) < len(wanted) and start > 0:
            places |= self._places(wanted - places.keys(), 0)
        self._positions.update(places.values())
        records = self.read(dict(places.values()))
        found = {external_id: records[remote_id] for external_id, (remote_id, _) in places.items()}
        return {external_id: record for external_id, record in found.items() if isinstance(record, Record)}

    def hides_records(self) -> bool:
        """Whether the database has records that the list does not show, as it may up to 2.2."""
        there = self.client.progress_total(self.dataset_id)
        page = self.client.records_page(self.dataset_id, 0, 1, include=False, questions=self.questions)
        return there is not None and there != page.total

    def _places(self, external_ids: set[str], offset: int) -> dict[str, tuple[str, int]]:
        places: dict[str, tuple[str, int]] = {}
        while True:
            page = self.client.records_page(self.dataset_id, offset, WALK, include=False, questions=self.questions)
            for index, external_id in enumerate(page.external_ids):
                if external_id in external_ids and external_id is not None:
                    places[external_id] = (page.ids[index], offset + index)
            if len(page.ids) < WALK or len(places) == len(external_ids):
                return places
            offset += len(page.ids) - 1

    def locate(self, wanted: set[str]) -> None:
        """Walk the ids of the whole list and note where the wanted ones are now."""
        for remote_id in wanted:
            self._positions.pop(remote_id, None)
        offset = 0
        while True:
            page = self.client.records_page(self.dataset_id, offset, WALK, include=False, questions=self.questions)
            for index, remote_id in enumerate(page.ids):
                if remote_id in wanted:
                    self._positions[remote_id] = offset + index
            if len(page.ids) < WALK:
                return
            # Half a page of overlap: records deleted meanwhile move the rest up.
            offset += WALK // 2

    def _read_at(self, positions: Mapping[str, int]) -> dict[str, Record]:
        found: dict[str, Record] = {}
        for first, last in _clusters(sorted(positions.values())):
            offset = max(0, first - 1)
            page = self.client.records_page(
                self.dataset_id, offset, last - offset + 2, include=True, questions=self.questions
            )
            for index, record in enumerate(page.records):
                if record.remote_id in positions:
                    found[record.remote_id] = record
                    self._positions[record.remote_id] = offset + index
        return found


def _clusters(positions: list[int]) -> list[tuple[int, int]]:
    """First and last of neighbouring positions."""
    clusters: list[tuple[int, int]] = []
    for position in positions:
        if clusters and position - clusters[-1][1] <= GAP and position - clusters[-1][0] < SPAN:
            clusters[-1] = (clusters[-1][0], position)
        else:
            clusters.append((position, position))
    return clusters
