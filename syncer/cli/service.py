"""sync, serve, jobs."""

from __future__ import annotations

import click

from syncer import report
from syncer.cli.plans import print_run
from syncer.cli.session import Session, now, pass_session
from syncer.daemon import Daemon
from syncer.jobs import RunResult
from syncer.service import run_job


@click.command()
@click.argument("name", metavar="JOB")
@click.option("--full", is_flag=True, help="Sweep both sides even if the quick check finds them quiet.")
@pass_session
def sync(session: Session, /, name: str, full: bool) -> int:
    """Run one job of the configuration, after an interrupted run of it has been finished."""
    session.config.job(name)
    session.confirm(f"Run job {name}?")
    session.watch_signals()
    result = _run(session, name, full=full)
    if result is None:
        session.out({"job": name, "outcome": "quiet"}, f"{name}: nothing has changed since the last run.\n")
        return 0
    return print_run(session, result)


@click.command()
@pass_session
def serve(session: Session) -> int:
    """Run all jobs by their schedule until SIGTERM."""
    session.confirm("Run all jobs by their schedule?")
    session.watch_signals()
    daemon = Daemon(session.config, lambda name: _run(session, name, full=False), session.stop, session.say)
    daemon.run()
    return 0


def _run(session: Session, name: str, *, full: bool) -> RunResult | None:
    job = session.config.job(name)
    target = session.target(job.target)
    sources = [found for found in session.sources(job.sources) if found.dataset_id != target.dataset_id]
    return run_job(session.runner, session.store, name, job, sources, target, now(), full=full)


@click.command()
@pass_session
def jobs(session: Session) -> None:
    """List the jobs of the configuration."""
    data = [
        {
            "name": name,
            "sources": job.sources,
            "target": job.target,
            "every": job.every.total_seconds() if job.every else None,
            "two_way": job.two_way,
        }
        for name, job in sorted(session.config.jobs.items())
    ]
    rows = [
        [d["name"], ", ".join(job.sources), job.target, f"{job.every or 'by hand'}"]
        for d, job in zip(data, (session.config.jobs[k] for k in sorted(session.config.jobs)), strict=True)
    ]
    session.out(
        data, report.table_text(("job", "sources", "target", "every"), rows, session.width, "There are no jobs.")
    )
