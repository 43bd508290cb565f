"""Reports as text for a terminal."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from syncer.model import canonical_json

EXAMPLES = 20
KINDS = {
    "create_dataset": "create the dataset",
    "create_user": "create an account",
    "add_member": "add a member to the workspace",
    "create_record": "create a record",
    "write_response": "write a response",
    "recreate_record": "delete and re-create a record",
    "delete_response": "delete a response",
    "update_record": "update a record",
    "delete_record": "delete a record",
}
Data = Mapping[str, Any]


def clean(value: Any) -> str:
    """Text without control characters: what comes from a server must not steer a terminal."""
    text = value if isinstance(value, str) else canonical_json(value)
    return "".join(c if c.isprintable() else "�" for c in text.replace("\n", " ").replace("\t", " "))


def plan_text(data: Data, width: int) -> str:
    """A plan's report."""
    out = _Out(width)
    out.line(f"Plan {data['plan']['id']}")
    for source in data["sources"]:
        out.line(f"  from {_side(source)}")
    out.line(f"  to   {_side(data['target'])}")
    summary = data["summary"]
    if summary["records"]:
        records = ", ".join(f"{n} {clean(k)}" for k, n in sorted(summary["records"].items()))
        out.line(f"  records of the sources: {records}")
    out.line()
    if not data["totals"]["operation"]:
        out.line("Nothing to do: the target has everything that can be brought to it.")
    else:
        _operations(out, summary)
    _conflicts(out, data["conflicts"], data["totals"]["conflict"])
    _skips(out, data["skips"], summary["counts"])
    for title, lines in (
        ("Settings that differ", summary["settings"]),
        ("What is lost or changed for good", summary["losses"]),
        ("Warnings", summary["warnings"]),
        ("Blocked", summary["blocked"]),
    ):
        out.section(title, lines)
    refusals = [r for r in data["refusals"] if r["why"] not in summary["blocked"]]
    out.section("Refused", [f"{r['why']} (override: {r['override']})" for r in refusals])
    return out.text()


def _side(side: Data) -> str:
    return (
        f"{clean(side['reference'])}  (Argilla {clean(side['version'])}, "
        f"{side['records']} records, {side['responses']} responses)"
    )


def _operations(out: _Out, summary: Data) -> None:
    rows = [(name, summary["counts"][kind]) for kind, name in KINDS.items() if summary["counts"].get(kind)]
    out.table(("what will be done", "how often"), rows)
    if summary["counts"].get("overwrite"):
        out.line(f"{summary['counts']['overwrite']} of the responses replace an older one of the same person.")
    if summary["by_author"]:
        out.line()
        out.table(("author", "responses"), list(summary["by_author"].items()))
    if summary["completes"] > 0:
        out.line()
        out.line(f"{summary['completes']} records become completed and leave people's queues.")


def _conflicts(out: _Out, conflicts: Sequence[Data], total: int) -> None:
    if not conflicts:
        return
    rows = []
    for conflict in conflicts[:EXAMPLES]:
        values = [
            f"{_side_name(c['side'])}: {_value(c['value'])} {c['updated_at']}".rstrip() for c in conflict["contenders"]
        ]
        rows.append((conflict["label"], conflict["username"], conflict["reason"], "\n".join(values)))
    out.line()
    out.line(f"Conflicts: {total} (nothing is overwritten; see `syncer conflicts`)")
    out.table(("record", "author", "why", "values"), rows)
    out.more(total, len(rows))


def _side_name(side: int) -> str:
    return "target" if side < 0 else f"source {side + 1}"


def _value(value: Any) -> str:
    if value is None:
        return "no response"
    answers = {name: answer.get("value") for name, answer in (value["values"] or {}).items()}
    shown = ", ".join(
        f"{name}={answer if isinstance(answer, str) else canonical_json(answer)}" for name, answer in answers.items()
    )
    return clean(f"{value['status']} {shown}".strip())


def _skips(out: _Out, skips: Sequence[Data], counts: Data) -> None:
    if not skips:
        return
    by_reason = {k.removeprefix("skip:"): n for k, n in counts.items() if k.startswith("skip:")}
    out.line()
    out.line("Left alone: " + ", ".join(f"{n} {clean(k)}" for k, n in sorted(by_reason.items())))
    rows = [(s["label"], s["username"] or "(record)", s["reason"], s["detail"]) for s in skips[:EXAMPLES]]
    out.table(("record", "author", "why", "detail"), rows)
    out.more(sum(by_reason.values()), len(rows))


def run_text(data: Data, width: int) -> str:
    """A run's report."""
    out = _Out(width)
    run = data["run"]
    out.line(f"Run {run['id']} of plan {run['plan']}: {clean(run['outcome'])}")
    counts = {name: n for name, n in data["counts"].items() if name != "started"}
    out.line("  " + (", ".join(f"{n} {name}" for name, n in sorted(counts.items())) or "nothing was done"))
    if data["left"]["conflicts"] or data["left"]["skips"]:
        out.line(f"  left: {data['left']['conflicts']} conflicts, {data['left']['skips']} skips")
    rows = [(e["label"], e["event"], e["detail"].get("why", "")) for e in data["events"][:EXAMPLES]]
    if rows:
        out.table(("record", "what happened", "why"), rows)
        out.more(len(data["events"]), len(rows))
    findings = [(f["label"], f["kind"], f["detail"]) for f in data["findings"][:EXAMPLES]]
    if findings:
        out.line()
        out.line("Verification found:")
        out.table(("record", "what", "detail"), findings)
    elif run["exit_code"] is not None:
        out.line("  verified by reading the target again")
    return out.text()


def conflicts_text(conflicts: Sequence[Data], width: int) -> str:
    """The ledger of conflicts."""
    out = _Out(width)
    if not conflicts:
        out.line("There are no conflicts.")
        return out.text()
    rows = []
    for conflict in conflicts:
        values = [f"{_side_name(c['side'])}: {_value(c['value'])}" for c in conflict["contenders"]]
        decision = "" if conflict["decision"] is None else "decided"
        rows.append((str(conflict["id"]), conflict["label"], conflict["username"], "\n".join(values), decision))
    out.table(("id", "record", "author", "values", ""), rows)
    return out.text()


def table_text(columns: Sequence[str], rows: Iterable[Sequence[Any]], width: int, empty: str) -> str:
    """A list as a table, or one line if there is nothing."""
    out = _Out(width)
    listed = [tuple(row) for row in rows]
    if listed:
        out.table(columns, listed)
    else:
        out.line(empty)
    return out.text()


def checkup_text(servers: Sequence[Data], jobs: Mapping[str, Data], width: int) -> str:
    """What the doctor found: servers, and jobs by name."""
    out = _Out(width)
    columns = ("server", "version", "user", "role", "datasets", "in place", "problem")
    if servers:
        out.table(columns, [[row[column] for column in columns] for row in servers])
    else:
        out.line("No server is configured: `syncer init`.")
    for name, found in jobs.items():
        out.line()
        out.line(f"{clean(name)}: {'problems' if found['problems'] else 'well'}")
        for text in found["problems"]:
            out.line(f"  ! {clean(text)}")
        for text in found["notes"]:
            out.line(f"  - {clean(text)}")
    return out.text()


class _Out:
    """Collects lines and tables as plain text."""

    def __init__(self, width: int) -> None:
        self._buffer = io.StringIO()
        self._console = Console(file=self._buffer, width=width, color_system=None, highlight=False, markup=False)

    def line(self, text: str = "") -> None:
        self._console.print(Text(text), soft_wrap=True)

    def section(self, title: str, lines: Sequence[str]) -> None:
        if lines:
            self.line()
            self.line(f"{title}:")
            for text in lines:
                self._console.print(Text("  - " + clean(text)))

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        table = Table(*columns, box=None, pad_edge=False, header_style="")
        for row in rows:
            cells = [cell if isinstance(cell, str) else str(cell) for cell in row]
            table.add_row(*(Text("\n".join(clean(line) for line in cell.split("\n"))) for cell in cells))
        self._console.print(table)

    def more(self, total: int, shown: int) -> None:
        if total > shown:
            self.line(f"... and {total - shown} more (--json shows all)")

    def text(self) -> str:
        return "\n".join(line.rstrip() for line in self._buffer.getvalue().splitlines()) + "\n"
