"""A plan as one self-contained HTML page: no script, nothing loaded from anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from syncer.report.text import KINDS, clean

MOST_ROWS = 2000


def plan_html(data: Mapping[str, Any]) -> str:
    """The page; every value is escaped."""
    environment = Environment(
        loader=PackageLoader("syncer.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["clean"] = clean
    return environment.get_template("plan.html.j2").render(data=data, kinds=KINDS, most=MOST_ROWS)
