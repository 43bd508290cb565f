# mypy: disable-error-code="import-not-found,misc"
# ruff: noqa: S608  (the SQL is put together from constants; values are always bound)
"""A search engine for argilla-server that answers from the server's own SQLite database.

It runs inside the server's process and takes the place of Elasticsearch through Argilla's own registry of
engines. A real index can trail behind the database; `Faults` makes this one do so on demand.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from argilla_server.database import AsyncSessionLocal
from argilla_server.search_engine import base
from sqlalchemy import text

ENGINE = "database"
RECORD_COLUMNS = {"id", "external_id", "status", "inserted_at", "updated_at"}
SUGGESTION_COLUMNS = {"agent", "type"}


@dataclasses.dataclass
class Faults:
    """What the index gets wrong; kept in a file, so that a restarted server has the same wrong index.

    lag_since: records inserted later are not in the index, records deleted later still are.
    forget: records that the index misses. stale: records that it keeps when they are deleted.
    gone: the deleted records that it still lists, in order of their insertion.
    """

    lag_since: str | None = None
    forget: list[str] = dataclasses.field(default_factory=list)
    stale: list[str] = dataclasses.field(default_factory=list)
    gone: list[dict[str, str]] = dataclasses.field(default_factory=list)

    @staticmethod
    def file() -> Path:
        return Path(os.environ["ARGILLA_HOME_PATH"], "index-faults.json")

    @classmethod
    def load(cls) -> Faults:
        return cls(**json.loads(cls.file().read_text())) if cls.file().exists() else cls()

    def save(self) -> None:
        self.file().write_text(json.dumps(dataclasses.asdict(self)))

    def set(self, lag: bool, forget: Iterable[str], stale: Iterable[str]) -> None:
        """Replace the faults: what is not asked for is healed, a lag that goes on keeps its beginning."""
        if lag:
            self.lag_since = self.lag_since or _database_time(datetime.now(UTC))
        else:
            self.lag_since = None
        self.forget = [UUID(record_id).hex for record_id in forget]
        self.stale = [UUID(record_id).hex for record_id in stale]
        if not lag:
            self.gone = [record for record in self.gone if record["id"] in self.stale]
        self.save()

    def deleted(self, records: Iterable[Any]) -> None:
        """Keep those of the deleted records that the index does not drop."""
        for record in records:
            inserted_at = _database_time(record.inserted_at)
            indexed = record.id.hex not in self.forget and (not self.lag_since or inserted_at <= self.lag_since)
            if record.id.hex in self.stale or (self.lag_since and indexed):
                self.gone.append({"id": record.id.hex, "dataset_id": record.dataset_id.hex, "inserted_at": inserted_at})
        self.gone.sort(key=lambda record: record["inserted_at"])
        self.save()

    def gone_from(self, dataset: Any, query_filter: Any) -> list[dict[str, str]]:
        """The deleted records of the dataset that an answer to this filter still lists."""
        return [
            record
            for record in self.gone
            if record["dataset_id"] == dataset.id.hex and _names_id(query_filter, record["id"])
        ]


def _names_id(query_filter: Any, record_id: str) -> bool:
    """Whether a filter lets a deleted record pass: only its id is known, so any other condition fails."""
    if query_filter is None:
        return True
    if isinstance(query_filter, base.AndFilter):
        return all(_names_id(part, record_id) for part in query_filter.filters)
    scope = query_filter.scope
    by_id = isinstance(scope, base.RecordFilterScope) and _plain(scope.property) == "id"
    return by_id and record_id in {UUID(str(value)).hex for value in query_filter.values}


class Statement:
    """Builds the SQL of one search: a condition and an order over `records`, with bound parameters."""

    def __init__(self) -> None:
        self.parameters: dict[str, Any] = {}

    def bind(self, value: Any) -> str:
        name = f"p{len(self.parameters)}"
        self.parameters[name] = value
        return f":{name}"

    def condition(self, query_filter: Any) -> str:
        if isinstance(query_filter, base.AndFilter):
            return " AND ".join(self.condition(part) for part in query_filter.filters) or "1"
        values = self.values(query_filter.scope)
        if isinstance(query_filter, base.RangeFilter):
            limits = [("v >= ", query_filter.ge), ("v <= ", query_filter.le)]
            tests = [test + self.bind(_bound(limit)) for test, limit in limits if limit is not None]
            return f"EXISTS (SELECT 1 FROM ({values}) WHERE {' AND '.join(tests)})"
        return self.terms(query_filter.scope, [_plain(value) for value in query_filter.values])

    def terms(self, scope: Any, terms: list[Any]) -> str:
        if _scope_is(scope, "Response") and scope.question is None:
            wanted = json.dumps([term for term in terms if term not in ("pending", "missing")])
            some = f"EXISTS (SELECT 1 FROM ({self.values(scope)}) WHERE v IN ({self.each(wanted)}))"
            none = f"NOT EXISTS ({self.values(scope)})"
            return f"({some} OR {none})" if {"pending", "missing"} & set(terms) else some
        if _scope_is(scope, "Record") and _plain(scope.property) == "id":
            terms = [UUID(str(term)).hex for term in terms]
        return f"EXISTS (SELECT 1 FROM ({self.values(scope)}) WHERE v IN ({self.each(json.dumps(terms))}))"

    def each(self, json_list: str) -> str:
        return f"SELECT value FROM json_each({self.bind(json_list)})"

    def values(self, scope: Any) -> str:
        """A subquery with the values, as `v`, that a record has in this scope."""
        if _scope_is(scope, "Record"):
            column = _plain(scope.property)
            if column not in RECORD_COLUMNS:
                raise ValueError(f"unknown record property {column}")
            return f"SELECT records.{column} AS v"
        if _scope_is(scope, "Metadata"):
            return f"SELECT value AS v FROM json_each(records.metadata, {self.bind(_path(scope.metadata_property))})"
        if _scope_is(scope, "Suggestion"):
            column = _plain(scope.property)
            owned = f"s.record_id = records.id AND q.name = {self.bind(scope.question)}"
            source = "suggestions s JOIN questions q ON q.id = s.question_id"
            if column in SUGGESTION_COLUMNS:
                return f"SELECT s.{column} AS v FROM {source} WHERE {owned}"
            column = "score" if column == "score" else "value"
            return f"SELECT j.value AS v FROM {source}, json_each(s.{column}) j WHERE {owned}"
        owned = "r.record_id = records.id"
        if scope.user is not None:
            owned += f" AND r.user_id = {self.bind(scope.user.id.hex)}"
        if scope.question is None:
            return f"SELECT r.status AS v FROM responses r WHERE {owned}"
        path = self.bind(_path(scope.question, "value"))
        return f'SELECT j.value AS v FROM responses r, json_each(r."values", {path}) j WHERE {owned}'

    def order(self, orders: Sequence[Any]) -> str:
        """The sort keys; records that are equal in all of them stay in the order of their insertion."""
        keys = [f"(SELECT MIN(v) FROM ({self.values(o.scope)})) {_direction(o.order)}" for o in orders]
        return ", ".join([*keys, "records.inserted_at", "records.rowid"])

    def words(self, query: Any) -> str:
        """Every word of a text query occurs in the named field, or in any field."""
        words = (query if isinstance(query, str) else query.q).split()
        name = None if isinstance(query, str) else query.field
        within = "" if name is None else f" AND key = {self.bind(name)}"
        return " AND ".join(
            f"EXISTS (SELECT 1 FROM json_each(records.fields)"
            f" WHERE instr(lower(value), {self.bind(w.lower())}){within})"
            for w in words
        )


@base.SearchEngine.register(ENGINE)
class DatabaseEngine(base.SearchEngine):
    """Serves every argilla-server from 1.24 to 2.8: their engines differ in what they ask for, not in meaning."""

    faults = Faults.load()

    @classmethod
    async def new_instance(cls) -> DatabaseEngine:
        return cls()

    async def search(
        self,
        dataset: Any,
        query: Any = None,
        filter: Any = None,
        sort: Sequence[Any] | None = None,
        user_response_status_filter: Any = None,
        metadata_filters: Sequence[Any] | None = None,
        sort_by: Sequence[Any] | None = None,
        offset: int = 0,
        limit: int = 100,
        user_id: Any = None,  # noqa: ARG002  (seeds a shuffle in the real engine)
    ) -> Any:
        filters = _old_filters(user_response_status_filter, metadata_filters or [])
        if filter is not None:
            filters.append(filter)
        query_filter = base.AndFilter(filters=filters) if filters else None
        ids = await self._matching(dataset, query, query_filter, sort or _old_orders(sort_by or []))
        page = ids[offset : offset + limit]
        items = [base.SearchResponseItem(record_id=UUID(found), score=1.0) for found in page]
        return base.SearchResponses(items=items, total=len(ids))

    async def _matching(self, dataset: Any, query: Any, query_filter: Any, orders: Sequence[Any]) -> list[str]:
        statement = Statement()
        where = [f"dataset_id = {statement.bind(dataset.id.hex)}"]
        if query:
            where.append(statement.words(query))
        if query_filter:
            where.append(statement.condition(query_filter))
        if self.faults.forget:
            where.append(f"id NOT IN ({statement.each(json.dumps(self.faults.forget))})")
        if self.faults.lag_since:
            where.append(f"inserted_at <= {statement.bind(self.faults.lag_since)}")
        sql = f"SELECT id, inserted_at FROM records WHERE {' AND '.join(where)} ORDER BY {statement.order(orders)}"
        rows = await _rows(sql, statement.parameters)
        gone = [] if query else self.faults.gone_from(dataset, query_filter)
        if gone:
            rows = sorted([*rows, *((record["id"], record["inserted_at"]) for record in gone)], key=lambda r: r[1])
        return [row[0] for row in rows]

    async def delete_records(self, dataset: Any, records: Iterable[Any]) -> None:  # noqa: ARG002
        self.faults.deleted(records)

    async def get_dataset_progress(self, dataset: Any) -> dict[str, int]:
        sql = "SELECT lower(status), COUNT(*) FROM records WHERE dataset_id = :dataset GROUP BY status"
        return await _progress(sql, {"dataset": dataset.id.hex})

    async def get_dataset_user_progress(self, dataset: Any, user: Any) -> dict[str, int]:
        sql = (
            "SELECT lower(r.status), COUNT(*) FROM responses r JOIN records ON records.id = r.record_id"
            " WHERE records.dataset_id = :dataset AND r.user_id = :user GROUP BY r.status"
        )
        return await _progress(sql, {"dataset": dataset.id.hex, "user": user.id.hex})

    async def compute_metrics_for(self, metadata_property: Any) -> Any:
        sql = (
            "SELECT j.value, COUNT(*) FROM records, json_each(records.metadata, :path) j"
            " WHERE records.dataset_id = :dataset AND j.value IS NOT NULL GROUP BY j.value ORDER BY 2 DESC, 1"
        )
        parameters = {"path": _path(metadata_property.name), "dataset": metadata_property.dataset_id.hex}
        counts = await _rows(sql, parameters)
        kind = _plain(metadata_property.type)
        if kind == "terms":
            metrics = getattr(base, "TermsMetrics", None) or base.TermsMetadataMetrics
            values = [metrics.TermCount(term=term, count=count) for term, count in counts]
            return metrics(total=sum(count for _, count in counts), values=values)
        metrics = base.IntegerMetadataMetrics if kind == "integer" else base.FloatMetadataMetrics
        numbers = [number for number, _ in counts]
        return metrics(min=min(numbers, default=None), max=max(numbers, default=None))

    async def similarity_search(self, *_: Any, **__: Any) -> Any:
        raise NotImplementedError("this search engine does not compare vectors")

    async def ping(self) -> bool:
        return True

    async def info(self) -> dict[str, Any]:
        return {"engine": ENGINE}

    async def _nothing(self, *_: Any, **__: Any) -> None:
        """The database already holds it."""

    close = create_index = delete_index = configure_metadata_property = configure_index_vectors = _nothing
    index_records = partial_record_update = set_records_vectors = _nothing
    update_record_response = delete_record_response = _nothing
    update_record_suggestion = delete_record_suggestion = _nothing


def _old_filters(response_status: Any, metadata_filters: Sequence[Any]) -> list[Any]:
    """The filters that 1.x passes beside `filter`, in today's form."""
    filters: list[Any] = []
    if response_status is not None and response_status.statuses:
        scope = base.ResponseFilterScope(user=response_status.user, property="status")
        filters.append(base.TermsFilter(scope=scope, values=list(response_status.statuses)))
    for old in metadata_filters:
        scope = base.MetadataFilterScope(metadata_property=old.metadata_property.name)
        if hasattr(old, "values"):
            filters.append(base.TermsFilter(scope=scope, values=old.values))
        else:
            filters.append(base.RangeFilter(scope=scope, ge=old.ge, le=old.le))
    return filters


def _old_orders(sort_by: Sequence[Any]) -> list[Any]:
    """The `sort_by` of 1.x in today's form."""
    orders = []
    for old in sort_by:
        if hasattr(old.field, "name") and hasattr(old.field, "dataset_id"):
            scope = base.MetadataFilterScope(metadata_property=old.field.name)
        else:
            scope = base.RecordFilterScope(property=old.field)
        orders.append(base.Order(scope=scope, order=old.order))
    return orders


async def _rows(sql: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    async with AsyncSessionLocal() as session:
        return [tuple(row) for row in (await session.execute(text(sql), parameters)).all()]


async def _progress(sql: str, parameters: dict[str, Any]) -> dict[str, int]:
    counts = {row[0]: row[1] for row in await _rows(sql, parameters)}
    return {"total": sum(counts.values()), **counts}


def _scope_is(scope: Any, kind: str) -> bool:
    return bool(type(scope).__name__ == f"{kind}FilterScope")


def _plain(value: Any) -> Any:
    """The value of an enum member, everything else as it is."""
    return getattr(value, "value", value)


def _path(*names: str) -> str:
    return "$" + "".join(f'."{name}"' for name in names)


def _direction(order: Any) -> str:
    return "DESC" if _plain(order) == "desc" else "ASC"


def _bound(limit: Any) -> Any:
    return _database_time(limit) if isinstance(limit, datetime) else limit


def _database_time(time: datetime) -> str:
    """A moment as the server writes it into SQLite: UTC without a zone, always with microseconds."""
    if time.tzinfo is not None:
        time = time.astimezone(UTC)
    return time.strftime("%Y-%m-%d %H:%M:%S.%f")
