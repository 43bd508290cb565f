"""conflicts, and deciding them by hand."""

from __future__ import annotations

import click

from state import ConflictRow
from syncer import ops, report
from syncer.cli.session import Session, now, pass_session
from syncer.errors import UsageError


@click.group(invoke_without_command=True)
@click.pass_context
def conflicts(ctx: click.Context) -> None:
    """List the conflicts that plans have met, with the values of all sides."""
    if ctx.invoked_subcommand is None:
        session: Session = ctx.obj
        data = report.conflicts_data(session.store, session.store.memory.conflicts())
        session.out(data, report.conflicts_text(data, session.width))


@conflicts.command("resolve")
@click.argument("ids", nargs=-1, type=int, metavar="[ID]...")
@click.option("--author", help="All open conflicts of this person.")
@click.option("--all", "everything", is_flag=True, help="All open conflicts.")
@click.option("--take", metavar="source|target|N", help="Whose value stays: target, source, or source number N.")
@pass_session
def resolve(session: Session, /, ids: tuple[int, ...], author: str | None, everything: bool, take: str | None) -> None:
    """Decide conflicts by hand. The decision is remembered, and applied by the next plan.

    Without --take each chosen conflict is shown and asked about.
    """
    rows = [row for row in session.store.memory.conflicts() if _chosen(row, ids, author, everything)]
    if not rows:
        raise UsageError(
            "no conflict was chosen", advice="Name ids, --author NAME or --all; `syncer conflicts` lists them"
        )
    for row in rows:
        choice = take or _ask(session, row)
        session.store.memory.decide(row.conflict_id, _decision(row, choice), now().isoformat())
    session.out({"decided": [row.id for row in rows]}, f"{len(rows)} conflicts decided; the next plan applies it.\n")


def _chosen(row: ConflictRow, ids: tuple[int, ...], author: str | None, everything: bool) -> bool:
    if row.id in ids:
        return True
    return row.decision is None and (everything or (author is not None and _conflict(row).username == author))


def _conflict(row: ConflictRow) -> ops.Conflict:
    item = ops.parse_item(row.detail)
    assert isinstance(item, ops.Conflict)
    return item


def _ask(session: Session, row: ConflictRow) -> str:
    data = report.conflicts_data(session.store, [row])
    click.echo(report.conflicts_text(data, session.width), err=True)
    sides = ["target"] + [str(c.side + 1) for c in _conflict(row).contenders if c.side >= 0]
    answer: str = click.prompt("Whose value stays", type=click.Choice(sides), err=True)
    return answer


def _decision(row: ConflictRow, choice: str) -> str:
    """What the plan will look for: `target`, or the digest of the source's value (empty: its absence)."""
    if choice == "target":
        return "target"
    sources = [c for c in _conflict(row).contenders if c.side >= 0]
    if choice == "source":
        found = sources if len({c.digest for c in sources}) == 1 else []
    else:
        found = [c for c in sources if str(c.side + 1) == choice]
    if not found:
        numbers = ", ".join(str(c.side + 1) for c in sources)
        raise UsageError(
            f"conflict {row.id} has no such side: {choice!r}", advice=f"Say target, or a source: {numbers}"
        )
    return found[0].digest or ""
