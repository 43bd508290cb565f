"""What can be wrong with the state itself."""

from __future__ import annotations


class StateProblem(Exception):
    """The state database cannot be used; the message says why."""


class SchemaTooNew(StateProblem):
    """A newer version of the program has written this state."""


class DamagedState(StateProblem):
    """Something read from the state does not have the digest it was stored under."""


class UnsafeLocation(StateProblem):
    """The state's folder is a symbolic link, or belongs to somebody else."""
