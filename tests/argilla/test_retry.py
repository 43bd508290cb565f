"""What is tried again, how often, and after which wait."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from syncer.argilla import RetryPolicy
from syncer.argilla.retry import retry_after
from syncer.errors import (
    AccessError,
    Conflicted,
    NotFound,
    Rejected,
    ServerError,
    ServerFailed,
    Stopped,
    SyncerError,
    UnexpectedAnswer,
    UnknownOutcome,
    Unreachable,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
Make = Callable[[], SyncerError]
REPEATED: list[Make] = [lambda: Unreachable("x"), lambda: ServerFailed("x")]
FINAL: list[Make] = [
    lambda: AccessError("x"),
    lambda: NotFound("x"),
    lambda: Conflicted("x"),
    lambda: Rejected("x", status=422),
    lambda: UnexpectedAnswer("x"),
    lambda: Unreachable("a certificate", lasting=True),
]


class Clockwork:
    """A policy whose waits are noted instead of waited."""

    def __init__(self) -> None:
        self.waits: list[float] = []
        self.told: list[tuple[ServerError, float]] = []
        self.policy = RetryPolicy(sleep=self.waits.append, jitter=lambda: 1.0)

    def tell(self, error: ServerError, seconds: float) -> None:
        self.told.append((error, seconds))

    def failing(self, *errors: SyncerError) -> Callable[[], int]:
        """Work that raises these errors one after the other, and then returns the number of calls."""
        left = list(errors)
        calls = itertools.count(1)

        def work() -> int:
            number = next(calls)
            if left:
                raise left.pop(0)
            return number

        return work


@pytest.mark.parametrize("make", REPEATED)
def test_a_read_is_repeated_with_growing_waits(make: Make) -> None:
    clock = Clockwork()
    assert clock.policy.reads(clock.tell)(clock.failing(make(), make(), make())) == 4
    assert clock.waits == [0.5, 1.0, 2.0]
    assert [seconds for _, seconds in clock.told] == clock.waits


@pytest.mark.parametrize("make", FINAL)
def test_what_cannot_get_better_is_not_repeated(make: Make) -> None:
    clock = Clockwork()
    for retrying in (clock.policy.reads(), clock.policy.writes()):
        with pytest.raises(SyncerError):
            retrying(clock.failing(make()))
    assert clock.waits == []


def test_an_unknown_outcome_is_repeated_only_where_the_work_reads_first() -> None:
    clock = Clockwork()
    assert clock.policy.writes()(clock.failing(UnknownOutcome("x"))) == 2
    with pytest.raises(UnknownOutcome):
        clock.policy.reads()(clock.failing(UnknownOutcome("x")))


def test_it_gives_up_with_the_last_error() -> None:
    clock = Clockwork()
    errors = [Unreachable(str(i)) for i in range(9)]
    with pytest.raises(Unreachable, match=r"^5"):
        clock.policy.reads()(clock.failing(*errors))
    assert len(clock.waits) == 5


def test_a_wish_of_the_server_lengthens_the_wait_and_no_more_than_two_minutes() -> None:
    clock = Clockwork()
    errors = [Unreachable("x", retry_after=seconds) for seconds in (0.0, 7.0, 10**9)]
    clock.policy.reads()(clock.failing(*errors))
    assert clock.waits == [0.5, 7.0, 120.0]


def test_a_stop_ends_the_waiting() -> None:
    clock = Clockwork()
    clock.policy.stop_event.set()
    with pytest.raises(Stopped):
        clock.policy.reads()(clock.failing(Unreachable("x")))


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("0", 0.0),
        ("17", 17.0),
        ("315360000", 120.0),
        ("9" * 400, 120.0),
        ("Thu, 01 Jan 2026 00:00:30 GMT", 30.0),
        ("Wed, 31 Dec 2025 00:00:00 GMT", 0.0),
        ("Tue, 01 Jan 2036 00:00:00 GMT", 120.0),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("١٢", None),
    ],
)
def test_retry_after(header: str | None, seconds: float | None) -> None:
    assert retry_after(header, NOW) == seconds
