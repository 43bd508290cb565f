"""What a server holds for people, and what of it is lost or doubled."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import Any

from tests.fake import FakeArgilla

Row = dict[str, Any]
Key = tuple[str, str, str]
"""Dataset, text of the record, username."""


def holdings(fake: FakeArgilla) -> dict[str, Any]:
    """Everything on a server but ids, times, keys and passwords. External ids are part of it: those that the program
    gives follow from the ids of the source, which are the same in every twin of a scene."""
    names = {user.id: user.username for user in fake.store.users.values()}
    places = {place.id: place.name for place in fake.store.workspaces.values()}
    return {
        "users": sorted((user.username, user.role) for user in fake.store.users.values()),
        "workspaces": sorted(
            (place.name, sorted(names[member] for member in place.members)) for place in fake.store.workspaces.values()
        ),
        "datasets": sorted(
            (
                {
                    "place": f"{places[dataset.workspace_id]}/{dataset.name}",
                    "status": dataset.status,
                    "guidelines": dataset.guidelines,
                    "fields": [(part.name, part.settings) for part in dataset.fields],
                    "questions": [(part.name, part.required, part.settings) for part in dataset.questions],
                    "properties": [(part.name, part.settings) for part in dataset.properties],
                    "vectors": [(part.name, part.dimensions) for part in dataset.vectors],
                    "records": fake.dump(dataset),
                }
                for dataset in fake.store.datasets.values()
            ),
            key=lambda row: json.dumps(row, sort_keys=True),
        ),
    }


def responses(held: dict[str, Any]) -> dict[Key, list[str]]:
    """Every response, those of one person on one text together: a list longer than one has a double in it."""
    found: dict[Key, list[str]] = {}
    for dataset in held["datasets"]:
        for record in dataset["records"]:
            for row in record["responses"]:
                key = (dataset["place"], record["fields"]["text"], row["username"])
                found.setdefault(key, []).append(json.dumps([row["status"], row["values"]], sort_keys=True))
    return found


@dataclass(frozen=True)
class Difference:
    """What an end lacks, and what it has too much, as against the end that was to be."""

    lost: int
    doubled: int
    other: bool
    """Something that is no response differs: records, people, settings."""

    def __bool__(self) -> bool:
        return bool(self.lost or self.doubled or self.other)


def compare(wanted: dict[str, Any], found: dict[str, Any]) -> Difference:
    """Compare two ends."""
    want, have = _counted(wanted), _counted(found)
    return Difference(
        lost=(want - have).total(),
        doubled=(have - want).total(),
        other=json.dumps(wanted, sort_keys=True) != json.dumps(found, sort_keys=True),
    )


def _counted(held: dict[str, Any]) -> Counter[tuple[Key, str]]:
    return Counter((key, value) for key, values in responses(held).items() for value in values)
