"""What writing responses does and leaves behind."""

from __future__ import annotations

import pytest

from tests.contract.site import Stage, refused, response_of, responses, topic, topics
from tests.servers.seed import Json, answer, record

ORPHAN = "00000000-0000-4000-8000-000000000000"


def test_people_move_the_activity_of_a_dataset(stage: Stage) -> None:
    (id_,) = stage.add("t")
    seen = [stage.activity()]
    response = stage.dataset.answer(stage.alice, id_, {"topic": "a"})
    seen.append(stage.activity())
    stage.dataset.answer(stage.alice, id_, {"topic": "b"}, "draft")
    seen.append(stage.activity())
    stage.dataset.edit_response(response["id"], {"topic": "c"}, user=stage.alice)
    seen.append(stage.activity())
    body = {"values": {"topic": {"value": "a"}}, "status": "submitted"}
    stage.site.admin.call("POST", f"/records/{id_}/responses", body, user=stage.bob)
    seen.append(stage.activity())
    stage.dataset.delete_response(response["id"], user=stage.alice)
    seen.append(stage.activity())
    assert seen == sorted(set(seen))


def test_bulk_writes_do_not_move_the_activity_of_a_dataset(stage: Stage) -> None:
    (first,) = stage.add("t")
    before = stage.activity()
    _, extra = stage.add("u", "v", responses=[topic(stage.alice, "a")])
    if stage.site.has_bulk:
        stage.upsert(responses(first, topic(stage.alice, "a")), responses(extra, topic(stage.alice, "b")))
        stage.upsert({"id": first, "metadata": None})
    stage.dataset.delete([extra])
    stage.dataset.edit(first, metadata=None)
    assert stage.activity() == before


def test_a_response_does_not_move_the_record_unless_its_status_flips(stage: Stage) -> None:
    (id_,) = stage.add("t", responses=[topic(stage.alice, "a")])
    before = stage.dataset.record(id_)["updated_at"]
    stage.dataset.answer(stage.alice, id_, {"topic": "b"})
    if stage.site.has_bulk:
        stage.upsert(responses(id_, topic(stage.bob, "c")))
    assert stage.dataset.record(id_)["updated_at"] == before


@pytest.mark.parametrize("values", ["null", "absent", "empty"])
@pytest.mark.parametrize("status", ["draft", "discarded"])
def test_a_draft_or_discarded_response_of_a_person_may_be_empty(stage: Stage, status: str, values: str) -> None:
    (id_,) = stage.add("t")
    given: dict[str, dict[str, object]] = {"null": {"values": None}, "absent": {}, "empty": {"values": {}}}
    body = {"status": status, **given[values]}
    stage.site.admin.call("POST", f"/records/{id_}/responses", body, user=stage.alice)
    stored = response_of(stage.dataset.record(id_), stage.alice)
    assert stored["status"] == status
    assert not stored["values"]


@pytest.mark.parametrize("values", [None, {}])
def test_a_submitted_response_may_not_be_empty(stage: Stage, values: dict[str, str] | None) -> None:
    (id_,) = stage.add("t")
    with refused(422):
        body = {"status": "submitted", "values": values}
        stage.site.admin.call("POST", f"/records/{id_}/responses", body, user=stage.alice)
    assert stage.dataset.record(id_)["responses"] == []


@pytest.mark.parametrize("status", ["draft", "discarded"])
def test_the_values_of_a_draft_inside_a_record_must_be_an_object_those_of_a_discarded_one_need_not(
    stage: Stage, status: str
) -> None:
    (id_,) = stage.add("t")
    null: Json = {"user_id": stage.alice.id, "status": status, "values": None}
    absent: Json = {"user_id": stage.alice.id, "status": status}
    empty = {"user_id": stage.alice.id, "status": status, "values": {}}
    for number, body in enumerate((null, absent)):
        if status == "draft":
            with refused(422):
                stage.add(f"new-{number}", responses=[body])
        else:
            stage.add(f"new-{number}", responses=[body])
        if stage.site.has_bulk and status == "draft":
            with refused(422):
                stage.upsert(responses(id_, body))
    (made,) = stage.add("empty", responses=[empty])
    assert not response_of(stage.dataset.record(made), stage.alice)["values"]
    if stage.site.has_bulk:
        (reply,) = stage.upsert(responses(id_, empty))
        assert response_of(reply, stage.alice)["status"] == status


def test_posting_a_second_response_keeps_the_first(stage: Stage) -> None:
    (id_,) = stage.add("t", responses=[topic(stage.alice, "a")])
    with refused(409, "already exists"):
        body = {"status": "submitted", "values": {"topic": {"value": "b"}}}
        stage.site.admin.call("POST", f"/records/{id_}/responses", body, user=stage.alice)
    assert topics(stage.dataset.record(id_)) == {stage.alice.id: ("submitted", "a")}


def test_an_owner_who_posts_for_somebody_else_stores_a_response_of_their_own(stage: Stage) -> None:
    (id_,) = stage.add("t")
    body = {"status": "submitted", "values": {"topic": {"value": "b"}}, "user_id": stage.alice.id}
    stored = stage.site.admin.call("POST", f"/records/{id_}/responses", body)
    assert stored["user_id"] not in (stage.alice.id, None)


def test_the_owner_replaces_anybodys_response(stage: Stage) -> None:
    (id_,) = stage.add("t", responses=[answer(stage.alice, {"topic": "a", "note": "n"}), topic(stage.bob, "a")])
    before = response_of(stage.dataset.record(id_), stage.alice)
    stored = stage.dataset.edit_response(before["id"], {"topic": "b"}, "draft")
    assert (stored["id"], stored["user_id"], stored["status"]) == (before["id"], stage.alice.id, "draft")
    assert stored["values"] == {"topic": {"value": "b"}}
    assert stored["updated_at"] > before["updated_at"]
    assert topics(stage.dataset.record(id_)) == {stage.alice.id: ("draft", "b"), stage.bob.id: ("submitted", "a")}
    with refused(403):
        stage.dataset.edit_response(before["id"], {"topic": "c"}, user=stage.bob)


def test_replacing_or_deleting_a_response_that_is_gone_is_a_404(stage: Stage) -> None:
    (id_,) = stage.add("t", responses=[topic(stage.alice, "a")])
    response = response_of(stage.dataset.record(id_), stage.alice)
    stage.dataset.delete_response(response["id"])
    with refused(404):
        stage.dataset.delete_response(response["id"])
    with refused(404):
        stage.dataset.edit_response(response["id"], {"topic": "b"})
    assert stage.dataset.record(id_)["responses"] == []


def test_the_status_of_a_record_follows_its_submitted_responses(stage: Stage) -> None:
    (id_,) = stage.add("t")
    if not stage.site.has_status:
        assert "status" not in stage.dataset.record(id_)
        return

    def status() -> str:
        return str(stage.dataset.record(id_)["status"])

    assert status() == "pending"
    stage.upsert(responses(id_, topic(stage.alice, "a", "draft"), topic(stage.bob, "a", "discarded")))
    assert status() == "pending"
    (reply,) = stage.upsert(responses(id_, topic(stage.alice, "a")))
    assert (reply["status"], status()) == ("completed", "completed")
    stage.dataset.delete_response(response_of(reply, stage.alice)["id"])
    assert status() == "pending"
    stage.dataset.add([record({"text": "u"}, responses=[topic(stage.bob, "b")])])
    assert [found["status"] for found in stage.dataset.records()] == ["pending", "completed"]
