"""Pure: what is to become of one person's response to one record, given source(s), target and base."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from typing import Any, Literal

from syncer.model import moment

Policy = Literal["report", "source", "target", "newest", "prefer-submitted"]
ConflictReason = Literal["both-changed", "no-base", "deleted-and-changed", "sources-disagree"]
TARGET = -1


@dataclass(frozen=True)
class Held:
    """A response as one side holds it, in the target's names. `written_at` is the time of the person's own
    last write, None if it is not known; `problem` says why it cannot be stored at the target."""

    digest: str
    body: str
    status: str
    updated_at: str
    remote_id: str
    written_at: str | None
    problem: str | None = None


@dataclass(frozen=True)
class Row:
    """One (record, person): what each paired source holds, what the target holds, the bases.

    `paired` lists the sources that have this record; one of them without an entry in `sources` holds no
    response of this person.
    """

    person: str
    paired: tuple[int, ...]
    sources: Mapping[int, Held]
    target: Held | None
    bases: Mapping[int, str]


@dataclass(frozen=True)
class Rules:
    """The options that decide."""

    policy: Policy = "report"
    by_question: Mapping[str, Policy] = field(default_factory=dict)
    two_way: bool = False
    restore_deleted: bool = False
    propagate_deletes: bool = False
    clock_tolerance: timedelta = timedelta(minutes=5)


class Outcome(Enum):
    """The table for one source and the target."""

    EQUAL = "equal"
    COPY = "copy"
    DELETED_AT_TARGET = "deleted-at-target"
    TARGET_ONLY = "target-only"
    DELETED_AT_SOURCE = "deleted-at-source"
    UPDATE = "update"
    TARGET_AHEAD = "target-ahead"
    CONFLICT = "conflict"
    GONE = "gone"


@dataclass(frozen=True)
class Write:
    """Give `side` the value of `value`; `decided` if a policy or a person chose it over another value."""

    side: int
    value: Held
    decided: bool = False


@dataclass(frozen=True)
class Delete:
    """Delete the response at `side`."""

    side: int


@dataclass(frozen=True)
class Clash:
    """A conflict between the values of these sides."""

    reason: ConflictReason
    sides: tuple[int, ...]


@dataclass(frozen=True)
class Leave:
    """A skip with its reason."""

    reason: str
    detail: str = ""


@dataclass(frozen=True)
class Keep:
    """Nothing to do."""

    state: Literal["equal", "target-ahead", "target-only", "target-kept", "gone"]


@dataclass(frozen=True)
class Verdict:
    """What is done at the target, and what at sources (two-way only)."""

    target: Write | Delete | Clash | Leave | Keep
    reverse: tuple[Write | Delete, ...] = ()


def compare(source: Held | None, target: Held | None, base: str | None) -> Outcome:
    """The decision table: who changed what since both sides last agreed."""
    if source is None and target is None:
        return Outcome.GONE
    if source is None or target is None:
        return _one_sided(source, target, base)
    if source.digest == target.digest:
        return Outcome.EQUAL
    if base == target.digest:
        return Outcome.UPDATE
    return Outcome.TARGET_AHEAD if base == source.digest else Outcome.CONFLICT


def _one_sided(source: Held | None, target: Held | None, base: str | None) -> Outcome:
    held = source or target
    assert held is not None
    if base is None:
        return Outcome.COPY if source else Outcome.TARGET_ONLY
    if base == held.digest:
        return Outcome.DELETED_AT_TARGET if source else Outcome.DELETED_AT_SOURCE
    return Outcome.CONFLICT


def decide(row: Row, rules: Rules, by_hand: str | None = None) -> Verdict:
    """Decide one row. `by_hand` is a remembered decision for exactly this conflict: `target`, or the digest of
    the source value to take (empty: the absence)."""
    outcomes = {i: compare(row.sources.get(i), row.target, row.bases.get(i)) for i in row.paired}
    proposing = {Outcome.COPY, Outcome.UPDATE} | ({Outcome.DELETED_AT_TARGET} if rules.restore_deleted else set())
    proposals = {i: row.sources[i] for i, outcome in outcomes.items() if outcome in proposing}
    disputed = [i for i, outcome in outcomes.items() if outcome is Outcome.CONFLICT]
    if not rules.restore_deleted:
        proposals, revived = _without_deleted(row, outcomes, proposals)
        disputed += revived
    values = {held.digest: held for held in proposals.values()}
    if disputed or len(values) > 1:
        return _dispute(row, rules, sorted({*proposals, *disputed}), bool(disputed), by_hand)
    if values:
        return _write(next(iter(values.values())), decided=False)
    return _settled(row, rules, outcomes)


def policy_for(bodies: Sequence[Mapping[str, Any] | None], rules: Rules) -> Policy:
    """The policy for a conflict between these values (status and values; None: no response).

    A response is one piece of work and is never put together from two: if the questions in which the values differ
    have different policies, or only the status differs, the job's own policy decides.
    """
    if not rules.by_question or any(body is None for body in bodies):
        return rules.policy
    values = [(body or {}).get("values") or {} for body in bodies]
    names = {name for answers in values for name in answers}
    differing = {name for name in names if any(answers.get(name) != values[0].get(name) for answers in values)}
    policies = {rules.by_question.get(name, rules.policy) for name in differing}
    return policies.pop() if len(policies) == 1 else rules.policy


def _without_deleted(
    row: Row, outcomes: Mapping[int, Outcome], proposals: Mapping[int, Held]
) -> tuple[dict[int, Held], list[int]]:
    """What the target deleted does not come back through another source: the same value is not proposed, a
    different one is a dispute."""
    deleted = {row.sources[i].digest for i, o in outcomes.items() if o is Outcome.DELETED_AT_TARGET}
    if not deleted:
        return dict(proposals), []
    return {}, [i for i, held in proposals.items() if held.digest not in deleted]


def _write(value: Held, *, decided: bool) -> Verdict:
    if value.problem is not None:
        return Verdict(Leave("does-not-fit", value.problem))
    return Verdict(Write(TARGET, value, decided))


def _settled(row: Row, rules: Rules, outcomes: Mapping[int, Outcome]) -> Verdict:
    """No source has anything for the target."""
    found = set(outcomes.values())
    if found <= {Outcome.GONE}:
        return Verdict(Keep("gone"))
    if Outcome.DELETED_AT_TARGET in found:
        reverse: tuple[Write | Delete, ...] = ()
        # A copy that holds it and never agreed with the target is no witness of a deletion.
        if rules.two_way and rules.propagate_deletes and found <= {Outcome.DELETED_AT_TARGET, Outcome.GONE}:
            reverse = tuple(Delete(i) for i, o in outcomes.items() if o is Outcome.DELETED_AT_TARGET)
        if reverse:
            return Verdict(Keep("gone"), reverse)
        return Verdict(Leave("deleted-at-target", "--restore-deleted copies it again"))
    deleted = [i for i, o in outcomes.items() if o is Outcome.DELETED_AT_SOURCE]
    if deleted:
        return _deleted_at_source(row, rules, outcomes, deleted)
    reverse = _backwards(row, outcomes, {Outcome.TARGET_AHEAD, Outcome.TARGET_ONLY}) if rules.two_way else ()
    if Outcome.TARGET_AHEAD in found:
        return Verdict(Keep("target-ahead"), reverse)
    return Verdict(Keep("equal" if Outcome.EQUAL in found else "target-only"), reverse)


def _deleted_at_source(row: Row, rules: Rules, outcomes: Mapping[int, Outcome], deleted: list[int]) -> Verdict:
    if rules.two_way and rules.restore_deleted:
        return Verdict(Keep("target-ahead"), _backwards(row, outcomes, {Outcome.DELETED_AT_SOURCE}))
    # Another copy that still holds the response, or never had it, is no witness of a deletion.
    if rules.propagate_deletes and len(deleted) == len(outcomes):
        return Verdict(Delete(TARGET))
    return Verdict(Leave("deleted-at-source", "--propagate-deletes deletes it at the target too"))


def _backwards(row: Row, outcomes: Mapping[int, Outcome], which: set[Outcome]) -> tuple[Write | Delete, ...]:
    if row.target is None:
        return ()
    return tuple(Write(i, row.target) for i, outcome in outcomes.items() if outcome in which)


def _dispute(row: Row, rules: Rules, sides: list[int], with_target: bool, by_hand: str | None) -> Verdict:
    """Several values stand against each other: those of `sides`, and the target's if it is part of it."""
    contenders: dict[int, Held | None] = {i: row.sources.get(i) for i in sides}
    if with_target:
        contenders[TARGET] = row.target
    chosen = _by_hand(contenders, by_hand, row.target) if by_hand is not None else _choose(contenders, rules)
    if chosen is None:
        return Verdict(Clash(_reason(row, contenders), tuple(sorted(contenders))))
    value = chosen.value
    if value is None:
        return Verdict(Delete(TARGET)) if row.target else Verdict(Keep("target-kept"))
    losers = tuple(
        Write(i, value, decided=True)
        for i in row.paired
        if rules.two_way and i in sides and ((held := row.sources.get(i)) is None or held.digest != value.digest)
    )
    if row.target is not None and value.digest == row.target.digest:
        return Verdict(Keep("target-kept"), losers)
    verdict = _write(value, decided=True)
    return Verdict(verdict.target, losers if isinstance(verdict.target, Write) else ())


@dataclass(frozen=True)
class _Choice:
    value: Held | None


def _by_hand(contenders: Mapping[int, Held | None], by_hand: str, target: Held | None) -> _Choice | None:
    if by_hand == "target":
        return _Choice(target)
    for side, held in contenders.items():
        if side != TARGET and (held.digest if held else "") == by_hand:
            return _Choice(held)
    return None


def _choose(contenders: Mapping[int, Held | None], rules: Rules) -> _Choice | None:
    """Pick by policy. A policy never picks an absence: deletions need their own option."""
    present = {side: held for side, held in contenders.items() if held is not None}
    of_sources = {held.digest: held for side, held in present.items() if side != TARGET}
    match rules.policy:
        case "report":
            return None
        case "source":
            return _Choice(next(iter(of_sources.values()))) if len(of_sources) == 1 else None
        case "target":
            return _Choice(present[TARGET]) if TARGET in present else None
        case "prefer-submitted":
            submitted = {held.digest: held for held in present.values() if held.status == "submitted"}
            return _Choice(next(iter(submitted.values()))) if len(submitted) == 1 else None
        case "newest":
            return _newest(list(present.values()), rules.clock_tolerance) if len(present) == len(contenders) else None


def _newest(values: list[Held], tolerance: timedelta) -> _Choice | None:
    times = [(moment(held.written_at), held) for held in values if held.written_at]
    if len(times) != len(values):
        return None
    times.sort(key=lambda pair: pair[0])
    latest, winner = times[-1]
    close = [held for time, held in times[:-1] if held.digest != winner.digest and latest - time <= tolerance]
    return None if close else _Choice(winner)


def _reason(row: Row, contenders: Mapping[int, Held | None]) -> ConflictReason:
    if TARGET not in contenders:
        return "sources-disagree"
    if any(held is None for held in contenders.values()):
        return "deleted-and-changed"
    return "both-changed" if any(i in row.bases for i in contenders) else "no-base"
