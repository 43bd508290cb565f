"""The options of a job, from flags or from the configuration; a plan keeps them."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from syncer.filters import Filters
from syncer.plan import Policy

Part = Literal["metadata", "suggestions", "vectors", "fields"]


class Limits(BaseModel):
    """The brakes of a plan, and what overrides them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_change: float = Field(default=0.10, ge=0, le=1)
    """Share of the target's matched responses that may be overwritten (20 may always be)."""
    max_delete: int = Field(default=0, ge=0)
    accept_source: bool = False
    swap_ok: bool = False
    allow_different_fields: bool = False
    strict: bool = False


class JobOptions(BaseModel):
    """Everything about a job except its sources and its target."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    match: str = "auto"
    ignore_whitespace: bool = False
    ignore_case: bool = False
    ambiguous: Literal["report", "in-order"] = "report"
    records: bool = False
    include: tuple[Part, ...] = ()
    mirror: bool = False
    conflicts: Policy = "report"
    conflicts_by_question: dict[str, Policy] = Field(default_factory=dict)
    """For conflicts in which the values differ in answers to such questions alone."""
    clock_tolerance: float = Field(default=300.0, ge=0)
    """Seconds within which two times count as one."""
    two_way: bool = False
    restore_deleted: bool = False
    propagate_deletes: bool = False
    strategy: Literal["auto", "in-place", "author", "recreate"] = "auto"
    recreate_by_itself: bool = True
    """Whether `auto` may re-create records: commands that run once may, background jobs only if told to."""
    create: bool = False
    union_labels: bool = False
    create_users: bool = False
    add_members: bool = False
    drop_unmapped: bool = False
    users: dict[str, str] = Field(default_factory=dict)
    questions: dict[str, str] = Field(default_factory=dict)
    labels: dict[str, dict[str, str]] = Field(default_factory=dict)
    fields: dict[str, str] = Field(default_factory=dict)
    filters: Filters = Filters()
    limits: Limits = Limits()
    batch: int = Field(default=50, ge=1, le=500)
    quiet: float = Field(default=60.0, ge=0)
