"""When to try again, and how long to wait before. Nothing but reads is repeated without looking first."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from tenacity import RetryCallState, Retrying, retry_if_exception

from syncer.errors import ServerError, ServerFailed, Stopped, UnknownOutcome, Unreachable

_LONGEST_WISH = 120.0

Tell = Callable[[ServerError, float], None]


@dataclass(frozen=True)
class RetryPolicy:
    """Exponential backoff with jitter that honours the server's `Retry-After` and ends at once on a stop."""

    attempts: int = 6
    base: float = 0.5
    cap: float = 30.0
    total: float = 300.0
    """No new attempt begins after this many seconds of waiting."""
    stop_event: threading.Event = field(default_factory=threading.Event)
    sleep: Callable[[float], None] | None = None
    """Waits that many seconds; by default a wait on `stop_event`."""
    jitter: Callable[[], float] = random.random
    """A number from 0 to 1; the wait is between half and all of the backoff."""

    def reads(self, tell: Tell | None = None) -> Retrying:
        """For calls that change nothing: repeat after no answer, 408, 425, 429 and 5xx.

        `tell` is called before each wait with what happened and the seconds. The last error is raised;
        Stopped if the stop event is set while waiting.
        """
        return self._retrying((Unreachable, ServerFailed), tell)

    def writes(self, tell: Tell | None = None) -> Retrying:
        """The same for loops whose body reads again before it sends, so an unknown outcome may be repeated:
        `for attempt in policy.writes(): with attempt: ...`."""
        return self._retrying((Unreachable, ServerFailed, UnknownOutcome), tell)

    def _retrying(self, kinds: tuple[type[ServerError], ...], tell: Tell | None) -> Retrying:
        def before_sleep(state: RetryCallState) -> None:
            error = _error(state)
            if tell and error:
                tell(error, state.upcoming_sleep)

        return Retrying(
            retry=retry_if_exception(lambda error: isinstance(error, kinds) and not error.lasting),
            wait=self._wait,
            stop=self._is_enough,
            sleep=self._sleep,
            before_sleep=before_sleep,
            reraise=True,
        )

    def _wait(self, state: RetryCallState) -> float:
        backoff = min(self.cap, self.base * 2.0 ** (state.attempt_number - 1))
        error = _error(state)
        wish = min(error.retry_after or 0.0, _LONGEST_WISH) if error else 0.0
        return max(wish, backoff * (0.5 + self.jitter() / 2))

    def _is_enough(self, state: RetryCallState) -> bool:
        # Counted in waits, not by a clock: a machine that was suspended still gets all its attempts.
        return state.attempt_number >= self.attempts or state.idle_for + state.upcoming_sleep > self.total

    def _sleep(self, seconds: float) -> None:
        if self.sleep is None:
            self.stop_event.wait(seconds)
        else:
            self.sleep(seconds)
        if self.stop_event.is_set():
            raise Stopped("The run was stopped while it waited for a server")


def _error(state: RetryCallState) -> ServerError | None:
    error = state.outcome.exception() if state.outcome else None
    return error if isinstance(error, ServerError) else None


def retry_after(header: str | None, now: datetime) -> float | None:
    """Seconds asked for by a `Retry-After` header (seconds or an HTTP date), at most 120; None for garbage."""
    if not header:
        return None
    if header.strip().isascii() and header.strip().isdigit():
        return min(float(header.strip()[:10]), _LONGEST_WISH)
    try:
        moment = parsedate_to_datetime(header)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return min(max((moment - now).total_seconds(), 0.0), _LONGEST_WISH)
    except (ValueError, OverflowError):
        return None
