"""Find the datasets that a reference names."""

from __future__ import annotations

import difflib
import fnmatch

from syncer.argilla import Client
from syncer.config import Reference
from syncer.errors import NotFound, UsageError
from syncer.model import Dataset
from syncer.plan_model import Located


def locate(client: Client, reference: Reference, *, create: bool = False) -> Located:
    """The one dataset of a reference; with `create`, a missing one is located as yet to be made.

    Raises UsageError with the nearest names if it is not there, or if the reference is a pattern.
    """
    if reference.pattern:
        raise UsageError(f"{reference.text!r} is a pattern", advice="A target is named in full")
    if reference.dataset_id is not None:
        return _by_id(client, reference)
    datasets = client.datasets()
    for dataset in datasets:
        if (dataset.workspace, dataset.name) == (reference.workspace, reference.name):
            return _located(client, dataset)
    if create:
        name = f"{client.connection.name}:{reference.workspace}/{reference.name}"
        return Located(client, name, None, reference.workspace or "", reference.name or "")
    raise _missing(client, reference, datasets)


def locate_all(client: Client, reference: Reference) -> list[Located]:
    """The datasets of a reference that may be a pattern, by workspace and name. Raises UsageError if none fits."""
    if not reference.pattern:
        return [locate(client, reference)]
    datasets = client.datasets()
    found = [
        dataset
        for dataset in datasets
        if fnmatch.fnmatchcase(dataset.workspace, reference.workspace or "")
        and fnmatch.fnmatchcase(dataset.name, reference.name or "")
    ]
    if not found:
        raise _missing(client, reference, datasets)
    return [_located(client, dataset) for dataset in sorted(found, key=lambda d: (d.workspace, d.name))]


def _by_id(client: Client, reference: Reference) -> Located:
    assert reference.dataset_id is not None
    try:
        return _located(client, client.dataset(reference.dataset_id))
    except NotFound:
        raise _missing(client, reference, client.datasets()) from None


def _located(client: Client, dataset: Dataset) -> Located:
    name = f"{client.connection.name}:{dataset.workspace}/{dataset.name}"
    return Located(client, name, dataset, dataset.workspace, dataset.name)


def _missing(client: Client, reference: Reference, datasets: list[Dataset]) -> UsageError:
    wanted = reference.dataset_id or f"{reference.workspace}/{reference.name}"
    names = sorted(f"{dataset.workspace}/{dataset.name}" for dataset in datasets)
    near = difflib.get_close_matches(wanted, names, n=3, cutoff=0.5) or names[:10]
    shown = ", ".join(near) or "none that this key may see"
    return UsageError(
        f"there is no dataset {wanted}",
        where=f"server {client.connection.name}, {client.connection.url}",
        advice=f"There is: {shown}. A missing target is made with --create",
    )
