"""Responses move between copies on a real server, planned, applied, verified."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx

from tests.live.world import World, held, raw_responses, ref
from tests.proxy import FaultProxy, faults
from tests.servers.seed import Dataset, User, answer, label, record

TEXT = "Anna met Berta in Rome"
FULL: dict[str, Any] = {
    "mood": "good",
    "stars": 4,
    "topics": ["size", "price"],
    "order": [{"value": "second", "rank": 1}, {"value": "first", "rank": 1}, {"value": "third", "rank": 3}],
    "names": [{"label": "PER", "start": 0, "end": 4}, {"label": "LOC", "start": 18, "end": 22}],
    "note": "naïve 😀 текст",
}


def copies(world: World) -> tuple[User, User, Dataset, Dataset]:
    """Alice's copy with an answer of every status, and the group's, on which bob has worked."""
    alice, bob = world.user("alice", "alice", "group"), world.user("bob", "group")
    own, group = world.dataset("alice"), world.dataset("group")
    answers = [
        answer(alice, FULL),
        answer(alice, {"mood": "bad"}),
        answer(alice, {"stars": 2}, "draft"),
        answer(alice, {}, "draft"),
        answer(alice, {"note": "no"}, "discarded"),
        answer(alice, {}, "discarded"),
    ]
    own.add([record({"text": f"{TEXT} {i}"}, external_id=f"e{i}", responses=[a]) for i, a in enumerate(answers)])
    group.add(
        [
            record({"text": f"{TEXT} {i}"}, external_id=f"e{i}", responses=[answer(bob, {"mood": "mixed"})])
            for i in range(len(answers) - 1)
        ]
    )
    return alice, bob, own, group


def test_every_status_and_type_arrives_under_its_author_and_a_second_run_writes_nothing(any_world: World) -> None:
    alice, bob, own, group = copies(any_world)
    before = held(group)
    in_place = any_world.server.version.startswith("2")
    raw = raw_responses(group)
    assert any_world.syncer("diff", ref(own), ref(group), "--exit-code").code == 3
    done = any_world.migrate(ref(own), ref(group))
    assert done.code == 0, done.out + done.err
    after, source = held(group), held(own)
    for text, answers in source.items():
        assert after[text][alice.id] == answers[alice.id]
    for text, answers in before.items():
        assert after[text][bob.id] == answers[bob.id]
    if in_place:
        assert {key: row for key, row in raw_responses(group).items() if key in raw} == raw
    with FaultProxy(any_world.server.url) as proxy:
        assert any_world.migrate(ref(own), ref(group), url=proxy.url).code == 0
        assert {seen.method for seen in proxy.log} == {"GET"}
    assert any_world.syncer("diff", ref(own), ref(group), "--exit-code").code == 0


def test_the_author_sees_the_answers_through_the_web_interface_s_own_endpoint(world: World) -> None:
    alice, _, own, group = copies(world)
    assert world.migrate(ref(own), ref(group)).code == 0
    url = f"{world.server.url}/api/v1/me/datasets/{group.info()['id']}/records/search"
    body: dict[str, Any] = {"query": {"text": {"q": "Anna"}}}
    shown = httpx.post(
        url,
        params={"include": "responses", "limit": 50},
        json=body,
        headers={"X-Argilla-Api-Key": alice.key},
        trust_env=False,
        timeout=60,
    )
    shown.raise_for_status()
    mine = {
        item["record"]["fields"]["text"]: (item["record"]["responses"][0]["status"])
        for item in shown.json()["items"]
        if item["record"].get("responses")
    }
    assert mine == {text: answers[alice.id][0] for text, answers in held(own).items()}


def test_diff_and_plan_send_only_reads(any_world: World) -> None:
    _, _, own, group = copies(any_world)
    with FaultProxy(any_world.server.url) as proxy:
        assert any_world.syncer("diff", ref(own), ref(group), url=proxy.url).code == 0
        assert any_world.syncer("plan", ref(own), ref(group), url=proxy.url).code == 0
        assert proxy.log
        assert {seen.method for seen in proxy.log} == {"GET"}


def test_twenty_equal_texts_become_twenty_records_also_after_the_state_was_lost(any_world: World) -> None:
    alice = any_world.user("alice", "alice", "group")
    own, group = any_world.dataset("alice"), any_world.dataset("group")
    moods = [["good", "bad", "mixed"][i % 3] for i in range(20)]
    own.add([record({"text": "same"}, responses=[answer(alice, {"mood": mood})]) for mood in moods])
    assert any_world.migrate(ref(own), ref(group)).code == 0
    assert [row[alice.id][1]["mood"]["value"] for row in held(group).values()] == moods
    for file in (any_world.folder / ".syncer").iterdir():
        file.unlink()
    with FaultProxy(any_world.server.url) as proxy:
        assert any_world.migrate(ref(own), ref(group), url=proxy.url).code == 0
        assert {seen.method for seen in proxy.log} == {"GET"}
    assert len(held(group)) == 20


def test_exactly_the_doubtful_items_are_left_alone_and_all_else_is_applied(any_world: World) -> None:
    alice = any_world.user("alice", "alice", "group")
    own = any_world.dataset("alice", [label("mood", ["good", "bad", "new"])])
    group = any_world.dataset("group", [label("mood", ["good", "bad"])])
    own.add(
        [
            record({"text": "fine"}, external_id="fine", responses=[answer(alice, {"mood": "good"})]),
            record({"text": "one text"}, external_id="differs", responses=[answer(alice, {"mood": "good"})]),
            record({"text": "label"}, external_id="label", responses=[answer(alice, {"mood": "new"})]),
            record({"text": "twin"}, responses=[answer(alice, {"mood": "good"})]),
        ]
    )
    group.add(
        [
            record({"text": "fine"}, external_id="fine"),
            record({"text": "another text"}, external_id="differs"),
            record({"text": "label"}, external_id="label"),
            record({"text": "twin"}),
            record({"text": "twin"}),
        ]
    )
    plan = any_world.syncer("--json", "plan", ref(own), ref(group)).json
    reasons = sorted((skip["label"], skip["reason"]) for skip in plan["skips"] if not skip["person"])
    assert reasons == [("differs", "content-differs"), ("twin", "ambiguous")]
    assert [s["label"] for s in plan["skips"] if s["reason"] == "does-not-fit"] == ["label"]
    assert any_world.migrate(ref(own), ref(group)).code == 4
    assert {text for text, answers in held(group).items() if answers} == {"fine"}


def test_an_answer_edited_between_plan_and_apply_stays(world: World) -> None:
    alice, _, own, group = copies(world)
    plan = world.syncer("--json", "plan", ref(own), ref(group)).json["plan"]["id"]
    first = group.ids()[0]
    group.answer(alice, first, {"mood": "mixed"})
    applied = world.syncer("--yes", "apply", str(plan))
    assert applied.code == 4, applied.out
    assert "drifted" in applied.out
    assert held(group)[f"{TEXT} 0"][alice.id][1]["mood"] == {"value": "mixed"}
    assert world.syncer("--yes", "apply", str(plan)).code == 4
    assert held(group)[f"{TEXT} 0"][alice.id][1]["mood"] == {"value": "mixed"}


def test_a_dropped_answer_leads_to_a_read_and_never_to_a_second_send(world: World) -> None:
    _, _, own, group = copies(world)
    with FaultProxy(world.server.url) as proxy:
        proxy.on(faults.lose_answer(), method="PUT", path=r"/records/bulk")
        done = world.migrate(ref(own), ref(group), url=proxy.url)
        assert done.code == 0, done.out + done.err
        puts = [seen for seen in proxy.log if seen.method == "PUT"]
    assert len(puts) == 1
    assert world.syncer("diff", ref(own), ref(group), "--exit-code").code == 0


def test_no_key_of_anybody_is_stored_or_shown(world: World) -> None:
    alice, bob, own, group = copies(world)
    shown = [
        world.syncer("--debug", "--json", "plan", ref(own), ref(group)),
        world.syncer("--debug", "--yes", "apply", "1"),
        world.syncer("--debug", "diff", "nowhere/nothing", ref(group)),
        world.syncer("--json", "show", "1"),
    ]
    files = [path.read_bytes() for path in Path(world.folder).rglob("*") if path.is_file()]
    for key in (alice.key, bob.key, world.server.owner_key):
        assert all(key not in result.out + result.err for result in shown)
        assert all(key.encode() not in content for content in files)
