"""Whether servers and datasets are fit for a job, looked at before the job. Reads only, and no records."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from state import UserRow
from syncer import match
from syncer.argilla import Client
from syncer.difference import settings_difference
from syncer.drafting import names_of
from syncer.errors import AccessError, SyncerError
from syncer.options import JobOptions
from syncer.plan_model import Located
from syncer.sync_content import rename_settings


@dataclass(frozen=True)
class Checkup:
    """What was found: `problems` would stop a job or leave work out, `notes` are good to know."""

    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def check_server(name: str, connect: Callable[[], Client]) -> dict[str, Any]:
    """One row about a server: version, whose key it is, what it can do, and the problem if there is one."""
    row: dict[str, Any] = dict.fromkeys(("version", "user", "role", "datasets", "in place", "problem"), "")
    row["server"] = name
    try:
        client = connect()
        me = client.me()
        row |= {
            "version": client.capabilities.version,
            "user": me.username,
            "role": me.role,
            "datasets": len(client.datasets()),
            "in place": "yes" if client.capabilities.bulk_upsert else "no: records are re-created",
        }
        if me.role == "annotator":
            row["problem"] = "an annotator's key cannot read records: use an owner's or an admin's"
    except SyncerError as error:
        row["problem"] = str(error)
    return row


def check_job(locate: Callable[[], tuple[Sequence[Located], Located]], options: JobOptions) -> Checkup:
    """Whether the datasets of a job are there and line up: people, membership, settings, ways of writing."""
    try:
        sources, target = locate()
        problems: dict[str, None] = {}
        notes: dict[str, None] = {}
        for source in sources:
            problems |= dict.fromkeys(_people(source, target, options))
            notes |= dict.fromkeys(_differences(source, target, options))
        notes |= dict.fromkeys(_ways(target, options))
    except SyncerError as error:
        return Checkup(problems=(str(error),))
    return Checkup(tuple(problems), tuple(notes))


def _people(source: Located, target: Located, options: JobOptions) -> Iterator[str]:
    """Members of the source's workspace who could not be an author at the target."""
    ours, theirs = _users(source), _users(target)
    people = match.match_people(
        [(user.user_id, 0) for user in ours if user.member],
        ours,
        theirs,
        same_server=source.client.connection.url.rstrip("/") == target.client.connection.url.rstrip("/"),
        user_map=options.users,
    )
    for person in people.unmatched:
        alike = f"; it has {', '.join(person.candidates)}: --map-user" if person.candidates else ""
        other = "" if alike else ": --map-user, --create-users or --drop-unmapped"
        yield f"{person.username} of {source.reference} has no account at the target's server{alike}{other}"
    members = {user.user_id for user in theirs if user.member or user.role == "owner"}
    names = {user.user_id: user.username for user in ours}
    for user_id, other_id in people.known.items():
        if target.dataset is not None and other_id not in members and not options.add_members:
            yield f"{names[user_id]} of {source.reference} is no member of the target's workspace: --add-members"


def _users(located: Located) -> list[UserRow]:
    members = located.client.workspace_users(located.dataset.workspace_id) if located.dataset else []
    ids = {user.remote_id for user in members}
    try:
        others = [user for user in located.client.users() if user.remote_id not in ids]
    except AccessError:
        others = []  # only an owner's key lists all users
    return [UserRow(u.remote_id, u.username, u.role, u.remote_id in ids) for u in [*members, *others]]


def _differences(source: Located, target: Located, options: JobOptions) -> Iterator[str]:
    if source.dataset is None or target.dataset is None:
        return
    settings = source.client.settings(source.dataset.remote_id)
    renamed = rename_settings(settings, names_of(options, settings))
    for line in settings_difference(renamed, target.client.settings(target.dataset.remote_id)):
        yield f"{source.reference}: {line}"


def _ways(target: Located, options: JobOptions) -> Iterator[str]:
    if target.dataset is None:
        yield f"{target.reference} is not there: --create makes it"
    elif target.dataset.status != "ready":
        yield f"{target.reference} is not published: nobody can answer in it yet"
    if not target.client.capabilities.bulk_upsert and options.strategy != "author":
        can = options.strategy == "recreate" or (options.strategy == "auto" and options.recreate_by_itself)
        how = "records that get another response are deleted and re-created" if can else "such responses are left out"
        yield f"Argilla {target.client.capabilities.version} has no way to insert another person's response: {how}"
