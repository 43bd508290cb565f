"""One fake Argilla server for tests: five versions, their quirks, no network unless it is asked for."""

from __future__ import annotations

from .people import Person, PersonRefused
from .quirks import VERSIONS, Quirks
from .seeding import label_question, rating_question, text_field, text_question
from .serve import Served, serve
from .server import FakeArgilla, Logged
from .transport import Chaos, FakeTransport

__all__ = [
    "VERSIONS",
    "Chaos",
    "FakeArgilla",
    "FakeTransport",
    "Logged",
    "Person",
    "PersonRefused",
    "Quirks",
    "Served",
    "label_question",
    "rating_question",
    "serve",
    "text_field",
    "text_question",
]
