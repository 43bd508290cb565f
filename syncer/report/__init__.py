"""Pure: plans, runs and lists as data, and the data as text, JSON and HTML."""

from syncer.report.data import conflicts_data, journal_data, plan_data, run_data, runs_data, snapshots_data
from syncer.report.html import plan_html
from syncer.report.text import checkup_text, conflicts_text, plan_text, run_text, table_text

__all__ = [
    "checkup_text",
    "conflicts_data",
    "conflicts_text",
    "journal_data",
    "plan_data",
    "plan_html",
    "plan_text",
    "run_data",
    "run_text",
    "runs_data",
    "snapshots_data",
    "table_text",
]
