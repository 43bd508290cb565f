"""The closed union of plan items: operations, conflicts, skips and unchanged rows, as data.

Three readers consume it: apply, report and journal. Contents are digests of bodies in the store; an operation
speaks the names and ids of its destination.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from syncer.model import digest_of


class Item(BaseModel):
    """What all items share."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    label: str
    """A short name of the record for people: its external id, or the beginning of its text."""
    record_key: str


class Judged(Item):
    """An item about one person's response that is not, or will not stay, as it is on all sides."""

    equal: tuple[tuple[int, str, str, str], ...] = ()
    """(source, record key, person, digest) of sources that agree with the target as the plan was made: their base,
    whatever becomes of the item. Without it the older copy would seem to be the changed one in the next plan."""


class Agreement(BaseModel):
    """The base that holds once an operation is done: these pairs agree on this digest of this person
    (None: on no response at all)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    person: str
    """User id at the job's target."""
    digest: str | None
    """In the target's names."""
    pairs: tuple[tuple[int, str], ...]
    """(source, record key)"""
    seen: tuple[tuple[int, str, str], ...] = ()
    """(source, record key, digest) of the values over which this one was chosen: they are what their sources have
    brought in, and no change in the next plan."""


class Answer(BaseModel):
    """One person's response that an operation writes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    person: str
    """User id on the destination, or `new:USERNAME` for a person that the same plan creates."""
    username: str
    body: str
    leaves: str
    written_at: str
    """When the person wrote it, by the server it comes from; empty if unknown."""
    agreement: Agreement


class SourceRecord(BaseModel):
    """A copy of a record on the other side, for links."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: int
    record_id: str
    record_key: str


class CreateRecord(Item):
    """Create a record with everybody's responses, under an external id that makes a repeat impossible."""

    kind: Literal["create_record"] = "create_record"
    dataset_id: str
    external_id: str
    minted: bool
    content: str
    answers: tuple[Answer, ...]
    copies: tuple[SourceRecord, ...]
    replaces: str | None = None
    """The id of a deleted record that this one brings back."""


class WriteResponse(Judged):
    """Insert (`expects` None) or update one person's response on an existing record."""

    kind: Literal["write_response"] = "write_response"
    dataset_id: str
    record_id: str
    position: int
    answer: Answer
    expects: str | None
    way: Literal["upsert", "update", "author"]
    decided: bool = False
    """True if a policy or a decision by hand chose this value over the one that is there."""
    written: str | None = None
    """The server's time of the value that is expected, if only that very writing of it may be replaced (undo)."""


class DeleteResponse(Judged):
    """Delete one person's response that was deleted on the other side."""

    kind: Literal["delete_response"] = "delete_response"
    dataset_id: str
    record_id: str
    position: int
    person: str
    username: str
    expects: str
    agreement: Agreement
    written: str | None = None


class RecreateRecord(Item):
    """Delete a record and create it again with all it has and new responses: the last resort of old servers."""

    kind: Literal["recreate_record"] = "recreate_record"
    dataset_id: str
    record_id: str
    position: int
    external_id: str
    minted: bool
    answers: tuple[Answer, ...]


class UpdateRecord(Item):
    """Bring metadata, suggestions, vectors or fields of an existing record in step."""

    kind: Literal["update_record"] = "update_record"
    dataset_id: str
    record_id: str
    position: int
    part: Literal["metadata", "suggestions", "vectors", "fields"]
    expects: str
    leaves: str
    body: str


class DeleteRecord(Item):
    """Delete a record that no source has (mirror only)."""

    kind: Literal["delete_record"] = "delete_record"
    dataset_id: str
    record_id: str
    position: int
    responses: int
    expects: str


class CreateDataset(Item):
    """Create the target: workspace if missing, dataset, settings, publication."""

    kind: Literal["create_dataset"] = "create_dataset"
    dataset_id: str
    """The name under which other operations of the plan speak of it until it exists."""
    workspace: str
    name: str
    settings: str
    publish: bool


class CreateUser(Item):
    """Create a person's account on the target's server, with the role annotator and a random password."""

    kind: Literal["create_user"] = "create_user"
    username: str


class AddMember(Item):
    """Add a person to the target's workspace."""

    kind: Literal["add_member"] = "add_member"
    workspace: str
    person: str
    username: str


class Contender(BaseModel):
    """One of the values of a conflict."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    side: int
    """Index of the source, or -1 for the target."""
    digest: str | None
    body: str | None
    updated_at: str


class Conflict(Judged):
    """Different work by one person on both sides; nothing says which is to stay."""

    kind: Literal["conflict"] = "conflict"
    dataset_id: str
    ref: str
    person: str
    username: str
    reason: Literal["both-changed", "no-base", "deleted-and-changed", "sources-disagree"]
    contenders: tuple[Contender, ...]

    @property
    def conflict_id(self) -> str:
        """The same for the same values of the same person on the same record, in every plan."""
        digests = sorted({c.digest or "" for c in self.contenders if c.side >= 0})
        target = [c.digest for c in self.contenders if c.side < 0]
        return digest_of([self.dataset_id, self.record_key, self.person, digests, target])


class Skip(Judged):
    """An item left alone: a response, or a whole record (`person` empty)."""

    kind: Literal["skip"] = "skip"
    side: int
    ref: str
    person: str
    username: str
    reason: str
    detail: str


class Unchanged(Item):
    """A response that needs nothing: equal, or newer at the target, or the target's own."""

    kind: Literal["unchanged"] = "unchanged"
    ref: str
    person: str
    state: Literal["equal", "target-ahead", "target-only", "target-kept", "gone", "filtered"]
    digests: tuple[tuple[int, str, str], ...] = ()
    """(source, record key, digest) on which that source and the target agree; empty digest: forget the base."""


Operation = (
    CreateDataset
    | CreateUser
    | AddMember
    | CreateRecord
    | WriteResponse
    | DeleteResponse
    | RecreateRecord
    | UpdateRecord
    | DeleteRecord
)
PlanItem = Annotated[Operation | Conflict | Skip | Unchanged, Field(discriminator="kind")]
_adapter: TypeAdapter[Operation | Conflict | Skip | Unchanged] = TypeAdapter(PlanItem)

JUDGED_KINDS = ("write_response", "delete_response", "conflict", "skip")
SETUP_KINDS = ("create_dataset", "create_user", "add_member")


def parse_item(payload: str) -> Operation | Conflict | Skip | Unchanged:
    """Read an item back from its JSON. Raises pydantic.ValidationError."""
    return _adapter.validate_json(payload)


def category_of(item: Operation | Conflict | Skip | Unchanged) -> str:
    """operation, conflict, skip or unchanged."""
    match item:
        case Conflict():
            return "conflict"
        case Skip():
            return "skip"
        case Unchanged():
            return "unchanged"
        case _:
            return "operation"


def item_id(item: Operation | Conflict | Skip | Unchanged) -> str:
    """The item's id: a hash of all that it says, so equal intentions have equal ids in every plan."""
    return digest_of(item.model_dump(mode="json"))
