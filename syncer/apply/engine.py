"""Apply the operations of a plan to one dataset, the gentle ones first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from state import ItemRow
from syncer.apply.context import Context
from syncer.apply.records import RecordWriter
from syncer.apply.recreate import Recreator
from syncer.apply.responses import ResponseWriter
from syncer.events import Progress
from syncer.ops import (
    CreateRecord,
    DeleteRecord,
    DeleteResponse,
    RecreateRecord,
    UpdateRecord,
    WriteResponse,
    parse_item,
)


class Engine:
    """Runs what is unfinished of one plan on one destination."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def run(self, rows: Sequence[ItemRow]) -> None:
        """Apply operations, given as rows of a plan.

        Raises what the writer raises when a server fails for good, and Stopped when a stop was asked for; the journal
        then holds all that was done, and the run can be resumed.
        """
        ops = [parse_item(row.payload) for row in rows]
        done = 0
        for step in self._steps(ops):
            for ended in step():
                done += ended
                self._context.listener(Progress("apply", self._context.reference, done, len(ops)))

    def _steps(self, ops: Sequence[object]) -> Iterator[Callable[[], Iterator[int]]]:
        responses, records = ResponseWriter(self._context), RecordWriter(self._context)
        writes = [op for op in ops if isinstance(op, WriteResponse)]
        yield lambda: responses.update([op for op in writes if op.way == "update"])
        yield lambda: responses.upsert([op for op in writes if op.way == "upsert"])
        yield lambda: responses.as_author([op for op in writes if op.way == "author"])
        # Whatever names a record by its id comes before re-creation, which gives it another one.
        yield lambda: records.update([op for op in ops if isinstance(op, UpdateRecord)])
        yield lambda: responses.delete([op for op in ops if isinstance(op, DeleteResponse)])
        yield lambda: Recreator(self._context).run([op for op in ops if isinstance(op, RecreateRecord)])
        yield lambda: records.create([op for op in ops if isinstance(op, CreateRecord)])
        yield lambda: records.delete([op for op in ops if isinstance(op, DeleteRecord)])
