"""One run at a time per target dataset on this host, by an exclusive lock that the kernel frees."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import platformdirs

from syncer.errors import LeaseHeld


def folder() -> Path:
    """Where the locks of this user lie: one fixed place, so that different states exclude each other."""
    return Path(platformdirs.user_state_dir("argilla-syncer")) / "leases"


@contextmanager
def lease(dataset_ids: Iterable[str], holder: str) -> Iterator[None]:
    """Hold the datasets for the time of a run. Raises LeaseHeld, naming who holds one.

    A dataset's id is a UUID, so it names the dataset by whichever address its server is reached. The locks
    are taken in the order of the ids, all or none. Files are never removed: a lock on a removed file would
    exclude nobody.
    """
    with ExitStack() as stack:
        for dataset_id in sorted(set(dataset_ids)):
            stack.enter_context(_locked(dataset_id, holder))
        yield


@contextmanager
def _locked(dataset_id: str, holder: str) -> Iterator[None]:
    place = folder()
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = place / f"{hashlib.sha256(dataset_id.encode()).hexdigest()}.lock"
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "r+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LeaseHeld(
                "another run is at work on this dataset",
                where=f"dataset {dataset_id}",
                why=f"held by {file.read().strip() or 'another process'}",
                advice="Wait until it has ended, then run the command again",
            ) from None
        file.truncate(0)
        file.seek(0)
        file.write(holder)
        file.flush()
        yield
