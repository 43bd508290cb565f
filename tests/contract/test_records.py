"""What servers do with whole records."""

from __future__ import annotations

from contextlib import suppress

import httpx
import pytest

from tests.servers.seed import ApiError, answer, record

from .site import Stage, topic, topics


def test_a_second_record_under_an_external_id_is_refused_and_nothing_is_stored(stage: Stage) -> None:
    stage.add("one")
    with pytest.raises(ApiError) as refused:
        stage.dataset.add([record({"text": "two"}), record({"text": "again"}, external_id="one")])
    assert refused.value.status == (500 if stage.version < (1, 28) else 422)
    with suppress(httpx.TransportError):
        stage.dataset.info()  # after a 500 the server closes the connection
    assert [row["fields"]["text"] for row in stage.dataset.records()] == ["one"]


def test_the_list_keeps_the_order_of_creation_and_a_record_created_again_goes_to_the_end(stage: Stage) -> None:
    ids = stage.add("one", "two", "three")
    assert stage.dataset.ids() == ids
    stage.dataset.delete(ids[:1])
    again = stage.add("one")
    assert stage.dataset.ids() == [*ids[1:], *again]


def test_a_record_that_is_gone_is_a_404_and_deleting_it_again_is_no_error(stage: Stage) -> None:
    ids = stage.add("one", "two")
    stage.dataset.delete(ids[:1])
    stage.dataset.delete(ids[:1])
    with pytest.raises(ApiError) as refused:
        stage.get(ids[0])
    assert refused.value.status == 404
    assert stage.dataset.ids() == ids[1:]


def test_what_is_not_asked_for_is_not_in_the_list(stage: Stage) -> None:
    stage.dataset.add([record({"text": "one"}, responses=[topic(stage.alice, "a")])])
    (plain,) = stage.dataset.records(include=())
    assert plain.get("responses") is None
    (full,) = stage.dataset.records(include=("responses",))
    assert topics(full) == {stage.alice.id: ("submitted", "a")}


def test_a_record_can_be_deleted_and_created_again_with_everybodys_responses(stage: Stage) -> None:
    responses = [topic(stage.alice, "a"), topic(stage.bob, "b", "draft"), answer(stage.admin_user, {"topic": "c"})]
    (old,) = stage.dataset.add([record({"text": "t"}, external_id="e", responses=responses[:2])])
    stage.dataset.delete([old])
    (new,) = stage.dataset.add([record({"text": "t"}, external_id="e", responses=responses)])
    assert new != old
    assert topics(stage.dataset.record(new)) == {
        stage.alice.id: ("submitted", "a"),
        stage.bob.id: ("draft", "b"),
        stage.admin_user.id: ("submitted", "c"),
    }


def test_creating_and_deleting_records_does_not_move_the_activity(stage: Stage) -> None:
    (first,) = stage.dataset.add([record({"text": "t"}, responses=[topic(stage.alice, "a")])])
    before = stage.activity()
    stage.add("another")
    stage.dataset.delete([first])
    assert stage.activity() == before
