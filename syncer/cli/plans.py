"""diff, plan, show, apply, migrate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from syncer import report
from syncer.cli.options import JOB, LIMITS, add, job_options, limits_of
from syncer.cli.session import Session, pass_session
from syncer.errors import Refused, UsageError
from syncer.jobs import RunResult
from syncer.options import Limits
from syncer.plan_model import Located

SHOWN = 2000
HTML = click.option("--html", type=click.Path(path_type=Path), help="Also write the plan as an HTML page.")
EXIT_CODE = click.option("--exit-code", is_flag=True, help="3: operations are planned, 4: items are left alone.")
SOURCES = click.argument("references", nargs=-1, required=True, metavar="SOURCE... TARGET")


def _make(session: Session, references: tuple[str, ...], flags: dict[str, Any]) -> int:
    if len(references) < 2:
        raise UsageError("a source and a target are needed", advice="The last dataset named is the target")
    options = job_options(flags)
    target = session.target(references[-1], create=options.create)
    sources = [found for found in session.sources(references[:-1]) if found.dataset_id != target.dataset_id]
    if not sources:
        raise UsageError("there is no source besides the target", where=target.reference)
    return session.runner.plan(sources, target, options)


def print_plan(session: Session, plan_id: int, html: Path | None, limits: Limits | None = None) -> dict[str, Any]:
    """Print a plan's report and return its data."""
    refusals = session.runner.refusals(plan_id, limits)
    data = report.plan_data(session.store, plan_id, refusals, most=None if session.as_json else SHOWN)
    session.out(data, report.plan_text(data, session.width))
    if html is not None:
        html.write_text(report.plan_html(data), encoding="utf-8")
        session.say(f"written: {html}")
    return data


def print_run(session: Session, result: RunResult) -> int:
    """Print a run's report and return its exit code."""
    if result.outcome == "applied before":
        session.out({"run": result.run_id, "outcome": result.outcome}, f"Plan {result.plan_id} was applied before.\n")
        return result.exit_code
    data = report.run_data(session.store, session.store.journal.get(result.run_id))
    session.out(data, report.run_text(data, session.width))
    return result.exit_code


def _exit_code(data: dict[str, Any], *, wanted: bool) -> int:
    totals = data["totals"]
    if not wanted:
        return 0
    if totals["operation"]:
        return 3
    return 4 if totals["conflict"] or totals["skip"] or data["summary"]["blocked"] else 0


@click.command()
@SOURCES
@add(JOB)
@HTML
@EXIT_CODE
@pass_session
def diff(session: Session, /, references: tuple[str, ...], html: Path | None, exit_code: bool, **flags: Any) -> int:
    """Show what differs and what would be done. Writes nothing to any server."""
    plan_id = _make(session, references, flags)
    return _exit_code(print_plan(session, plan_id, html), wanted=exit_code)


@click.command()
@SOURCES
@add(JOB)
@HTML
@EXIT_CODE
@pass_session
def plan(session: Session, /, references: tuple[str, ...], html: Path | None, exit_code: bool, **flags: Any) -> int:
    """Make and save a plan, to be applied later. Writes nothing to any server."""
    plan_id = _make(session, references, flags)
    data = print_plan(session, plan_id, html)
    session.say(f"saved as plan {plan_id}: `syncer apply {plan_id}`")
    return _exit_code(data, wanted=exit_code)


@click.command()
@click.argument("what", metavar="PLAN|rRUN")
@HTML
@pass_session
def show(session: Session, /, what: str, html: Path | None) -> int:
    """Show a saved plan (its number), or a run (its number after an r: r5). --json shows everything."""
    if what.startswith("r") and what[1:].isdigit():
        try:
            run = session.store.journal.get(int(what[1:]))
        except KeyError:
            raise UsageError(f"there is no run {what[1:]}", advice="`syncer runs` lists them") from None
        data = report.run_data(session.store, run)
        if session.as_json:
            data["journal"] = report.journal_data(session.store, run.id)
        session.out(data, report.run_text(data, session.width))
        return 0
    if not what.isdigit():
        raise UsageError(f"{what!r} is neither a plan nor a run", advice="Write 3 for plan 3, r5 for run 5")
    session.runner.load(int(what))
    print_plan(session, int(what), html)
    return 0


@click.command()
@click.argument("plan_id", type=int, metavar="PLAN")
@add(LIMITS)
@click.option("--full", is_flag=True, help="Verify the whole target, not only what was touched.")
@pass_session
def apply(session: Session, /, plan_id: int, full: bool, **flags: Any) -> int:
    """Apply a saved plan. A finished plan is not applied again."""
    header, _ = session.runner.load(plan_id)
    session.confirm(f"Apply plan {plan_id} to {header.target.reference}?")
    session.watch_signals()
    limits = limits_of(flags, header.options.limits)
    return print_run(session, session.runner.apply(plan_id, limits=limits, full=full))


@click.command()
@SOURCES
@add(JOB)
@HTML
@click.option("--full", is_flag=True, help="Verify the whole target, not only what was touched.")
@pass_session
def migrate(session: Session, /, references: tuple[str, ...], html: Path | None, full: bool, **flags: Any) -> int:
    """Bring everything of the sources to the target: plan, ask, apply, verify."""
    options = job_options(flags)
    if len(references) > 1:
        target = session.target(references[-1], create=options.create)
        _finish_pending(session, target)
    plan_id = _make(session, references, flags)
    return _carry_out(session, plan_id, html, full=full)


@click.command()
@click.argument("snapshot_id", type=int, metavar="SNAPSHOT")
@click.argument("reference", metavar="TARGET")
@add(JOB)
@HTML
@click.option("--full", is_flag=True, help="Verify the whole target, not only what was touched.")
@pass_session
def restore(session: Session, /, snapshot_id: int, reference: str, html: Path | None, full: bool, **flags: Any) -> int:
    """Bring a snapshot back: into an empty dataset, a new one (--create), or the one it was taken of."""
    options = job_options(flags)
    target = session.target(reference, create=options.create)
    _finish_pending(session, target)
    return _carry_out(session, session.runner.plan_restore(snapshot_id, target, options), html, full=full)


def _carry_out(session: Session, plan_id: int, html: Path | None, *, full: bool) -> int:
    """Show a plan, refuse or ask, apply."""
    if not session.as_json:
        print_plan(session, plan_id, html)
    refusals = session.runner.refusals(plan_id)
    if refusals:
        _refuse(plan_id, refusals)
    operations = sum(n for (category, _), n in session.store.plans.count(plan_id).items() if category == "operation")
    if operations:
        session.confirm(f"Apply these {operations} operations?")
    session.watch_signals()
    return print_run(session, session.runner.apply(plan_id, full=full))


def _finish_pending(session: Session, target: Located) -> None:
    for run_id in session.runner.pending_runs([target]):
        session.confirm(f"Run {run_id} on this target was interrupted. Finish it first?")
        session.say(f"run {run_id} was interrupted and is finished first")
        session.runner.resume(run_id)


def _refuse(plan_id: int, refusals: list[Any]) -> None:
    overrides = [r.override for r in refusals if r.override]
    raise Refused(
        f"plan {plan_id} is refused",
        why="; ".join(r.why for r in refusals),
        advice=f"Nothing was written. If that is meant: {', '.join(overrides)}" if overrides else "Nothing was written",
    )
