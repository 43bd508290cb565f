"""Every error that a user can meet.

    SyncerError                exit 1
    ├── UsageError             exit 2   wrong flags, references, configuration
    ├── AccessError            exit 8   wrong key, or a key that may not do this
    ├── Refused                exit 6   guard, stale or blocked plan, strict mode
    ├── LeaseHeld              exit 7   another run works on the same target
    ├── Stopped                exit 5   half-way, can be resumed
    ├── StateError             exit 1   the state database cannot be used
    └── ServerError            exit 1   the server or its answer
        ├── Unreachable                 no answer at all (name, connection, TLS, timeout)
        ├── ServerFailed                a read that was answered with a 5xx
        ├── UnknownOutcome              a write whose answer never came, or was a 5xx
        ├── NotFound                    404
        ├── Conflicted                  409
        ├── Rejected                    413 or 422: the content was not accepted, nothing was stored
        └── UnexpectedAnswer            redirect, not JSON, not Argilla, truncated, wrong shape

An error says what failed, where, why, and what to do next, each in its own field.
"""

from __future__ import annotations


class SyncerError(Exception):
    """What failed (`what`), on which server, dataset or record (`where`), why, and what to do next (`advice`)."""

    exit_code = 1

    def __init__(self, what: str, *, where: str = "", why: str = "", advice: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.why = why
        self.advice = advice

    def __str__(self) -> str:
        """One plain paragraph: what, where, why, and the advice."""
        head = f"{self.what} ({self.where})" if self.where else self.what
        if self.why:
            head = f"{head}: {self.why}"
        return f"{head}. {self.advice}" if self.advice else head


class UsageError(SyncerError):
    """Wrong flags, a dataset reference that cannot be read, a faulty configuration."""

    exit_code = 2


class AccessError(SyncerError):
    """The server refused the key (401), or the key's role may not do this (403)."""

    exit_code = 8


class Refused(SyncerError):
    """The plan may not be applied: a guard, a stale or blocked plan, or strict mode."""

    exit_code = 6


class LeaseHeld(SyncerError):
    """Another run holds the target dataset on this host."""

    exit_code = 7


class Stopped(SyncerError):
    """The run ended half-way; everything done is recorded and `resume` goes on."""

    exit_code = 5


class StateError(SyncerError):
    """The state database cannot be opened, is newer than this program, is damaged, or cannot be written."""


class ServerError(SyncerError):
    """The server could not be reached or gave an answer that does not help.

    `retry_after`: seconds that the server asked to wait. `lasting`: trying again cannot help.
    """

    def __init__(
        self,
        what: str,
        *,
        where: str = "",
        why: str = "",
        advice: str = "",
        retry_after: float | None = None,
        lasting: bool = False,
    ) -> None:
        super().__init__(what, where=where, why=why, advice=advice)
        self.retry_after = retry_after
        self.lasting = lasting


class Unreachable(ServerError):
    """No connection or no answer to a read: name, refused, TLS, timeout, cut."""


class ServerFailed(ServerError):
    """A read was answered with a 5xx."""


class UnknownOutcome(ServerError):
    """A write may or may not have been carried out: its answer was lost, or was a 5xx."""


class NotFound(ServerError):
    """404: the dataset, record or response is not there."""


class Conflicted(ServerError):
    """409: it exists already."""


class Rejected(ServerError):
    """413 or 422: the server did not accept the content; nothing was stored."""

    def __init__(self, what: str, *, status: int, where: str = "", why: str = "", advice: str = "") -> None:
        super().__init__(what, where=where, why=why, advice=advice)
        self.status = status


class UnexpectedAnswer(ServerError):
    """A redirect, HTML, a truncated or malformed body, or a shape that Argilla never sends."""
