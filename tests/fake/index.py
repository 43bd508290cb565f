"""The search index: what it knows of each dataset, which need not be what is stored."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from .errors import broken
from .state import Dataset, Record


class Index:
    """Ids of records per dataset, with switches for what a real index does wrong.

    While it is `down`, every write to it fails.
    """

    def __init__(self) -> None:
        self.down = False
        self._lag = False
        self._forgotten: frozenset[str] = frozenset()
        self._stale: frozenset[str] = frozenset()
        self._known: dict[str, dict[str, datetime]] = {}
        self._waiting: list[tuple[str, str, datetime | None]] = []

    def set(self, *, lag: bool = False, forget: Iterable[str] = (), stale: Iterable[str] = ()) -> None:
        """Set all that the index gets wrong from now on; without arguments it is right again.

        lag: it misses records added from now on and keeps those that are deleted. forget: ids that it does not
        have. stale: ids that it keeps when the records are deleted.
        """
        self._lag, self._forgotten, self._stale = lag, frozenset(forget), frozenset(stale)
        self._settle()

    def require(self) -> None:
        """Raise the server's 500 if the index is down."""
        if self.down:
            raise broken("elastic_transport.ConnectionError", "Connection error caused by: ClientConnectorError")

    def add(self, dataset: Dataset, records: Iterable[Record]) -> None:
        self._change([(dataset.id, record.id, record.inserted_at) for record in records])

    def remove(self, dataset: Dataset, record_ids: Iterable[str]) -> None:
        self._change([(dataset.id, record_id, None) for record_id in record_ids])

    def ids(self, dataset: Dataset) -> list[str]:
        """The ids that the index has, in the order of the list."""
        known = self._known.get(dataset.id, {})
        return sorted(known.keys() - self._forgotten, key=lambda record_id: known[record_id])

    def _change(self, changes: list[tuple[str, str, datetime | None]]) -> None:
        self.require()
        self._waiting += changes
        self._settle()

    def _settle(self) -> None:
        """Let the index learn what it is not set to miss."""
        if self._lag:
            return
        waiting, self._waiting = self._waiting, []
        for change in waiting:
            dataset_id, record_id, inserted_at = change
            known = self._known.setdefault(dataset_id, {})
            if inserted_at is not None:
                known[record_id] = inserted_at
            elif record_id in self._stale:
                self._waiting.append(change)
            else:
                known.pop(record_id, None)
