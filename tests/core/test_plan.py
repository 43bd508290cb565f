"""The decision for one person's response to one record: every row of the table, and what no decision may do.

A value is a letter: what one side holds, or the base; `-` is nothing. A verdict is read as a line:
`copy`/`update`/`delete` write to the target, `s0 := x` and `s0 := -` write to a source.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from syncer.plan import (
    TARGET,
    Clash,
    Delete,
    Held,
    Keep,
    Leave,
    Outcome,
    Row,
    Rules,
    Verdict,
    Write,
    compare,
    decide,
)

TIMES = {"a": "2026-01-01T10:00:00", "b": "2026-01-01T11:00:00", "c": "2026-01-01T12:00:00"}
REPORT = Rules()
TWO_WAY = Rules(two_way=True)


def held(value: str) -> Held | None:
    """What a side holds; a letter in upper case is a draft."""
    if value == "-":
        return None
    status = "draft" if value.isupper() else "submitted"
    time = TIMES.get(value.lower(), "")
    return Held(value, f"body-{value}", status, time, f"id-{value}", time or None)


def row(sources: str, target: str, bases: str) -> Row:
    """A letter for each source, one for the target, and one for each source's base."""
    return Row(
        person="ann",
        paired=tuple(range(len(sources))),
        sources={i: found for i, value in enumerate(sources) if (found := held(value))},
        target=held(target),
        bases={i: value for i, value in enumerate(bases) if value != "-"},
    )


def read(verdict: Verdict, target: str) -> str:
    """A verdict as a line."""
    match verdict.target:
        case Write(side=side, value=value, decided=decided):
            assert side == TARGET
            text = f"{'copy' if target == '-' else 'update'} {value.digest}{' decided' if decided else ''}"
        case Delete():
            text = "delete"
        case Clash(reason=reason, sides=sides):
            text = f"conflict {reason} {' '.join('t' if side == TARGET else f's{side}' for side in sides)}"
        case Leave(reason=reason):
            text = f"skip {reason}"
        case Keep(state=state):
            text = f"keep {state}"
    for step in verdict.reverse:
        text += f", s{step.side} := {step.value.digest if isinstance(step, Write) else '-'}"
    return text


def line(sources: str, target: str, bases: str, rules: Rules = REPORT, by_hand: str | None = None) -> str:
    return read(decide(row(sources, target, bases), rules, by_hand), target)


# The table: source, target, base, what becomes of it one way, what both ways


TABLE = {
    "equal-never-synced": ("a", "a", "-", "keep equal", "keep equal"),
    "equal-as-before": ("a", "a", "a", "keep equal", "keep equal"),
    "equal-after-the-same-change": ("a", "a", "b", "keep equal", "keep equal"),
    "new-at-source": ("a", "-", "-", "copy a", "copy a"),
    "deleted-at-target": ("a", "-", "a", "skip deleted-at-target", "skip deleted-at-target"),
    "deleted-at-target-and-changed": (
        "a",
        "-",
        "b",
        "conflict deleted-and-changed t s0",
        "conflict deleted-and-changed t s0",
    ),
    "new-at-target": ("-", "a", "-", "keep target-only", "keep target-only, s0 := a"),
    "deleted-at-source": ("-", "a", "a", "skip deleted-at-source", "skip deleted-at-source"),
    "deleted-at-source-and-changed": (
        "-",
        "a",
        "b",
        "conflict deleted-and-changed t s0",
        "conflict deleted-and-changed t s0",
    ),
    "nowhere": ("-", "-", "-", "keep gone", "keep gone"),
    "deleted-on-both-sides": ("-", "-", "a", "keep gone", "keep gone"),
    "changed-at-source": ("a", "b", "b", "update a", "update a"),
    "changed-at-target": ("a", "b", "a", "keep target-ahead", "keep target-ahead, s0 := b"),
    "different-never-synced": ("a", "b", "-", "conflict no-base t s0", "conflict no-base t s0"),
    "changed-on-both-sides": ("a", "b", "c", "conflict both-changed t s0", "conflict both-changed t s0"),
}


@pytest.mark.parametrize(("source", "target", "base", "one_way", "two_way"), TABLE.values(), ids=TABLE.keys())
def test_table(source: str, target: str, base: str, one_way: str, two_way: str) -> None:
    assert line(source, target, base) == one_way
    assert line(source, target, base, TWO_WAY) == two_way


def test_the_table_names_every_case() -> None:
    outcomes = {compare(held(s), held(t), None if b == "-" else b) for s, t, b, _, _ in TABLE.values()}
    assert outcomes == set(Outcome)
    shapes = {(s != "-", t != "-", s == t, b == "-", b == s, b == t) for s, t, b, _, _ in TABLE.values()}
    every = itertools.product("-ab", "-ab", "-abc")
    assert shapes == {(s != "-", t != "-", s == t, b == "-", b == s, b == t) for s, t, b in every}


DELETIONS = {
    "restore-copies-again": ("a", "-", "a", Rules(restore_deleted=True), "copy a"),
    "restore-both-ways": ("a", "-", "a", Rules(two_way=True, restore_deleted=True), "copy a"),
    "restore-at-source": ("-", "a", "a", Rules(two_way=True, restore_deleted=True), "keep target-ahead, s0 := a"),
    "restore-is-no-copy-back-one-way": ("-", "a", "a", Rules(restore_deleted=True), "skip deleted-at-source"),
    "restore-is-no-licence": ("a", "-", "b", Rules(restore_deleted=True), "conflict deleted-and-changed t s0"),
    "propagate-deletes": ("-", "a", "a", Rules(propagate_deletes=True), "delete"),
    "propagate-both-ways": ("a", "-", "a", Rules(two_way=True, propagate_deletes=True), "keep gone, s0 := -"),
    "propagate-one-way-only": ("a", "-", "a", Rules(propagate_deletes=True), "skip deleted-at-target"),
    "propagate-is-no-licence": ("-", "a", "b", Rules(propagate_deletes=True), "conflict deleted-and-changed t s0"),
    "propagate-leaves-the-targets-own": ("-", "a", "-", Rules(propagate_deletes=True), "keep target-only"),
    "propagate-leaves-the-sources-own": ("a", "-", "-", Rules(two_way=True, propagate_deletes=True), "copy a"),
}


@pytest.mark.parametrize(("source", "target", "base", "rules", "expected"), DELETIONS.values(), ids=DELETIONS.keys())
def test_deletions(source: str, target: str, base: str, rules: Rules, expected: str) -> None:
    assert line(source, target, base, rules) == expected


# Several sources


MANY = {
    "both-have-the-same": ("aa", "-", "--", REPORT, "copy a"),
    "one-has-it": ("-a", "-", "--", REPORT, "copy a"),
    "they-disagree": ("ab", "-", "--", REPORT, "conflict sources-disagree s0 s1"),
    "both-changed-to-one-value": ("aa", "b", "bb", REPORT, "update a"),
    "they-changed-to-different-values": ("ac", "b", "bb", REPORT, "conflict sources-disagree s0 s1"),
    "one-changed": ("ba", "b", "bb", REPORT, "update a"),
    "one-changed-the-other-has-none": ("a-", "b", "b-", REPORT, "update a"),
    "one-changed-the-other-never-agreed": ("ac", "b", "b-", REPORT, "conflict both-changed t s0 s1"),
    "one-in-conflict-the-other-equal": ("ab", "b", "--", REPORT, "conflict no-base t s0"),
    "one-in-conflict-the-other-behind": ("ac", "b", "ca", REPORT, "conflict both-changed t s0 s1"),
    "both-behind": ("aa", "b", "aa", REPORT, "keep target-ahead"),
    "one-behind-one-equal": ("ab", "b", "ab", REPORT, "keep target-ahead"),
    "deleted-at-target-stays-deleted": ("aa", "-", "a-", REPORT, "skip deleted-at-target"),
    "deleted-at-target-other-value": ("ab", "-", "a-", REPORT, "conflict deleted-and-changed t s1"),
    "deleted-at-target-restored": ("aa", "-", "a-", Rules(restore_deleted=True), "copy a"),
    "deleted-at-one-source": ("-a", "a", "aa", REPORT, "skip deleted-at-source"),
    "another-copy-speaks-against-a-deletion": (
        "-a",
        "a",
        "aa",
        Rules(propagate_deletes=True),
        "skip deleted-at-source",
    ),
    "deleted-at-all-sources": ("--", "a", "aa", Rules(propagate_deletes=True), "delete"),
    "never-had-it-is-no-witness": ("--", "a", "a-", Rules(propagate_deletes=True), "skip deleted-at-source"),
    "both-ways-one-behind": ("ab", "b", "ab", TWO_WAY, "keep target-ahead, s0 := b"),
    "both-ways-new-at-target": ("--", "a", "--", TWO_WAY, "keep target-only, s0 := a, s1 := a"),
    "both-ways-deleted-at-target": (
        "aa",
        "-",
        "aa",
        Rules(two_way=True, propagate_deletes=True),
        "keep gone, s0 := -, s1 := -",
    ),
    "both-ways-deleted-but-another-holds-it": (
        "aa",
        "-",
        "a-",
        Rules(two_way=True, propagate_deletes=True),
        "skip deleted-at-target",
    ),
}


@pytest.mark.parametrize(("sources", "target", "bases", "rules", "expected"), MANY.values(), ids=MANY.keys())
def test_several_sources(sources: str, target: str, bases: str, rules: Rules, expected: str) -> None:
    assert line(sources, target, bases, rules) == expected


def test_a_source_without_the_record_says_nothing() -> None:
    alone = replace(row("a-", "b", "bb"), paired=(0,))
    assert read(decide(alone, REPORT), "b") == "update a"
    nobody = replace(row("--", "b", "--"), paired=())
    assert isinstance(decide(nobody, Rules(two_way=True, propagate_deletes=True)).target, Keep)


# Policies


POLICIES = {
    "source": ("a", "b", "-", Rules("source"), "update a decided"),
    "source-after-both-changed": ("a", "b", "c", Rules("source"), "update a decided"),
    "source-never-takes-an-absence": ("-", "b", "c", Rules("source"), "conflict deleted-and-changed t s0"),
    "source-over-a-deletion": ("a", "-", "c", Rules("source"), "copy a decided"),
    "source-if-sources-agree": ("aa", "b", "--", Rules("source"), "update a decided"),
    "source-cannot-choose-among-sources": ("ac", "b", "--", Rules("source"), "conflict no-base t s0 s1"),
    "target": ("a", "b", "-", Rules("target"), "keep target-kept"),
    "target-never-takes-an-absence": ("a", "-", "b", Rules("target"), "conflict deleted-and-changed t s0"),
    "target-has-no-say-among-sources": ("ac", "-", "--", Rules("target"), "conflict sources-disagree s0 s1"),
    "target-both-ways": ("a", "b", "-", Rules("target", two_way=True), "keep target-kept, s0 := b"),
    "source-both-ways": ("a", "b", "-", Rules("source", two_way=True), "update a decided"),
    "newest-is-the-source": ("b", "a", "-", Rules("newest"), "update b decided"),
    "newest-is-the-target": ("a", "b", "-", Rules("newest"), "keep target-kept"),
    "newest-both-ways": ("a", "b", "-", Rules("newest", two_way=True), "keep target-kept, s0 := b"),
    "newest-among-sources": ("acb", "-", "---", Rules("newest"), "copy c decided"),
    "newest-among-sources-both-ways": ("ac", "b", "--", Rules("newest", two_way=True), "update c decided, s0 := c"),
    "newest-unknown": ("x", "b", "-", Rules("newest"), "conflict no-base t s0"),
    "newest-never-takes-an-absence": ("a", "-", "b", Rules("newest"), "conflict deleted-and-changed t s0"),
    "newest-too-close": ("b", "a", "-", Rules("newest", clock_tolerance=timedelta(hours=1)), "conflict no-base t s0"),
    "newest-just-far-enough": (
        "b",
        "a",
        "-",
        Rules("newest", clock_tolerance=timedelta(minutes=59)),
        "update b decided",
    ),
    "submitted-is-the-source": ("a", "B", "-", Rules("prefer-submitted"), "update a decided"),
    "submitted-is-the-target": ("A", "b", "-", Rules("prefer-submitted"), "keep target-kept"),
    "submitted-on-both-sides": ("a", "b", "-", Rules("prefer-submitted"), "conflict no-base t s0"),
    "submitted-on-no-side": ("A", "B", "-", Rules("prefer-submitted"), "conflict no-base t s0"),
    "submitted-by-two-sources-alike": ("aa", "B", "--", Rules("prefer-submitted"), "update a decided"),
    "submitted-by-two-sources-apart": ("ac", "B", "--", Rules("prefer-submitted"), "conflict no-base t s0 s1"),
}


@pytest.mark.parametrize(("sources", "target", "bases", "rules", "expected"), POLICIES.values(), ids=POLICIES.keys())
def test_policies(sources: str, target: str, bases: str, rules: Rules, expected: str) -> None:
    assert line(sources, target, bases, rules) == expected


@pytest.mark.parametrize("rules", [Rules(p) for p in ("source", "target", "newest", "prefer-submitted")], ids=str)
@pytest.mark.parametrize("case", [case for case in TABLE.values() if not case[3].startswith("conflict")], ids=str)
def test_a_policy_speaks_only_about_conflicts(case: tuple[str, ...], rules: Rules) -> None:
    source, target, base, one_way, two_way = case
    assert line(source, target, base, rules) == one_way
    assert line(source, target, base, replace(rules, two_way=True)) == two_way


def test_times_with_and_without_a_zone_can_be_compared() -> None:
    naive, aware = held("a"), held("b")
    assert naive is not None
    assert aware is not None
    mixed = Row("ann", (0,), {0: replace(aware, written_at="2026-01-01T11:00:00+00:00")}, naive, {})
    assert read(decide(mixed, Rules("newest")), "a") == "update b decided"


# Decisions by hand


BY_HAND = {
    "the-source": ("a", "b", "-", REPORT, "a", "update a decided"),
    "the-target": ("a", "b", "-", REPORT, "target", "keep target-kept"),
    "one-of-the-sources": ("ac", "-", "--", REPORT, "c", "copy c decided"),
    "the-absence-at-the-source": ("-", "b", "a", REPORT, "", "delete"),
    "the-absence-at-the-target": ("a", "-", "b", REPORT, "target", "keep target-kept"),
    "the-target-among-sources": ("ac", "b", "bb", REPORT, "target", "keep target-kept"),
    "a-value-that-nobody-holds": ("a", "b", "-", REPORT, "c", "conflict no-base t s0"),
    "outranks-a-policy": ("a", "b", "-", Rules("source"), "target", "keep target-kept"),
    "both-ways-the-target": ("a", "b", "-", TWO_WAY, "target", "keep target-kept, s0 := b"),
    "both-ways-the-source": ("a", "b", "-", TWO_WAY, "a", "update a decided"),
}


@pytest.mark.parametrize(
    ("sources", "target", "bases", "rules", "hand", "expected"), BY_HAND.values(), ids=BY_HAND.keys()
)
def test_decisions_by_hand(sources: str, target: str, bases: str, rules: Rules, hand: str, expected: str) -> None:
    assert line(sources, target, bases, rules, hand) == expected


def test_what_cannot_be_stored_is_never_written() -> None:
    unfit = held("a")
    assert unfit is not None
    unfit = replace(unfit, problem="unknown label")
    for target, bases in (("-", {}), ("b", {0: "b"}), ("b", {})):
        found = Row("ann", (0,), {0: unfit}, held(target), bases)
        verdict = decide(found, Rules("source"))
        assert verdict.target == Leave("does-not-fit", "unknown label")
    beaten = decide(Row("ann", (0,), {0: unfit}, held("b"), {}), Rules("source", two_way=True))
    assert beaten.reverse == ()


# No echo, no ping-pong: every state of one or two sources and a target, synced until nothing moves


State = tuple[str, str, str]
"""Sources, target, bases."""


def synced(state: State, rules: Rules) -> tuple[State, list[tuple[str, str, str]]]:
    """The state after one run that succeeds, and what it wrote as (side, old, new)."""
    sources, target, bases = (list(part) for part in state)
    verdict = decide(row(*state), rules)
    # Whatever is decided: a source that equals the target has agreed with it.
    base = [s if s != "-" and s == target[0] else b for s, b in zip(sources, bases, strict=True)]
    writes = []
    new_target = target[0]
    if isinstance(verdict.target, Write | Delete):
        new_target = verdict.target.value.digest if isinstance(verdict.target, Write) else "-"
        writes.append(("t", target[0], new_target))
        base = [new_target if s == new_target else b for s, b in zip(sources, base, strict=True)]
        if not isinstance(verdict.target, Write) or verdict.target.decided:
            # The values that lost have been seen.
            base = [s if s not in ("-", new_target) else b for s, b in zip(sources, base, strict=True)]
    if verdict.target == Keep("gone"):
        base = [b if s != "-" else "-" for s, b in zip(sources, base, strict=True)]
    for step in verdict.reverse:
        value = step.value.digest if isinstance(step, Write) else "-"
        writes.append((str(step.side), sources[step.side], value))
        sources[step.side] = base[step.side] = value
    return ("".join(sources), new_target, "".join(base)), writes


def states(sources: int) -> Iterator[State]:
    for s in itertools.product("-abC", repeat=sources):
        for b in itertools.product("-ab", repeat=sources):
            for t in "-abC":
                yield "".join(s), t, "".join(b)


def every_rules() -> Iterator[Rules]:
    flags = itertools.product((False, True), repeat=3)
    policies: Sequence[str] = ("report", "source", "target", "newest", "prefer-submitted")
    for policy, (two_way, restore, propagate) in itertools.product(policies, flags):
        yield Rules(policy, two_way, restore, propagate)  # type: ignore[arg-type]


@pytest.mark.parametrize("sources", [1, 2])
def test_every_state_comes_to_rest(sources: int) -> None:
    for rules in every_rules():
        for state in states(sources):
            history = []
            now = state
            for _ in range(4):
                now, writes = synced(now, rules)
                history.append(writes)
            allowed = 2 if rules.two_way and sources > 1 else 1
            assert not any(history[allowed:]), (rules, state, history)


@pytest.mark.parametrize("sources", [1, 2])
def test_without_a_policy_only_what_a_side_has_agreed_on_is_replaced(sources: int) -> None:
    for rules in every_rules():
        if rules.policy != "report":
            continue
        for state in states(sources):
            _, writes = synced(state, rules)
            _, _, bases = state
            for side, old, new in writes:
                agreed = bases if side == "t" else bases[int(side)]
                assert old == "-" or old in agreed, (rules, state, writes)
                assert new != "-" or rules.propagate_deletes, (rules, state, writes)


@pytest.mark.parametrize("sources", [1, 2])
def test_one_way_never_writes_to_a_source_and_no_value_is_made_up(sources: int) -> None:
    for rules in every_rules():
        for state in states(sources):
            _, writes = synced(state, rules)
            assert rules.two_way or all(side == "t" for side, _, _ in writes), (rules, state)
            assert all(new == "-" or new in state[0] + state[1] for _, _, new in writes), (rules, state)
            assert all(old != new for _, old, new in writes), (rules, state)


@pytest.mark.parametrize("sources", [1, 2])
def test_a_run_that_wrote_nothing_of_what_it_planned_can_be_repeated(sources: int) -> None:
    """Bases that are kept although the writes failed lead to the same decision again."""
    for rules in every_rules():
        for state in states(sources):
            s, t, bases = state
            kept = "".join(one if one != "-" and one == t else base for one, base in zip(s, bases, strict=True))
            first, again = decide(row(*state), rules), decide(row(s, t, kept), rules)
            if isinstance(first.target, Write | Delete) or first.reverse:
                assert read(first, t) == read(again, t), (rules, state)
