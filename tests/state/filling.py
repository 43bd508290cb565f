"""Rows for every table, by the store's own methods."""

from __future__ import annotations

from state import ItemRow, Link, RecordRow, ResponseRow, SnapshotRow, Store, UserRow
from state.bodies import text_digest


def snapshot(store: Store, dataset: str = "d1", *, complete: bool = True, records: int = 1) -> int:
    """A snapshot of so many records, each with a response of `ann`."""
    snapshots = store.snapshots
    snapshot_id = snapshots.begin(
        "{}",
        server="s",
        url="http://s",
        version="2.8.0",
        dataset_id=dataset,
        reference=f"s:w/{dataset}",
        settings_digest="sd",
        activity=None,
        taken_at="t0",
    )
    content, body = '{"fields":{}}', '{"status":"draft","values":null}'
    for place in range(records):
        name = f"{dataset}-r{place}"
        row = RecordRow(name, place, None, text_digest(content), "fd", "pending", "t0", "t0")
        response = ResponseRow(name, f"{name}-a", "ann", "draft", text_digest(body), "rd", "t0", "t0")
        snapshots.add_page(snapshot_id, [row], [response], [content, body])
        snapshots.sweep_page([name], place)
    snapshots.add_users(snapshot_id, [UserRow("ann", "Ann", "annotator", True)])
    if complete:
        snapshots.complete(snapshot_id)
    return snapshot_id


def items(*ids: str) -> list[ItemRow]:
    """Operations of a plan."""
    return [ItemRow(seq, "operation", "write_response", name, "d1", '{"x":1}') for seq, name in enumerate(ids)]


def plan(store: Store, *snapshots: int) -> int:
    """A plan made from some snapshots."""
    header = f'{{"snapshots":[{",".join(map(str, snapshots))}]}}'
    plan_id = store.plans.save("sync", header, items("i1", "i2", "i3"), "t1")
    store.plans.set_counts(plan_id, '{"overwrites":1}')
    return plan_id


def run(store: Store, plan_id: int, *events: tuple[str, str]) -> int:
    """A run with events, each in a transaction of its own."""
    run_id = store.journal.start(plan_id, job="j", host="h", pid=1, datasets=["d1"], at="t2")
    for item, name in events:
        store.journal.append(run_id, [(item, name, '{"why":"because"}')], "t3")
    return run_id


def everything(store: Store) -> SnapshotRow:
    """At least one row in every table; returns the snapshot."""
    snapshot_id = snapshot(store)
    plan_id = plan(store, snapshot_id)
    store.db.conn.execute("INSERT INTO plan_link VALUES (?, 0, 'k1', 'a', 'b')", (plan_id,))
    run_id = run(store, plan_id, ("i1", "started"), ("i1", "done"))
    store.journal.finish(run_id, outcome="complete", exit_code=0, summary="{}", at="t4")
    memory = store.memory
    memory.save_links("a>b", [Link("k1", "a", "b")])
    memory.save_bases("a>b", [("k1", "ann", "digest")])
    memory.save_origins([("d1", "b", "ann", "t1", "t0")])
    memory.save_pair(
        "a>b",
        source_dataset="a",
        target_dataset="b",
        source_snapshot=snapshot_id,
        swept_at="t4",
        two_way=0,
        source_activity=None,
        target_activity=None,
    )
    memory.note_conflict("c1", plan_id=plan_id, target_dataset="d1", record_key="k1", person="ann", detail="{}", at="t")
    return store.snapshots.get(snapshot_id)


def tables(store: Store) -> dict[str, list[tuple[object, ...]]]:
    """All rows of all tables, without SQLite's own and the record of migrations."""
    names = [name for name in store.db.table_names() if not name.startswith(("sqlite_", "_"))]
    query = "SELECT * FROM {}"
    return {name: [tuple(row) for row in store.db.conn.execute(query.format(name))] for name in names}
