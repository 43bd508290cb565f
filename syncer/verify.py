"""Pure: what a run promised against what is there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from syncer.model import Record, digest_of

Kind = Literal["missing", "old-value", "another-author", "vanished", "content-differs", "changed-since"]


@dataclass(frozen=True)
class Expected:
    """What one record must hold. Digests by user id; `before` is what each operation found (None: nothing),
    `untouched` what others held when the plan was made."""

    label: str
    record_id: str
    leaves: Mapping[str, str | None]
    before: Mapping[str, str | None]
    untouched: Mapping[str, str]
    content: Mapping[str, object] | None = None


@dataclass(frozen=True)
class Finding:
    """Something that is not as promised; `changed-since` is people's work and no failure."""

    kind: Kind
    label: str
    record_id: str
    user_id: str
    detail: str

    @property
    def is_failure(self) -> bool:
        """Whether a promise is broken."""
        return self.kind != "changed-since"


def verify_record(expected: Expected, record: Record | None) -> list[Finding]:
    """Compare one record with its promises."""
    if record is None:
        return [Finding("missing", expected.label, expected.record_id, "", "the record is not there")]
    findings = [
        finding
        for user_id, leaves in expected.leaves.items()
        if (finding := _response(expected, record, user_id, leaves)) is not None
    ]
    for user_id, digest in expected.untouched.items():
        now = record.response_of(user_id)
        if user_id in expected.leaves:
            continue
        if now is None:
            findings.append(_finding("vanished", expected, user_id, "a response that was not touched is gone"))
        elif now.digest != digest:
            findings.append(_finding("changed-since", expected, user_id, "its author changed it meanwhile"))
    if expected.content is not None and digest_of(record.content["fields"]) != digest_of(expected.content["fields"]):
        findings.append(_finding("content-differs", expected, "", "the record's fields are not as sent"))
    return findings


def _response(expected: Expected, record: Record, user_id: str, leaves: str | None) -> Finding | None:
    now = record.response_of(user_id)
    digest = now.digest if now else None
    if digest == leaves:
        return None
    if digest is None:
        others = [r for r in record.responses if r.digest == leaves and (r.user_id or "") not in expected.leaves]
        strangers = [r for r in others if expected.untouched.get(r.user_id or "") != leaves]
        if strangers:
            return _finding("another-author", expected, user_id, f"found under user {strangers[0].user_id}")
        return _finding("missing", expected, user_id, "the response is not there")
    if digest == expected.before.get(user_id):
        return _finding("old-value", expected, user_id, "the old value is still there")
    return _finding("changed-since", expected, user_id, "its author changed it meanwhile")


def _finding(kind: Kind, expected: Expected, user_id: str, detail: str) -> Finding:
    return Finding(kind, expected.label, expected.record_id, user_id, detail)
