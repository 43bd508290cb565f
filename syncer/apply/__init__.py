"""The only package that writes to a server.

Every operation follows one protocol: read again, compare with what the plan expects, put the intent and what
is there on the disk, send, compare the answer; after an unknown outcome begin again with the reading.
"""

from syncer.apply.engine import Engine
from syncer.apply.ledger import Ledger
from syncer.apply.setup import Setup

__all__ = ["Engine", "Ledger", "Setup"]
