"""Pure: refuse a dangerous plan, with numbers and the name of the option that overrides it.

Only overwrites and deletions of what exists at the target are counted; insertions and creations never trip it.
"""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from syncer.options import Limits

ALWAYS_ALLOWED = 20
SHRINK_SHARE = 0.05
DIFFERENT_SHARE = 0.05
DIFFERENT_LEAST = 3


class History(BaseModel):
    """What the pair's last complete run saw of its source, and what a plan sees now."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reference: str
    before: int
    now: int
    kept: int
    """Records of before that are still there."""
    rewritten: int
    """Those of them whose fields differ."""


class Figures(BaseModel):
    """What the guard looks at; saved with the plan."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    overwrites: int
    deletes: int
    matched_responses: int
    matched_records: int
    different_records: int
    skips: int
    swapped: tuple[str, ...] = ()
    histories: tuple[History, ...] = ()


@dataclass(frozen=True)
class Refusal:
    """Why a plan is refused, and what lets it through."""

    why: str
    override: str


def check(figures: Figures, limits: Limits) -> list[Refusal]:
    """All reasons to refuse, none if the plan may be applied."""
    found: list[Refusal] = []
    allowed = max(ALWAYS_ALLOWED, int(limits.max_change * figures.matched_responses))
    if figures.overwrites > allowed:
        share = 100 * figures.overwrites / max(1, figures.matched_responses)
        found.append(
            Refusal(
                f"it would overwrite {figures.overwrites} of {figures.matched_responses} matched responses "
                f"({share:.0f} %); {allowed} are allowed",
                "--max-change",
            )
        )
    if figures.deletes > limits.max_delete:
        found.append(
            Refusal(f"it would delete {figures.deletes} items; {limits.max_delete} are allowed", "--max-delete")
        )
    found += _different(figures, limits)
    found += [] if limits.accept_source else _sources(figures)
    if figures.swapped and not limits.swap_ok:
        found.append(
            Refusal(f"earlier runs went the other way, from this target to {', '.join(figures.swapped)}", "--swap-ok")
        )
    if limits.strict and figures.skips:
        found.append(Refusal(f"{figures.skips} items would be left alone, and --strict allows none", "no --strict"))
    return found


def _different(figures: Figures, limits: Limits) -> list[Refusal]:
    pairs = figures.matched_records + figures.different_records
    many = figures.different_records >= DIFFERENT_LEAST and figures.different_records > DIFFERENT_SHARE * pairs
    if not many or limits.allow_different_fields:
        return []
    why = f"{figures.different_records} of {pairs} paired records have different texts: are these the same data?"
    return [Refusal(why, "--allow-different-fields, or another --match")]


def _sources(figures: Figures) -> list[Refusal]:
    found = []
    for history in figures.histories:
        lost = history.before - history.now
        if history.before and not history.now:
            why = f"{history.reference} is empty; it had {history.before} records"
        elif lost >= ALWAYS_ALLOWED and lost > SHRINK_SHARE * history.before:
            why = f"{history.reference} has shrunk from {history.before} to {history.now} records"
        elif history.kept > 1 and history.rewritten == history.kept:
            why = f"all {history.kept} records of {history.reference} have other texts than at the last run"
        else:
            continue
        found.append(Refusal(why, "--accept-source"))
    return found
