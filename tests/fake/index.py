"""The search index: what it knows of each dataset, which need not be what is stored."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from .errors import broken
from .state import Dataset, Record


class Index:
    """Ids of records per dataset, with switches for what a real index does wrong.

    `lag`: changes wait until `refresh()`. `stale`: deleted records stay in the index. `down`: every write to it
    fails. `forget` loses one record for good, as an indexing error that was only logged does.
    """

    def __init__(self) -> None:
        self.lag = False
        self.stale = False
        self.down = False
        self._known: dict[str, dict[str, datetime]] = {}
        self._waiting: list[tuple[str, str, datetime | None]] = []

    def require(self) -> None:
        """Raise the server's 500 if the index is down."""
        if self.down:
            raise broken("elastic_transport.ConnectionError", "Connection error caused by: ClientConnectorError")

    def add(self, dataset: Dataset, records: Iterable[Record]) -> None:
        self._change([(dataset.id, record.id, record.inserted_at) for record in records])

    def remove(self, dataset: Dataset, record_ids: Iterable[str]) -> None:
        if not self.stale:
            self._change([(dataset.id, record_id, None) for record_id in record_ids])

    def forget(self, dataset_id: str, record_id: str) -> None:
        self._known[dataset_id].pop(record_id)

    def refresh(self) -> None:
        """Let everything that waits become visible."""
        waiting, self._waiting = self._waiting, []
        for dataset_id, record_id, inserted_at in waiting:
            known = self._known.setdefault(dataset_id, {})
            if inserted_at is None:
                known.pop(record_id, None)
            else:
                known[record_id] = inserted_at

    def ids(self, dataset: Dataset) -> list[str]:
        """The ids that the index has, in the order of the list."""
        known = self._known.get(dataset.id, {})
        return sorted(known, key=lambda record_id: known[record_id])

    def _change(self, changes: list[tuple[str, str, datetime | None]]) -> None:
        self.require()
        self._waiting += changes
        if not self.lag:
            self.refresh()
