"""What a server of a given version can do: one table, read by every layer that has to choose."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from syncer.errors import UnexpectedAnswer

_OLDEST = (1, 24)
_NEWEST = (2, 8)

_SINCE = {
    "span": (1, 26),
    "progress": (1, 27),
    "bulk_create": (1, 28),
    "bulk_upsert": (1, 28),
    "list_scores": (1, 28),
    "options_order": (1, 28),
    "v1_users": (1, 29),
    "record_status": (2, 0),
    "distribution": (2, 0),
    "lists_from_database": (2, 3),
    "search_by_id": (2, 3),
    "dataset_metadata": (2, 4),
    "free_names": (2, 4),
    "upsert_into_draft": (2, 4),
    "fields_update": (2, 6),
}
_FIELD_TYPES_SINCE = {"text": (1, 24), "image": (2, 1), "chat": (2, 2), "custom": (2, 3)}
_ROUTES = {
    "progress": ("get", "/datasets/{dataset_id}/progress"),
    "bulk_create": ("post", "/datasets/{dataset_id}/records/bulk"),
    "bulk_upsert": ("put", "/datasets/{dataset_id}/records/bulk"),
    "v1_users": ("get", "/me"),
}
"""Abilities that show in the routes which a server describes in its OpenAPI document."""
_RATING_ZERO_SINCE = (1, 29)


@dataclass(frozen=True)
class Capabilities:
    """The abilities of one server version."""

    version: str
    supported: bool
    """1.24 or newer: older servers are not known to work."""
    known: bool
    """Measured; a newer version is treated like the newest known one, but for what its routes show."""
    span: bool
    """Span questions exist."""
    progress: bool
    """`GET /datasets/{id}/progress` exists."""
    bulk_create: bool
    """`POST /datasets/{id}/records/bulk` exists; before, `POST /datasets/{id}/records` returns nothing."""
    bulk_upsert: bool
    """`PUT /datasets/{id}/records/bulk` exists: the one way to add another person's response in place."""
    list_scores: bool
    """A suggestion whose value is a list has a list of scores; before, one number."""
    options_order: bool
    """Multi-label questions keep `options_order`."""
    v1_users: bool
    """Users and workspaces live under `/api/v1`; before, under `/api`."""
    record_status: bool
    """Records are `pending` or `completed`."""
    distribution: bool
    """Datasets have a `distribution` (the number of submitted responses that completes a record)."""
    lists_from_database: bool
    """The list of records reads the database: what it does not show does not exist. Before, it goes through
    the search index, which may miss records. From the same version on, `GET /records/{id}` answers 500 for
    a record with vectors."""
    search_by_id: bool
    """The search can filter by record id and external id."""
    dataset_metadata: bool
    """Datasets have a free `metadata` object."""
    free_names: bool
    """Names of datasets, fields, questions and users may hold any character."""
    upsert_into_draft: bool
    """The bulk upsert works on a dataset that is not published yet."""
    fields_update: bool
    """An upsert changes the fields of a record; before, they are ignored without a word."""
    field_types: frozenset[str]
    """The kinds of fields: text, image, chat, custom."""
    rating_min: int
    """The lowest rating that an option may have."""


def capabilities_of(version: str) -> Capabilities:
    """The abilities of a version such as `2.8.0` or `1.29.0rc1`; UnexpectedAnswer if it is no version."""
    found = re.match(r"v?(\d{1,4})\.(\d{1,4})(?!\d)", version)
    if found is None:
        raise UnexpectedAnswer(
            "The server's version cannot be read",
            why=repr(version[:50]),
            advice="Check that the URL is that of an Argilla server",
        )
    number = (int(found[1]), int(found[2]))
    return Capabilities(
        version=version,
        supported=number >= _OLDEST,
        known=_OLDEST <= number <= _NEWEST,
        field_types=frozenset(kind for kind, since in _FIELD_TYPES_SINCE.items() if number >= since),
        rating_min=0 if number >= _RATING_ZERO_SINCE else 1,
        **{flag: number >= since for flag, since in _SINCE.items()},
    )


def probed(capabilities: Capabilities, paths: Mapping[str, Mapping[str, object]]) -> Capabilities:
    """The abilities corrected by the routes that a server describes (`paths` of its OpenAPI document)."""
    routes = {(method, path.removeprefix("/api/v1")) for path, methods in paths.items() for method in methods}
    flags: dict[str, Any] = {flag: route in routes for flag, route in _ROUTES.items()}
    return replace(capabilities, **flags)
