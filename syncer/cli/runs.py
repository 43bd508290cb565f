"""runs, resume, undo, recover."""

from __future__ import annotations

import click

from syncer import report
from syncer.cli.plans import print_plan, print_run
from syncer.cli.session import Session, pass_session
from syncer.errors import StateError
from syncer.undo import Left

COLUMNS = ("id", "plan", "job", "started_at", "outcome", "exit_code")


@click.group(invoke_without_command=True)
@click.pass_context
def runs(ctx: click.Context) -> None:
    """List the runs, or verify their journals."""
    if ctx.invoked_subcommand is None:
        session: Session = ctx.obj
        data = report.runs_data(session.store.journal.runs())
        rows = [["" if row[column] is None else row[column] for column in COLUMNS] for row in data]
        session.out(data, report.table_text(COLUMNS, rows, session.width, "There are no runs."))


@runs.command("verify")
@pass_session
def verify(session: Session) -> None:
    """Check the hash chain of every run's journal."""
    broken = {run.id: session.store.journal.first_broken(run.id) for run in session.store.journal.runs()}
    damaged = [f"run {run_id} at event {seq}" for run_id, seq in broken.items() if seq is not None]
    if damaged:
        raise StateError("a journal is damaged", why=", ".join(damaged), advice="Do not resume or undo these runs")
    session.out({"verified": list(broken)}, f"The journals of {len(broken)} runs are whole.\n")


@click.command()
@click.argument("run_id", type=int, required=False, metavar="[RUN]")
@click.option("--full", is_flag=True, help="Verify the whole target, not only what was touched.")
@pass_session
def resume(session: Session, /, run_id: int | None, full: bool) -> int:
    """Go on with an interrupted run: the named one, or all there are."""
    chosen = [run_id] if run_id is not None else [run.id for run in session.store.journal.unfinished()]
    if not chosen:
        session.out([], "No run was interrupted.\n")
        return 0
    session.confirm(f"Go on with {', '.join(f'run {number}' for number in chosen)}?")
    session.watch_signals()
    return max(print_run(session, session.runner.resume(number, full=full)) for number in chosen)


@click.command()
@click.argument("run_id", type=int, metavar="RUN")
@pass_session
def undo(session: Session, /, run_id: int) -> int:
    """Take a run back: restore what it replaced, remove what it added, leave alone what people have touched."""
    return _inverse(session, *session.runner.undo(run_id))


@click.command()
@click.argument("run_id", type=int, metavar="RUN")
@pass_session
def recover(session: Session, /, run_id: int) -> int:
    """Re-create records that a run deleted and that are nowhere now, from the journal alone."""
    return _inverse(session, *session.runner.recover(run_id))


def _inverse(session: Session, plan_id: int, left: list[Left]) -> int:
    if not session.as_json:
        print_plan(session, plan_id, None)
    session.confirm(f"Apply plan {plan_id}?")
    session.watch_signals()
    code = print_run(session, session.runner.apply(plan_id))
    return 4 if code == 0 and left else code
