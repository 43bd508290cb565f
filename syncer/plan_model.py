"""The frozen models round a plan: where its sides are, its header, its figures."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from state import SnapshotRow
from syncer import guard
from syncer.argilla import Client
from syncer.model import Dataset
from syncer.options import JobOptions


@dataclass(frozen=True)
class Located:
    """A dataset that was found on a server; `dataset` is None for a target that is to be created."""

    client: Client
    reference: str
    dataset: Dataset | None
    workspace: str = ""
    name: str = ""

    @property
    def dataset_id(self) -> str:
        """Its id, or the name by which a plan speaks of it until it exists."""
        if self.dataset is not None:
            return self.dataset.remote_id
        return f"new:{self.client.connection.name}:{self.workspace}/{self.name}"


class SideHeader(BaseModel):
    """One side as a plan's header names it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reference: str
    server: str
    url: str
    dataset_id: str
    snapshot: int
    settings_digest: str


class Header(BaseModel):
    """What a plan was made from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    job: str | None
    sources: tuple[SideHeader, ...]
    target: SideHeader
    snapshots: tuple[int, ...]
    options: JobOptions
    last_run: int
    """The newest run when the plan was made; a later one on its datasets makes it stale."""
    people: dict[str, dict[str, str]]
    """Per source (by its number): user id -> person."""


class Summary(BaseModel):
    """A plan's figures."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    counts: dict[str, int]
    records: dict[str, int]
    """Outcome -> number of source records."""
    figures: guard.Figures
    blocked: tuple[str, ...]
    warnings: tuple[str, ...]
    by_author: dict[str, int]
    """Username -> number of responses to be written."""
    completes: int
    """Records that become completed by the plan and leave people's queues; -1 if it cannot be told."""
    losses: tuple[str, ...]
    settings: tuple[str, ...] = ()
    """How the settings of source and target differ."""


def side_header(shot: SnapshotRow) -> SideHeader:
    """A snapshot as a plan's header names it."""
    return SideHeader(
        reference=shot.reference,
        server=shot.server,
        url=shot.url,
        dataset_id=shot.dataset_id,
        snapshot=shot.id,
        settings_digest=shot.settings_digest,
    )
