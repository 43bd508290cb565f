"""Pure: by which keys records are matched, which records pair, and who is who."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeVar

from syncer.errors import UsageError
from syncer.model import digest_of, is_minted, mint_external_id

LINK, MINTED, FIRST_RULE = 0, 1, 2
"""Ranks of keys: links of earlier runs, then minted external ids, then the rules that the user gave."""


@dataclass(frozen=True)
class Rules:
    """The match chain and how text is compared."""

    chain: tuple[str, ...] = ("external_id", "fields")
    ignore_whitespace: bool = False
    ignore_case: bool = False
    in_order: bool = False

    def rule(self, rank: int) -> str:
        """The name of the rule behind a rank."""
        return {LINK: "link", MINTED: "minted"}.get(rank) or self.chain[rank - FIRST_RULE]

    @property
    def ranks(self) -> range:
        """All ranks in order."""
        return range(FIRST_RULE + len(self.chain))


def parse_chain(text: str) -> tuple[str, ...]:
    """Read `auto`, or a comma-free list of rules separated by spaces or `+`. Raises UsageError."""
    if text == "auto":
        return Rules.chain
    chain = tuple(part for part in re.split(r"[\s+]+", text) if part)
    for rule in chain:
        if rule not in ("external_id", "fields") and not re.fullmatch(r"(metadata|fields):.+", rule):
            raise UsageError(
                f"{rule!r} is no way to match records",
                advice="Use auto, external_id, metadata:NAME, fields or fields:a,b; several joined with +",
            )
    if not chain:
        raise UsageError("no way to match records was given", advice="Leave --match out for auto")
    return chain


def normal_text(value: Any, rules: Rules) -> Any:
    """A field value as it is compared: text after Unicode NFC and the options, containers item by item."""
    if isinstance(value, str):
        text = unicodedata.normalize("NFC", value)
        if rules.ignore_whitespace:
            text = " ".join(text.split())
        return text.casefold() if rules.ignore_case else text
    if isinstance(value, list):
        return [normal_text(item, rules) for item in value]
    if isinstance(value, dict):
        return {key: normal_text(item, rules) for key, item in value.items()}
    return value


def fields_digest(fields: Mapping[str, Any], names: Sequence[str], rules: Rules) -> str:
    """Digest of some fields as they are compared; an absent field and a null are one."""
    return digest_of([[name, normal_text(fields.get(name), rules)] for name in names])


def own_keys(dataset_id: str, remote_id: str, external_id: str | None, link: str | None) -> list[tuple[int, str]]:
    """Keys by which a copy finds its counterpart whatever its content: link, and minted ids either way round.

    `link` is the id of the target record, for a target record its own.
    """
    keys = [(MINTED, mint_external_id(dataset_id, remote_id))]
    if link is not None:
        keys.append((LINK, link))
    if external_id is not None and is_minted(external_id):
        keys.append((MINTED, external_id))
    return keys


def content_keys(
    content: Mapping[str, Any], external_id: str | None, shared: Sequence[str], rules: Rules
) -> list[tuple[int, str]]:
    """Keys of the user's rules; `shared` are the fields of both datasets under the target's names."""
    keys: list[tuple[int, str]] = []
    for rank, rule in enumerate(rules.chain, start=FIRST_RULE):
        kind, _, rest = rule.partition(":")
        if kind == "external_id" and external_id is not None:
            keys.append((rank, external_id))
        elif kind == "metadata" and (content["metadata"] or {}).get(rest) is not None:
            keys.append((rank, digest_of(content["metadata"][rest])))
        elif kind == "fields":
            chosen = [name.strip() for name in rest.split(",")] if rest else list(shared)
            if any(content["fields"].get(name) is not None for name in chosen):
                keys.append((rank, fields_digest(content["fields"], chosen, rules)))
    return keys


class MemberLike(Protocol):
    """A record among others with the same key."""

    @property
    def external_id(self) -> str | None: ...
    @property
    def remote_id(self) -> str: ...


M = TypeVar("M", bound=MemberLike)


def pair_up(sources: Sequence[M], targets: Sequence[M], rule: str, rules: Rules) -> list[tuple[M, M]] | None:
    """Pair records of one source and the target that share a key, or None if that would be a guess.

    Sequences are in listing order. Two records with different external ids of their own are never paired by
    a later rule of a chain in which the external id comes first: whoever numbered them meant two records.
    """
    if len(sources) == len(targets) == 1 or (rules.in_order and len(sources) == len(targets)):
        pairs = list(zip(sources, targets, strict=True))
        by_content = rule not in ("link", "minted", "external_id") and "external_id" in rules.chain
        if by_content and any(_contradict(s.external_id, t.external_id) for s, t in pairs):
            return None
        return pairs
    return None


def _contradict(one: str | None, other: str | None) -> bool:
    own = one is not None and other is not None and not is_minted(one) and not is_minted(other)
    return own and one != other


class PersonLike(Protocol):
    """A person of one server."""

    @property
    def user_id(self) -> str: ...
    @property
    def username(self) -> str | None: ...


@dataclass(frozen=True)
class Unmatched:
    """An author without a counterpart, and why."""

    user_id: str | None
    username: str | None
    responses: int
    reason: Literal["deleted-author", "no-counterpart", "differs-in-case", "cannot-be-named"]
    candidates: tuple[str, ...] = ()


@dataclass(frozen=True)
class People:
    """`known`: user id at one side -> user id at the other. `unmatched` holds every other author."""

    known: Mapping[str, str]
    unmatched: tuple[Unmatched, ...]


def match_people(
    authors: Iterable[tuple[str | None, int]],
    ours: Iterable[PersonLike],
    theirs: Iterable[PersonLike],
    *,
    same_server: bool,
    user_map: Mapping[str, str],
) -> People:
    """Find for each author (user id, number of responses) the same person on the other side.

    By the map first (usernames), then by id on one server, by exact username across servers. Raises
    UsageError if the map sends two people to one.
    """
    names = {user.user_id: user.username for user in ours}
    ids = {user.username: user.user_id for user in theirs if user.username is not None}
    known: dict[str, str] = {}
    unmatched: list[Unmatched] = []
    for user_id, responses in authors:
        name = names.get(user_id) if user_id is not None else None
        if user_id is None:
            unmatched.append(Unmatched(None, None, responses, "deleted-author"))
        elif name is not None and name in user_map:
            if user_map[name] in ids:
                known[user_id] = ids[user_map[name]]
            else:
                unmatched.append(Unmatched(user_id, user_map[name], responses, "no-counterpart"))
        elif same_server:
            # One server, one id: nothing else could be the same person, also if nobody can name them.
            known[user_id] = user_id
        elif name is None:
            unmatched.append(Unmatched(user_id, None, responses, "cannot-be-named"))
        elif name in ids:
            known[user_id] = ids[name]
        else:
            alike = tuple(sorted(n for n in ids if n.casefold() == name.casefold()))
            reason: Literal["differs-in-case", "no-counterpart"] = "differs-in-case" if alike else "no-counterpart"
            unmatched.append(Unmatched(user_id, name, responses, reason, alike))
    check_distinct(known, names)
    return People(known, tuple(unmatched))


def check_distinct(known: Mapping[str, str], names: Mapping[str, str | None]) -> None:
    """Raise UsageError if two people (user ids of one side, with their usernames) are one on the other."""
    owners: dict[str, str] = {}
    for user_id, other in known.items():
        if other in owners:
            raise UsageError(
                "two people of one side would become one person of the other: "
                f"{names.get(owners[other])} and {names.get(user_id)}",
                advice="Correct the map of users; work is never attributed to somebody else",
            )
        owners[other] = user_id
