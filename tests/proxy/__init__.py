"""A proxy between a client and a server that records what it sees and, by rule, breaks it."""

from __future__ import annotations

from . import faults
from .exchange import Seen
from .faults import Fault
from .proxy import FaultProxy, Rule

__all__ = ["Fault", "FaultProxy", "Rule", "Seen", "faults"]
