"""What all parts of apply share about the dataset they write to."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from state import Store
from syncer.apply.ledger import Ledger
from syncer.apply.reread import Rereader
from syncer.argilla.writes import ResponseBody, SuggestionBody, Writer
from syncer.errors import NotFound, Stopped
from syncer.events import Listener, nobody
from syncer.model import Settings
from syncer.ops import Answer

T = TypeVar("T")
MAX_RESPONSES = 4000
"""Responses in one call; more break servers on PostgreSQL (32767 query arguments, 7 for each response)."""


@dataclass(frozen=True)
class Limits:
    """Sizes and times of one run."""

    batch: int = 50
    """Records in one bulk call."""
    recreate_batch: int = 10
    """Records that are deleted and not yet re-created at any instant."""
    quiet: float = 60.0
    """Seconds without a person's write before records may be deleted for re-creation."""


@dataclass(frozen=True)
class Context:
    """One destination in one run."""

    writer: Writer
    store: Store
    ledger: Ledger
    dataset_id: str
    reference: str
    settings: Settings
    limits: Limits
    persons: Mapping[str, str] = field(default_factory=dict)
    """`new:USERNAME` -> user id of people whom this run created."""
    listener: Listener = nobody

    @property
    def question_ids(self) -> dict[str, str]:
        """Question name -> id."""
        return {q.name: q.remote_id for q in self.settings.questions}

    def rereader(self) -> Rereader:
        """A reader of this dataset's records."""
        names = {q.remote_id: q.name for q in self.settings.questions}
        return Rereader(self.writer, self.dataset_id, names)

    def activity(self) -> str | None:
        """When a person last wrote in the dataset."""
        return self.writer.last_activity(self.dataset_id)

    def user(self, person: str) -> str:
        """The user id of a person of the plan."""
        return self.persons.get(person, person)

    def body(self, digest: str) -> Any:
        """A stored content."""
        return json.loads(self.store.bodies.get(digest))

    def response(self, answer: Answer) -> ResponseBody:
        """An answer of the plan as it is sent."""
        body = self.body(answer.body)
        return ResponseBody(self.user(answer.person), body["status"], body["values"])

    def suggestions(self, content: Mapping[str, Any]) -> tuple[SuggestionBody, ...]:
        """A content's suggestions as they are sent; those of questions that are not there are left out."""
        ids, lists = self.question_ids, self.writer.capabilities.list_scores
        return tuple(
            SuggestionBody(
                ids[item["question"]],
                item["value"],
                fitting_score(item["value"], item["score"], list_scores=lists),
                item["agent"],
                item["type"],
            )
            for item in content["suggestions"]
            if item["question"] in ids
        )

    def check_stop(self) -> None:
        """Raise Stopped between two batches if somebody asked for it."""
        if self.writer.policy.stop_event.is_set():
            raise Stopped("the run was stopped", advice="`syncer resume` goes on where it stopped")

    def retrying(self, attempt: Callable[[], None]) -> None:
        """Run a body that reads before it sends, again after an unknown outcome, as the policy allows.

        Raises Stopped if the server keeps failing: everything done is in the journal.
        """
        try:
            self.writer.settled(attempt)
        except NotFound as error:
            raise Stopped(
                "something that the plan needs is gone from the server",
                where=error.where,
                why=error.why or error.what,
                advice="If the dataset was deleted the plan is void; otherwise `syncer resume`",
            ) from error


def fitting_score(value: Any, score: Any, *, list_scores: bool) -> Any:
    """A suggestion's score in the form that a server takes, None where it has no such form.

    A suggestion whose value is a list has a list of scores from 1.28 on, and one number before.
    """
    wants_list = list_scores and isinstance(value, list)
    return score if isinstance(score, list) == wants_list else None


def chunks(items: Sequence[T], size: int) -> Iterator[list[T]]:
    """Consecutive pieces of at most `size` items."""
    for start in range(0, len(items), size):
        yield list(items[start : start + size])
