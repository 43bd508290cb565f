"""The vocabulary, and the frozen models that every layer shares.

server            a named Argilla instance: URL, API key, extra headers.
dataset reference `server:workspace/dataset` or `server:UUID`.
side              `source` or `target`. A **pair** is one source and one target; a **job** is one or more
                  sources, one target, and options.
remote id         the id of a record, response or user on one server.
link              a pair of remote ids of one record that a run created or confirmed, with the
                  **record key** under which both copies are known.
response          one person's answer to one record: status and values. Its identity is (record, person).
digest            the hash of a response's status and values in canonical form.
snapshot          one side as read at one time.
base              the digests on which source and target last agreed, per pair, record key and person.
operation         one intended change: the value it expects to find and the value it will leave.
plan              an ordered list of operations, conflicts and skips, with the snapshots it came from.
run               one execution of a plan. **journal**: the durable record of a run.
conflict          both sides hold different work by the same person and nothing says which is to stay.
skip              an item left alone, with a reason code.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Literal

Status = Literal["draft", "submitted", "discarded"]
Values = dict[str, Any]
"""Question name -> `{"value": ...}`, as the server gives it."""

MINTED_PREFIX = "syncer-"


def canonical_json(value: Any) -> str:
    """ASCII JSON with sorted keys and no spaces: equal values give equal text, lone surrogates included.

    Raises ValueError for NaN and infinities, which JSON cannot hold.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def digest_of(value: Any) -> str:
    """Tagged SHA-256 of the canonical JSON of a value."""
    return digest_of_text(canonical_json(value))


def digest_of_text(text: str) -> str:
    """Tagged SHA-256 of ASCII text that is canonical JSON already."""
    return "sha256:" + hashlib.sha256(text.encode("ascii")).hexdigest()


def mint_external_id(dataset_id: str, record_id: str) -> str:
    """The external id given to a copy of a record that has none of its own.

    Both ids are UUIDs chosen by the source server, so the result is the same in every run, also when the
    state was lost or the server is reached by another address.
    """
    return MINTED_PREFIX + digest_of([dataset_id, record_id]).removeprefix("sha256:")[:32]


def is_minted(external_id: str | None) -> bool:
    """Whether an external id was given by `mint_external_id`."""
    return external_id is not None and external_id.startswith(MINTED_PREFIX)


def moment(text: str) -> datetime:
    """An ISO 8601 time, in UTC if it names no zone, as a server's times do. Raises ValueError."""
    time = datetime.fromisoformat(text)
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def canonical_values(values: Values | None) -> Values:
    """Values with everything removed that carries no meaning.

    Null, absent and `{}` become one value; labels and spans are sets, so their order goes. The order of a
    ranking stays: ranks, ties included, are compared as they are.
    """
    return {
        name: {**answer, "value": _canonical_value(answer.get("value"))} if isinstance(answer, dict) else answer
        for name, answer in (values or {}).items()
        if answer is not None
    }


def _canonical_value(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    is_labels = all(isinstance(item, str) for item in value)
    is_spans = all(isinstance(item, dict) and "start" in item for item in value)
    return sorted(value, key=canonical_json) if is_labels or is_spans else value


@dataclass(frozen=True)
class Response:
    """One person's answer to one record as read from a server; `user_id` is None if the author was deleted."""

    remote_id: str
    user_id: str | None
    status: Status
    values: Values | None
    inserted_at: str
    updated_at: str

    @property
    def body(self) -> dict[str, Any]:
        """Status and values exactly as read, for storage and for sending."""
        return {"status": self.status, "values": self.values}

    @cached_property
    def digest(self) -> str:
        """Digest of status and canonical values."""
        return response_digest(self.status, self.values)


def response_digest(status: str, values: Values | None) -> str:
    """Digest of a response: equal for answers that mean the same."""
    return digest_of({"status": status, "values": canonical_values(values)})


@dataclass(frozen=True)
class Suggestion:
    """A suggestion, named by its question's name: question ids differ between copies."""

    question: str
    value: Any
    score: float | list[float] | None = None
    agent: str | None = None
    type: str | None = None


@dataclass(frozen=True)
class Record:
    """One record with everything on it, as read from a server."""

    remote_id: str
    external_id: str | None
    fields: dict[str, Any]
    metadata: dict[str, Any] | None
    suggestions: tuple[Suggestion, ...]
    vectors: dict[str, list[float]]
    responses: tuple[Response, ...]
    status: str | None
    inserted_at: str
    updated_at: str

    @cached_property
    def content(self) -> dict[str, Any]:
        """All but ids, times, status and responses: what a copy of the record must hold."""
        suggestions = sorted(
            (
                {"question": s.question, "value": s.value, "score": s.score, "agent": s.agent, "type": s.type}
                for s in self.suggestions
            ),
            key=lambda item: str(item["question"]),
        )
        return {
            "fields": self.fields,
            "metadata": self.metadata,
            "suggestions": suggestions,
            "vectors": self.vectors,
        }

    def response_of(self, user_id: str) -> Response | None:
        """The response of one user, or None."""
        return next((r for r in self.responses if r.user_id == user_id), None)


@dataclass(frozen=True)
class User:
    """A person on one server. API keys are never part of it."""

    remote_id: str
    username: str
    role: str = "annotator"


@dataclass(frozen=True)
class Question:
    """A question of a dataset; `settings` as the server gives them (type, options, ...)."""

    remote_id: str
    name: str
    title: str
    description: str | None
    required: bool
    settings: dict[str, Any]

    @property
    def type(self) -> str:
        """text, rating, label_selection, multi_label_selection, ranking or span."""
        return str(self.settings["type"])


@dataclass(frozen=True)
class Settings:
    """What a dataset is made of. Lists keep the server's order; items are the server's own JSON objects,
    without ids and times, except for the questions."""

    guidelines: str | None
    allow_extra_metadata: bool
    distribution: dict[str, Any] | None
    dataset_metadata: dict[str, Any] | None
    fields: tuple[dict[str, Any], ...]
    questions: tuple[Question, ...]
    metadata_properties: tuple[dict[str, Any], ...]
    vectors: tuple[dict[str, Any], ...]

    def question(self, name: str) -> Question | None:
        """The question of that name, or None."""
        return next((q for q in self.questions if q.name == name), None)

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON value without remote ids: equal for equal settings on any server."""
        return {
            "guidelines": self.guidelines,
            "allow_extra_metadata": self.allow_extra_metadata,
            "distribution": self.distribution,
            "dataset_metadata": self.dataset_metadata,
            "fields": list(self.fields),
            "questions": [
                {
                    "name": q.name,
                    "title": q.title,
                    "description": q.description,
                    "required": q.required,
                    "settings": q.settings,
                }
                for q in self.questions
            ],
            "metadata_properties": list(self.metadata_properties),
            "vectors": list(self.vectors),
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Settings:
        """Read back what `as_dict` gave; question ids from `question_ids` if they are there."""
        ids = data.get("question_ids", {})
        return cls(
            guidelines=data["guidelines"],
            allow_extra_metadata=data["allow_extra_metadata"],
            distribution=data["distribution"],
            dataset_metadata=data["dataset_metadata"],
            fields=tuple(data["fields"]),
            questions=tuple(Question(remote_id=ids.get(q["name"], ""), **q) for q in data["questions"]),
            metadata_properties=tuple(data["metadata_properties"]),
            vectors=tuple(data["vectors"]),
        )

    @cached_property
    def digest(self) -> str:
        """Digest of the settings, remote ids and times left out."""
        return digest_of(self.as_dict())


@dataclass(frozen=True)
class Dataset:
    """A dataset on a server."""

    remote_id: str
    name: str
    workspace_id: str
    workspace: str
    status: str
    """`draft` or `ready` (published)."""
    last_activity_at: str | None
