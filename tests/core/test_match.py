"""Matching: keys of records, which of them pair, and who is who."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from syncer import ops
from syncer.errors import UsageError
from syncer.match import (
    FIRST_RULE,
    LINK,
    MINTED,
    Rules,
    check_distinct,
    content_keys,
    fields_digest,
    match_people,
    own_keys,
    pair_up,
    parse_chain,
)
from syncer.model import mint_external_id
from tests.core.world import World, answer, record

# Keys


@pytest.mark.parametrize(
    ("text", "chain"),
    [
        ("auto", ("external_id", "fields")),
        ("external_id", ("external_id",)),
        ("metadata:doc+fields", ("metadata:doc", "fields")),
        ("fields:a,b external_id", ("fields:a,b", "external_id")),
    ],
)
def test_chains(text: str, chain: tuple[str, ...]) -> None:
    assert parse_chain(text) == chain


@pytest.mark.parametrize("text", ["", " + ", "id", "metadata", "metadata:", "fields:", "external_id+text"])
def test_chains_that_are_none(text: str) -> None:
    with pytest.raises(UsageError):
        parse_chain(text)


PLAIN, SPACES, CASE = Rules(), Rules(ignore_whitespace=True), Rules(ignore_case=True)

TEXTS: dict[str, tuple[Any, Any, Rules, bool]] = {
    "same": ("a", "a", PLAIN, True),
    "other": ("a", "b", PLAIN, False),
    "composed-and-decomposed": ("\u00e9", "e\u0301", PLAIN, True),
    "compatible-is-not-the-same": ("\ufb01", "fi", PLAIN, False),
    "space": ("a b", "a  b", PLAIN, False),
    "space-ignored": (" a\n b ", "a b", SPACES, True),
    "no-space-is-not-a-space": ("ab", "a b", SPACES, False),
    "case": ("A", "a", PLAIN, False),
    "case-ignored": ("STRASSE", "straße", CASE, True),
    "null-and-absent": (None, ..., PLAIN, True),
    "empty-and-absent": ("", ..., PLAIN, False),
    "chat": ([{"role": "user", "content": "\u00e9"}], [{"content": "e\u0301", "role": "user"}], PLAIN, True),
    "chat-order": (["a", "b"], ["b", "a"], PLAIN, False),
    "number-and-text": (1, "1", PLAIN, False),
}


@pytest.mark.parametrize(("left", "right", "rules", "same"), TEXTS.values(), ids=TEXTS.keys())
def test_texts(left: Any, right: Any, rules: Rules, same: bool) -> None:
    digests = [fields_digest({} if value is ... else {"text": value}, ["text"], rules) for value in (left, right)]
    assert (digests[0] == digests[1]) is same


def test_the_same_text_in_another_field_is_another_key() -> None:
    names = ["q", "a"]
    assert fields_digest({"q": "x"}, names, PLAIN) != fields_digest({"a": "x"}, names, PLAIN)


CONTENT: dict[str, Any] = {"fields": {"text": "t", "more": "m"}, "metadata": {"doc": 7, "none": None}}


def test_keys_come_in_the_order_of_the_chain() -> None:
    rules = Rules(chain=("metadata:doc", "external_id", "fields:more"))
    keys = content_keys(CONTENT, "e1", ["text", "more"], rules)
    assert [rank for rank, _ in keys] == [FIRST_RULE, FIRST_RULE + 1, FIRST_RULE + 2]
    assert [rules.rule(rank) for rank in rules.ranks] == ["link", "minted", *rules.chain]


@pytest.mark.parametrize(
    ("chain", "external_id", "shared"),
    [
        (("external_id",), None, ["text"]),
        (("metadata:none",), "e1", ["text"]),
        (("metadata:other",), "e1", ["text"]),
        (("fields:absent",), "e1", ["text"]),
        (("fields",), "e1", []),
        (("fields",), "e1", ["absent"]),
    ],
)
def test_nothing_is_no_key(chain: tuple[str, ...], external_id: str | None, shared: list[str]) -> None:
    assert content_keys(CONTENT, external_id, shared, Rules(chain=chain)) == []


def test_records_without_metadata_have_no_metadata_key() -> None:
    content = {**CONTENT, "metadata": None}
    assert content_keys(content, None, [], Rules(chain=("metadata:doc",))) == []


def test_a_number_is_no_text_in_metadata() -> None:
    rules = Rules(chain=("metadata:doc",))
    text = {**CONTENT, "metadata": {"doc": "7"}}
    assert content_keys(CONTENT, None, [], rules) != content_keys(text, None, [], rules)


def test_a_copy_finds_its_origin_and_the_origin_its_copy() -> None:
    minted = mint_external_id("d1", "r1")
    origin = own_keys("d1", "r1", "own", None)
    copy = own_keys("d2", "r2", minted, "r2")
    assert set(origin) & set(copy) == {(MINTED, minted)}
    assert (LINK, "r2") in copy
    assert all(rank == MINTED for rank, _ in origin)


# Pairs


@dataclass(frozen=True)
class One:
    remote_id: str
    external_id: str | None = None


def ones(text: str) -> list[One]:
    """`s1=e1 s2` is two records, the first with an external id."""
    return [One(part.split("=")[0], part.split("=")[1] if "=" in part else None) for part in text.split()]


IN_ORDER = Rules(in_order=True)

PAIRS: dict[str, tuple[str, str, str, Rules, str | None]] = {
    "one-and-one": ("s1", "t1", "fields", PLAIN, "s1-t1"),
    "one-and-two": ("s1", "t1 t2", "fields", PLAIN, None),
    "two-and-one": ("s1 s2", "t1", "fields", PLAIN, None),
    "two-and-two": ("s1 s2", "t1 t2", "fields", PLAIN, None),
    "two-and-two-in-order": ("s1 s2", "t1 t2", "fields", IN_ORDER, "s1-t1 s2-t2"),
    "two-and-one-in-order": ("s1 s2", "t1", "fields", IN_ORDER, None),
    "one-and-two-in-order": ("s1", "t1 t2", "fields", IN_ORDER, None),
    "numbers-that-agree": ("s1=e1", "t1=e1", "fields", PLAIN, "s1-t1"),
    "numbers-that-differ": ("s1=e1", "t1=e2", "fields", PLAIN, None),
    "numbers-that-differ-in-metadata": ("s1=e1", "t1=e2", "metadata:doc", PLAIN, None),
    "numbers-that-differ-and-do-not-count": ("s1=e1", "t1=e2", "fields", Rules(chain=("fields",)), "s1-t1"),
    "one-has-no-number": ("s1=e1", "t1", "fields", PLAIN, "s1-t1"),
    "minted-is-no-number-of-theirs": ("s1=e1", "t1=syncer-1", "fields", PLAIN, "s1-t1"),
    "a-link-outranks-numbers": ("s1=e1", "t1=e2", "link", PLAIN, "s1-t1"),
    "a-minted-id-outranks-numbers": ("s1=e1", "t1=syncer-1", "minted", PLAIN, "s1-t1"),
    "one-contradiction-spoils-the-order": ("s1=e1 s2", "t1=e2 t2", "fields", IN_ORDER, None),
}


@pytest.mark.parametrize(("sources", "targets", "rule", "rules", "expected"), PAIRS.values(), ids=PAIRS.keys())
def test_pairs(sources: str, targets: str, rule: str, rules: Rules, expected: str | None) -> None:
    pairs = pair_up(ones(sources), ones(targets), rule, rules)
    shown = None if pairs is None else " ".join(f"{s.remote_id}-{t.remote_id}" for s, t in pairs)
    assert shown == expected


# People


@dataclass(frozen=True)
class Person:
    user_id: str
    username: str | None


def people(text: str) -> list[Person]:
    """`1=ann 2=` are two people, one of them without a name."""
    return [Person(part.split("=")[0], part.split("=")[1] or None) for part in text.split()]


def who(
    authors: Sequence[str | None], ours: str, theirs: str, *, same: bool = False, **user_map: str
) -> tuple[dict[str, str], list[str]]:
    found = match_people(
        [(author, 1) for author in authors], people(ours), people(theirs), same_server=same, user_map=user_map
    )
    return dict(found.known), [entry.reason for entry in found.unmatched]


def test_by_name_across_servers() -> None:
    assert who(["1", "2"], "1=ann 2=ben", "8=ben 9=ann") == ({"1": "9", "2": "8"}, [])


def test_by_id_on_one_server_whatever_the_names() -> None:
    assert who(["1", "3"], "1=ann", "1=other", same=True) == ({"1": "1", "3": "3"}, [])


def test_the_map_goes_first() -> None:
    assert who(["1"], "1=ann", "8=ann 9=anna", ann="anna") == ({"1": "9"}, [])
    assert who(["1"], "1=ann", "1=ann 9=anna", same=True, ann="anna") == ({"1": "9"}, [])


def test_a_map_to_nobody_does_not_fall_back_to_the_name() -> None:
    assert who(["1"], "1=ann", "8=ann", ann="anna") == ({}, ["no-counterpart"])
    assert who(["1"], "1=ann", "1=ann", same=True, ann="anna") == ({}, ["no-counterpart"])


def test_case_is_never_guessed() -> None:
    found = match_people([("1", 3)], people("1=Ann"), people("8=ann 9=ANN"), same_server=False, user_map={})
    assert not found.known
    assert found.unmatched[0].reason == "differs-in-case"
    assert found.unmatched[0].candidates == ("ANN", "ann")
    assert found.unmatched[0].responses == 3


def test_who_cannot_be_named_or_was_deleted_has_no_counterpart() -> None:
    assert who(["1", None, "4"], "1=", "9=ann") == ({}, ["cannot-be-named", "deleted-author", "cannot-be-named"])


def test_a_deleted_author_has_no_counterpart_on_one_server_either() -> None:
    assert who([None], "1=ann", "1=ann", same=True) == ({}, ["deleted-author"])


def test_only_authors_matter() -> None:
    assert who(["1"], "1=ann 2=ben", "9=ann") == ({"1": "9"}, [])


def test_two_people_never_become_one() -> None:
    with pytest.raises(UsageError, match="ann and ben"):
        who(["1", "2"], "1=ann 2=ben", "9=ben", ann="ben")
    with pytest.raises(UsageError, match="two people"):
        who(["1", "9"], "1=ann 9=ben", "1=ann 9=ben", same=True, ann="ben")


def test_names_may_be_exchanged() -> None:
    assert who(["1", "2"], "1=ann 2=ben", "8=ann 9=ben", ann="ben", ben="ann") == ({"1": "9", "2": "8"}, [])


def test_distinct_is_checked_for_people_who_are_yet_to_be_created() -> None:
    with pytest.raises(UsageError):
        check_distinct({"1": "new:ann", "2": "new:ann"}, {})


# Outcomes of whole datasets


SOURCE, OTHER, TARGET = "s0:one/reviews", "s0:two/reviews", "s0:argilla/reviews"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """One server with ann, who is a member everywhere."""
    made = World(tmp_path)
    made.fakes["s0"].add_user("ann", workspaces=["argilla", "one", "two"])
    yield made
    made.close()


def outcomes(
    world: World, sources: Sequence[Sequence[dict[str, Any]]], target: Sequence[dict[str, Any]], **options: Any
) -> tuple[int, dict[str, int]]:
    fake = world.fakes["s0"]
    for place, records in zip(("one", "two"), sources, strict=False):
        fake.add_records(fake.add_dataset("reviews", place), records)
    fake.add_records(fake.add_dataset("reviews", "argilla"), target)
    plan = world.plan([SOURCE, OTHER][: len(sources)], TARGET, **options)
    return plan, dict(world.summary(plan).records)


def creations(world: World, plan: int) -> list[ops.CreateRecord]:
    return [item for item in world.items(plan) if isinstance(item, ops.CreateRecord)]


A = answer("ann", "a")


def test_equal_texts_without_a_candidate_are_each_created(world: World) -> None:
    plan, found = outcomes(world, [[record("t", A), record("t", A)]], [])
    assert found == {"new": 2}
    made = creations(world, plan)
    assert len({op.external_id for op in made}) == 2
    assert all(op.minted and len(op.answers) == 1 for op in made)


def test_equal_texts_in_two_sources_are_one_record(world: World) -> None:
    plan, found = outcomes(world, [[record("t", A)], [record("t", answer("argilla", "b"))]], [])
    assert found == {"new": 2}
    (made,) = creations(world, plan)
    assert sorted(a.username for a in made.answers) == ["ann", "argilla"]
    assert [copy.source for copy in made.copies] == [0, 1]


def test_equal_numbers_with_different_texts_in_two_sources_are_not_one_record(world: World) -> None:
    plan, found = outcomes(world, [[record("t", A, external_id="1")], [record("u", A, external_id="1")]], [])
    assert found == {"new": 1, "content-differs": 1}
    assert len(creations(world, plan)) == 1


def test_one_number_for_two_texts_is_kept_by_nobody_if_texts_decide(world: World) -> None:
    rows = [[record("t", A, external_id="1")], [record("u", A, external_id="1")]]
    plan, found = outcomes(world, rows, [], match="fields")
    assert found == {"new": 2}
    assert len({op.external_id for op in creations(world, plan)}) == 2
    assert world.apply(plan).exit_code == 0
    assert world.kinds(world.plan([SOURCE, OTHER], TARGET, match="fields")) == []


def test_a_number_that_another_record_of_the_target_has_is_not_taken(world: World) -> None:
    plan, _ = outcomes(world, [[record("t", A, external_id="1")]], [record("u", external_id="1")], match="fields")
    (made,) = creations(world, plan)
    assert made.minted
    assert world.apply(plan).counts["done"] == 1


def test_several_candidates_are_left_alone(world: World) -> None:
    plan, found = outcomes(world, [[record("t", A)]], [record("t"), record("t")])
    assert found == {"ambiguous": 1}
    assert world.summary(plan).counts["rows:skip"] == 1


def test_a_later_rule_does_not_touch_what_an_earlier_one_found_ambiguous(world: World) -> None:
    source = [record("t", A, metadata={"doc": "1"}), record("u", A, metadata={"doc": "1"})]
    _, found = outcomes(world, [source], [record("t", metadata={"doc": "1"})], match="metadata:doc+fields")
    assert found == {"ambiguous": 2}


def test_candidates_in_order(world: World) -> None:
    source = [record("t", answer("ann", value)) for value in "ab"]
    plan, found = outcomes(world, [source], [record("t"), record("t")], ambiguous="in-order")
    assert found == {"matched": 2}
    world.apply(plan)
    home = world.fakes["s0"].store.datasets[world.locate(TARGET).dataset_id]
    assert [row.responses[0].values for row in home.listed()] == [{"label": {"value": v}} for v in "ab"]


def test_an_exact_pair_goes_before_the_leftovers(world: World) -> None:
    source = [record("t", A, external_id="1"), record("t", A)]
    plan, found = outcomes(world, [source], [record("t", external_id="1"), record("t")])
    assert found == {"matched": 2}
    targets = {row[1]: row[2] for row in world.store.plans.links(plan, 0)}
    assert len(set(targets.values())) == 2


def test_links_outlive_texts_and_numbers(world: World) -> None:
    plan, _ = outcomes(world, [[record("t", A)]], [record("t")])
    world.apply(plan)
    fake = world.fakes["s0"]
    home = fake.store.datasets[world.locate(TARGET).dataset_id]
    (row,) = home.records.values()
    row.fields = {"text": "corrected"}
    after = world.plan([SOURCE], TARGET, limits={"allow_different_fields": True})
    assert dict(world.summary(after).records) == {"matched": 1}
    assert world.kinds(after) == []
    assert set(world.kinds(world.plan([SOURCE], TARGET))) == {"skip content-differs"}


def test_a_record_deleted_at_the_target_is_not_created_again(world: World) -> None:
    plan, _ = outcomes(world, [[record("t", A), record("u", A)]], [])
    world.apply(plan)
    home = world.fakes["s0"].store.datasets[world.locate(TARGET).dataset_id]
    del home.records[next(r.id for r in home.records.values() if r.fields["text"] == "t")]
    after = world.plan([SOURCE], TARGET)
    assert dict(world.summary(after).records) == {"matched": 1, "record-deleted-at-target": 1}
    assert creations(world, after) == []
    restored = world.plan([SOURCE], TARGET, restore_deleted=True)
    assert [len(op.answers) for op in creations(world, restored)] == [1]


def test_a_lost_state_makes_no_second_copy(world: World, tmp_path: Path) -> None:
    plan, _ = outcomes(world, [[record("t", A), record("t", A), record("u", A, external_id="1")]], [])
    world.apply(plan)
    other = World(tmp_path / "fresh")
    other.fakes, other.clock = world.fakes, world.clock
    again = other.plan([SOURCE], TARGET)
    assert dict(other.summary(again).records) == {"matched": 3}
    assert other.kinds(again) == []
    other.close()


def test_the_way_back_finds_the_origins(world: World) -> None:
    plan, _ = outcomes(world, [[record("t", A), record("t", A)]], [])
    world.apply(plan)
    back = world.plan([TARGET], SOURCE)
    assert dict(world.summary(back).records) == {"matched": 2}
    assert world.kinds(back) == []
    assert [r.override for r in world.runner.refusals(back)] == ["--swap-ok"]
