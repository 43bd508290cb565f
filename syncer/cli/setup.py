"""init, doctor."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from pathlib import Path

import click

from syncer import checkup, report
from syncer.cli.session import Session, pass_session
from syncer.config import FILE_NAME, TEMPLATE, JobConfig
from syncer.errors import UsageError


@click.command()
@pass_session
def init(session: Session) -> None:
    """Write a commented syncer.toml into the current folder."""
    try:
        with Path(FILE_NAME).open("x", encoding="utf-8") as file:
            file.write(TEMPLATE)
    except FileExistsError:
        raise UsageError(f"{FILE_NAME} is there already", advice="Edit it, or move it away first") from None
    session.out({"written": FILE_NAME}, f"Written: {FILE_NAME}\n")


@click.command()
@click.argument("references", nargs=-1, metavar="[SOURCE... TARGET]")
@pass_session
def doctor(session: Session, /, references: tuple[str, ...]) -> int:
    """Check every server, and the datasets of every job and of a migration that is named here.

    Servers: reachable, version, role of the key, what it can do. Datasets: people, membership, settings.
    """
    servers = [
        checkup.check_server(name, partial(session.servers.client, name)) for name in sorted(session.config.servers)
    ]
    jobs = {name: asdict(_check(session, job)) for name, job in _jobs(session, references)}
    session.out({"servers": servers, "jobs": jobs}, report.checkup_text(servers, jobs, session.width))
    return 1 if any(row["problem"] for row in servers) or any(found["problems"] for found in jobs.values()) else 0


def _jobs(session: Session, references: tuple[str, ...]) -> list[tuple[str, JobConfig]]:
    found = sorted(session.config.jobs.items())
    if len(references) == 1:
        raise UsageError("a source and a target are needed", advice="The last dataset named is the target")
    if references:
        named = JobConfig(sources=list(references[:-1]), target=references[-1], recreate=True)
        found.append((" ".join(references), named))
    return found


def _check(session: Session, job: JobConfig) -> checkup.Checkup:
    return checkup.check_job(
        lambda: (session.sources(job.sources), session.target(job.target, create=True)), job.options()
    )
