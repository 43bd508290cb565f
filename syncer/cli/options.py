"""Flags that several commands share, and the job's options made from them."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar, get_args

import click
from pydantic import ValidationError

from syncer.config import Maps, parse_duration
from syncer.errors import UsageError
from syncer.filters import Filters
from syncer.options import JobOptions, Limits
from syncer.plan import Policy

F = TypeVar("F", bound=Callable[..., Any])
POLICIES: tuple[Policy, ...] = get_args(Policy)
PARTS = ("metadata", "suggestions", "vectors", "fields")

LIMITS = (
    click.option("--max-change", type=click.FloatRange(0, 1), help="Share of matched responses it may overwrite."),
    click.option("--max-delete", type=click.IntRange(0), help="Items that it may delete."),
    click.option("--accept-source", is_flag=True, default=None, help="The source may be empty, shrunk or rewritten."),
    click.option("--swap-ok", is_flag=True, default=None, help="Earlier runs may have gone the other way."),
    click.option("--allow-different-fields", is_flag=True, default=None, help="Paired records may have other texts."),
    click.option(
        "--strict",
        is_flag=True,
        default=None,
        help="Refuse if anything would be left alone.",
    ),
)
JOB = (
    click.option("--match", default="auto", show_default=True, help="external_id, metadata:NAME, fields, fields:a,b."),
    click.option("--ignore-whitespace", is_flag=True, help="When comparing texts."),
    click.option("--ignore-case", is_flag=True, help="When comparing texts."),
    click.option("--ambiguous", type=click.Choice(["report", "in-order"]), default="report", show_default=True),
    click.option("--records/--no-records", default=True, show_default=True, help="Create records the target lacks."),
    click.option("--include", multiple=True, metavar="PARTS", help="Keep in step: " + ",".join(PARTS) + "."),
    click.option("--mirror", is_flag=True, help="Delete target records that no source has (needs --max-delete)."),
    click.option(
        "--conflicts",
        type=click.Choice(POLICIES),
        default="report",
        show_default=True,
        help="Who wins when both sides hold different work.",
    ),
    click.option("--conflicts-in", multiple=True, metavar="QUESTION=POLICY", help="If only answers to it differ."),
    click.option("--clock-tolerance", default="5m", show_default=True, help="Times this close are one (newest)."),
    click.option("--restore-deleted", is_flag=True, help="Copy again what was deleted at the target."),
    click.option("--propagate-deletes", is_flag=True, help="Delete at the target what was deleted at the source."),
    click.option(
        "--strategy",
        type=click.Choice(["auto", "in-place", "author", "recreate"]),
        default="auto",
        show_default=True,
        help="How responses are written.",
    ),
    click.option("--create", is_flag=True, help="Create the target dataset if it is missing."),
    click.option("--union-labels", is_flag=True, help="With --create: the labels of all sources."),
    click.option("--create-users", is_flag=True, help="Create missing people's accounts."),
    click.option("--add-members", is_flag=True, help="Add authors to the target's workspace."),
    click.option("--drop-unmapped", is_flag=True, help="Leave out responses whose author has no counterpart."),
    click.option("--map-user", multiple=True, metavar="A=B", help="Source user A is target user B."),
    click.option("--map-question", multiple=True, metavar="A=B"),
    click.option("--map-label", multiple=True, metavar="QUESTION:A=B"),
    click.option("--map-field", multiple=True, metavar="A=B"),
    click.option(
        "--map", "map_file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="TOML or JSON."
    ),
    click.option("--record-status", multiple=True, help="Only records of this status."),
    click.option("--response-status", multiple=True, help="Only responses of this status."),
    click.option("--author", multiple=True, help="Only responses of this person."),
    click.option("--metadata", multiple=True, metavar="NAME=VALUE", help="Only records with it; a range as LOW..HIGH."),
    click.option("--id", "ids", multiple=True, help="Only records with this id or external id."),
    click.option("--since", help="Only responses written at or after this time (ISO 8601, UTC)."),
    click.option("--until", help="Only responses written before this time."),
    click.option("--query", help="Only records with this text in a field."),
    click.option("--batch", type=click.IntRange(1, 500), default=50, show_default=True, help="Records in one call."),
    click.option("--quiet", default="60s", show_default=True, help="Stillness needed before records are re-created."),
    *LIMITS,
)


def add(options: Iterable[Callable[[F], F]]) -> Callable[[F], F]:
    """A decorator that adds several options, in their order."""

    def decorate(function: F) -> F:
        for option in reversed(list(options)):
            function = option(function)
        return function

    return decorate


def limits_of(flags: dict[str, Any], base: Limits | None = None) -> Limits:
    """The guard's limits: what flags say, over `base`."""
    names = Limits.model_fields
    given = {name: flags[name] for name in names if flags.get(name) is not None}
    return (base or Limits()).model_copy(update=given)


def job_options(flags: dict[str, Any]) -> JobOptions:
    """The job's options. Raises UsageError."""
    maps = _maps(flags)
    try:
        return JobOptions(
            **{name: flags[name] for name in JobOptions.model_fields if name in flags and name not in _MADE},
            include=tuple(part for text in flags["include"] for part in text.split(",") if part),
            conflicts_by_question=_policies(flags["conflicts_in"]),
            clock_tolerance=parse_duration(flags["clock_tolerance"]).total_seconds(),
            quiet=parse_duration(flags["quiet"]).total_seconds(),
            users=maps.users,
            questions=maps.questions,
            labels=maps.labels,
            fields=maps.fields,
            filters=_filters(flags),
            limits=limits_of(flags),
        )
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        raise UsageError(f"{'.'.join(str(p) for p in problem['loc'])}: {problem['msg']}") from None
    except ValueError as error:
        raise UsageError(str(error)) from None


_MADE = (
    "include",
    "conflicts_by_question",
    "clock_tolerance",
    "quiet",
    "users",
    "questions",
    "labels",
    "fields",
    "filters",
    "limits",
)


def _filters(flags: dict[str, Any]) -> Filters:
    return Filters(
        record_status=flags["record_status"],
        response_status=flags["response_status"],
        authors=flags["author"],
        metadata=tuple(_pair(text) for text in flags["metadata"]),
        ids=flags["ids"],
        since=flags["since"],
        until=flags["until"],
        query=flags["query"],
    )


def _maps(flags: dict[str, Any]) -> Maps:
    data: dict[str, Any] = {}
    if flags["map_file"] is not None:
        data = _read_map(flags["map_file"])
    try:
        maps = Maps.model_validate(data)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in problem["loc"])
        raise UsageError(f"{flags['map_file']}: {place}: {problem['msg']}") from None
    labels = {question: dict(renames) for question, renames in maps.labels.items()}
    for text in flags["map_label"]:
        question, colon, rest = text.partition(":")
        if not colon:
            raise UsageError(f"{text!r} is no label map", advice="Write --map-label QUESTION:OLD=NEW")
        old, new = _pair(rest)
        labels.setdefault(question, {})[old] = new
    return Maps(
        users=maps.users | dict(_pair(text) for text in flags["map_user"]),
        questions=maps.questions | dict(_pair(text) for text in flags["map_question"]),
        labels=labels,
        fields=maps.fields | dict(_pair(text) for text in flags["map_field"]),
    )


def _policies(texts: tuple[str, ...]) -> dict[str, Policy]:
    found: dict[str, Policy] = {}
    for question, wanted in map(_pair, texts):
        policy = next((policy for policy in POLICIES if policy == wanted), None)
        if policy is None:
            raise UsageError(f"{wanted!r} is no policy", advice=f"There are: {', '.join(POLICIES)}")
        found[question] = policy
    return found


def _read_map(path: Path) -> dict[str, Any]:
    text = path.read_text(encoding="utf-8")
    try:
        data: dict[str, Any] = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except ValueError as error:
        raise UsageError(f"the mapping file {path} cannot be read", why=str(error)) from None
    return data


def _pair(text: str) -> tuple[str, str]:
    old, equals, new = text.partition("=")
    if not equals or not old or not new:
        raise UsageError(f"{text!r} is no pair", advice="Write OLD=NEW")
    return old, new
