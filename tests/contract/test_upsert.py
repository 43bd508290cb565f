"""`PUT /datasets/{id}/records/bulk`: the one way to write another person's response, from 1.28 on."""

from __future__ import annotations

from uuid import uuid4

import pytest

from tests.servers.seed import ApiError, answer, record

from .scene import QUESTIONS, Scene, by_user, on, submitted, topic_of

upserting = on(since="1.28")


@on(before="1.28")
def test_there_is_no_upsert_before_1_28(scene: Scene) -> None:
    (one,) = scene.records()
    body = {"items": [{"id": one, "responses": [submitted(scene.ann, "a")]}]}
    status, _ = scene.refused("PUT", f"{scene.dataset.path}/records/bulk", body)
    assert status in (404, 405)
    assert scene.dataset.responses(one) == {}


@upserting
def test_the_reply_marks_exactly_the_responses_that_were_there(scene: Scene) -> None:
    ids = scene.records(20)
    for place in (3, 11, 19):
        scene.dataset.answer(scene.ann, ids[place], {"topic": "a"})
    both = [submitted(scene.bob, "b"), submitted(scene.ann, "b")]
    reply = scene.put([{"id": id_, "responses": both} for id_ in ids])
    overwritten = [
        (item["id"], response["user_id"])
        for item in reply
        for response in item["responses"]
        if response["updated_at"] > response["inserted_at"]
    ]
    assert overwritten == [(ids[place], scene.ann.id) for place in (3, 11, 19)]


@upserting
def test_the_reply_keeps_the_order_and_shows_everybodys_responses(scene: Scene) -> None:
    ids = scene.records(3)
    scene.dataset.answer(scene.bob, ids[0], {"topic": "c"})
    reply = scene.put([{"id": id_, "responses": [submitted(scene.ann, "a")]} for id_ in reversed(ids)])
    assert [item["id"] for item in reply] == ids[::-1]
    assert by_user(reply[2]).keys() == {scene.ann.id, scene.bob.id}


@upserting
def test_a_response_alone_for_a_record_that_is_gone_refuses_the_call_and_makes_no_ghost(scene: Scene) -> None:
    gone, alive = scene.records(2)
    scene.dataset.delete([gone])
    items = [{"id": id_, "responses": [submitted(scene.ann, "a")]} for id_ in (alive, gone)]
    with pytest.raises(ApiError) as refused:
        scene.put(items)
    assert refused.value.status == 422
    assert "position 1" in refused.value.body
    assert scene.dataset.ids() == [alive]
    assert scene.dataset.responses(alive) == {}


@upserting
def test_fields_for_a_record_that_is_gone_make_a_ghost_with_a_new_id(scene: Scene) -> None:
    (gone,) = scene.records()
    scene.dataset.delete([gone])
    (ghost,) = scene.put([{"id": gone, "fields": {"text": "t"}, "responses": [submitted(scene.ann, "a")]}])
    assert ghost["id"] != gone
    assert scene.dataset.ids() == [ghost["id"]]


@upserting
def test_responses_are_merged_per_person(scene: Scene) -> None:
    (one,) = scene.records()
    mine = scene.dataset.answer(scene.ann, one, {"topic": "a", "note": "first"})
    yours = scene.dataset.answer(scene.bob, one, {"topic": "b"})
    merged = by_user(scene.put_answers(one, submitted(scene.ann, "c")))
    assert merged[scene.bob.id] == yours
    changed = merged[scene.ann.id]
    assert changed["values"] == {"topic": {"value": "c"}}
    assert (changed["id"], changed["inserted_at"]) == (mine["id"], mine["inserted_at"])


@upserting
def test_an_equal_response_moves_its_updated_at(scene: Scene) -> None:
    (one,) = scene.records()
    before = scene.dataset.answer(scene.ann, one, {"topic": "a"})
    after = by_user(scene.put_answers(one, submitted(scene.ann, "a")))[scene.ann.id]
    assert after["updated_at"] > before["updated_at"]
    assert {**after, "updated_at": None} == {**before, "updated_at": None}


@upserting
def test_no_response_can_be_removed(scene: Scene) -> None:
    (one,) = scene.records()
    mine = scene.dataset.answer(scene.ann, one, {"topic": "a"})
    bodies: tuple[dict[str, object], ...] = ({"responses": []}, {"responses": None}, {"metadata": {"k": "v"}})
    for item in bodies:
        scene.put([{"id": one, **item}])
        assert scene.dataset.responses(one) == {scene.ann.id: mine}


@upserting
def test_a_draft_replaces_a_submitted_answer(scene: Scene) -> None:
    (one,) = scene.records()
    scene.dataset.answer(scene.ann, one, {"topic": "a"})
    scene.put_answers(one, answer(scene.ann, {}, "draft"))
    response = scene.dataset.responses(one)[scene.ann.id]
    assert (response["status"], response["values"]) == ("draft", {})


@upserting
def test_a_draft_needs_an_object_and_a_discard_does_not(scene: Scene) -> None:
    (one,) = scene.records()
    for bad in (answer(scene.ann, None, "draft"), {"user_id": scene.ann.id, "status": "draft"}):
        with pytest.raises(ApiError) as refused:
            scene.put_answers(one, bad)
        assert refused.value.status == 422
    scene.put_answers(one, answer(scene.ann, {}, "draft"), answer(scene.bob, None, "discarded"))
    stored = scene.dataset.responses(one)
    assert (stored[scene.ann.id]["status"], stored[scene.ann.id]["values"]) == ("draft", {})
    assert (stored[scene.bob.id]["status"], stored[scene.bob.id]["values"] or {}) == ("discarded", {})


@upserting
@pytest.mark.parametrize("values", [{}, None, {"note": "no topic"}, {"topic": "z"}, {"other": "a"}])
def test_one_answer_that_does_not_fit_refuses_the_whole_call(scene: Scene, values: dict[str, str] | None) -> None:
    first, second = scene.records(2)
    items = [
        {"id": first, "responses": [submitted(scene.ann, "a")]},
        {"id": second, "responses": [answer(scene.ann, values)]},
    ]
    with pytest.raises(ApiError) as refused:
        scene.put(items)
    assert refused.value.status == 422
    assert scene.dataset.responses(first) == {}
    assert scene.dataset.responses(second) == {}


@upserting
def test_the_sentence_names_the_first_bad_position(scene: Scene) -> None:
    ids = scene.records(3)
    answers = [submitted(scene.ann, topic) for topic in ("a", "nope", "worse")]
    with pytest.raises(ApiError, match=r"at position 1 .*'nope' is not a valid label"):
        scene.put([{"id": id_, "responses": [given]} for id_, given in zip(ids, answers, strict=True)])


@upserting
def test_an_author_must_exist_once_and_need_not_be_a_member(scene: Scene) -> None:
    (one,) = scene.records()
    nobody = answer(str(uuid4()), {"topic": "a"})
    for bad in ([nobody], [submitted(scene.ann, "a"), submitted(scene.ann, "b")]):
        with pytest.raises(ApiError) as refused:
            scene.put_answers(one, *bad)
        assert refused.value.status == 422
    stranger = scene.stranger()
    scene.put_answers(one, submitted(stranger, "c"))
    assert scene.dataset.responses(one).keys() == {stranger.id}


@upserting
def test_metadata_is_kept_replaced_or_cleared_as_the_key_says(scene: Scene) -> None:
    (one,) = scene.records(metadata={"k": "v", "l": 1})
    scene.put_answers(one, submitted(scene.ann, "a"))
    assert scene.dataset.record(one)["metadata"] == {"k": "v", "l": 1}
    scene.put([{"id": one, "metadata": {"l": 2}}])
    assert scene.dataset.record(one)["metadata"] == {"l": 2}
    scene.put([{"id": one, "metadata": None}])
    assert scene.dataset.record(one)["metadata"] is None


@upserting
def test_the_external_id_of_a_found_record_never_changes(scene: Scene) -> None:
    (one,) = scene.dataset.add([record({"text": "t"}, external_id="e1")])
    (found,) = scene.put([{"external_id": "e1", "responses": [submitted(scene.ann, "a")]}])
    assert found["id"] == one
    if scene.version >= (2,):
        scene.put([{"id": one, "external_id": "e2", "responses": [submitted(scene.ann, "b")]}])
    assert [item["external_id"] for item in scene.dataset.records()] == ["e1"]


@on(since="1.28", before="2.0")
def test_in_1_x_a_known_id_with_an_unknown_external_id_makes_a_second_record(scene: Scene) -> None:
    (one,) = scene.dataset.add([record({"text": "t"}, external_id="e1")])
    scene.put([{"id": one, "external_id": "e2", "fields": {"text": "t"}}])
    assert [item["external_id"] for item in scene.dataset.records()] == ["e1", "e2"]


@upserting
def test_fields_change_from_2_6_on_and_are_ignored_before(scene: Scene) -> None:
    (one,) = scene.records()
    scene.put([{"id": one, "fields": {"text": "changed"}}])
    expected = "changed" if scene.version >= (2, 6) else "text 0"
    assert scene.dataset.record(one)["fields"] == {"text": expected}


@upserting
def test_the_order_of_the_list_does_not_change(scene: Scene) -> None:
    ids = scene.records(3)
    scene.put([{"id": ids[0], "metadata": {"k": 1}, "responses": [submitted(scene.ann, "a")]}])
    assert scene.dataset.ids() == ids


@upserting
def test_suggestions_are_merged_per_question(scene: Scene) -> None:
    questions = scene.dataset.question_ids()
    full = {"value": "a", "score": 0.5, "agent": "model-1", "type": "model"}
    (one,) = scene.records(suggestions={"topic": full, "note": "n"})
    scene.put([{"id": one, "suggestions": [{"question_id": questions["topic"], "value": "b"}]}])
    stored = {s["question_id"]: s for s in scene.dataset.record(one)["suggestions"]}
    topic, note = stored[questions["topic"]], stored[questions["note"]]
    assert (topic["value"], topic["score"], topic["agent"], topic["type"]) == ("b", None, None, None)
    assert note["value"] == "n"


@on(since="2.0")
def test_the_status_follows_and_only_its_flip_touches_the_record(scene: Scene) -> None:
    (one,) = scene.records()
    fresh = scene.dataset.record(one)
    assert fresh["status"] == "pending"
    drafted = scene.put_answers(one, answer(scene.ann, {}, "draft"))
    assert (drafted["status"], drafted["updated_at"]) == ("pending", fresh["updated_at"])
    done = scene.put_answers(one, submitted(scene.ann, "a"))
    assert done["status"] == "completed"
    assert done["updated_at"] > fresh["updated_at"]
    again = scene.put_answers(one, submitted(scene.bob, "b"), submitted(scene.ann, "c"))
    assert (again["status"], again["updated_at"]) == ("completed", done["updated_at"])
    assert {topic_of(r) for r in again["responses"]} == {"b", "c"}


@upserting
def test_an_unpublished_dataset_takes_upserts_from_2_4_on(scene: Scene) -> None:
    draft = scene.admin.dataset(scene.dataset.workspace, "draft", questions=QUESTIONS, publish=False)
    body = {"items": [{"fields": {"text": "t"}}]}
    reply = scene.raw("PUT", f"{draft.path}/records/bulk", json=body)
    assert reply.status_code == (200 if scene.version >= (2, 4) else 422)
