"""The SQLite store of syncer: bodies, snapshots, plans, journal, and what runs remember.

This package speaks strings, numbers and digests and imports nothing from `syncer`. Its contract: bodies are
written once under the hash of their own text and checked when read; the journal is append-only; every method
that writes is one short transaction, and none is left open on return.
"""

from state.bodies import Bodies
from state.errors import DamagedState, SchemaTooNew, StateProblem, UnsafeLocation
from state.journal import Event, Journal, RunRow
from state.memory import ConflictRow, Link, Memory
from state.plans import ItemRow, PlanRow, Plans
from state.snapshots import RecordRow, ResponseRow, SnapshotRow, Snapshots, UserRow
from state.store import Store
from state.workbench import TARGET, AnswerRow, Candidate, JoinedAnswer, Member, PairRow, Workbench

__all__ = [
    "TARGET",
    "AnswerRow",
    "Bodies",
    "Candidate",
    "ConflictRow",
    "DamagedState",
    "Event",
    "ItemRow",
    "JoinedAnswer",
    "Journal",
    "Link",
    "Member",
    "Memory",
    "PairRow",
    "PlanRow",
    "Plans",
    "RecordRow",
    "ResponseRow",
    "RunRow",
    "SchemaTooNew",
    "SnapshotRow",
    "Snapshots",
    "StateProblem",
    "Store",
    "UnsafeLocation",
    "UserRow",
    "Workbench",
]
