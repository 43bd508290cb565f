"""Small frozen events that the core sends to a listener; what is shown of them is decided elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """Some of a stage's work is done; `total` is None while it is not known."""

    stage: str
    subject: str
    done: int
    total: int | None


@dataclass(frozen=True)
class Note:
    """Something that a person who watches should know."""

    text: str


Event = Progress | Note
Listener = Callable[[Event], None]


def nobody(event: Event) -> None:
    """A listener that does nothing."""
    del event
