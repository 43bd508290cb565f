"""A body that was cut, wherever and however, is never taken for a complete one."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import closing

import pytest

from syncer.argilla import Connection
from syncer.argilla.transport import Request, Transport
from syncer.errors import AccessError, UnexpectedAnswer, UnknownOutcome, Unreachable
from tests.fake import FakeArgilla, Served, serve
from tests.proxy import FaultProxy, faults
from tests.proxy.faults import Framing

FRAMINGS: tuple[Framing, ...] = ("length", "shorter", "chunked", "close", "gzip")


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    fake = FakeArgilla("2.8.0")
    fake.add_dataset("reviews")
    with serve(fake) as made:
        yield made


def request_of(served: Served) -> Request:
    (dataset,) = served.fake.store.datasets.values()
    return Request("GET", f"/api/v1/datasets/{dataset.id}/fields")


def transport(proxy: FaultProxy, served: Served) -> closing[Transport]:
    return closing(Transport(Connection("s", proxy.url, served.owner_key, {}, None, False, 20.0)))


@pytest.mark.parametrize("framing", FRAMINGS)
def test_a_body_cut_at_any_byte_is_refused(served: Served, framing: Framing) -> None:
    with FaultProxy(served.url) as proxy:
        with transport(proxy, served) as client:
            answer = client.read(request_of(served))
        assert isinstance(answer.data, dict)
        size = answer.bytes
        if framing == "gzip":
            # Nothing at all is no compressed body, and one byte short of all is cut.
            size = len(gzip.compress(b" " * answer.bytes))
        refused = 0
        for at in range(size):
            proxy.clear()
            proxy.on(faults.cut_answer(at, framing))
            with transport(proxy, served) as client, pytest.raises((Unreachable, UnexpectedAnswer)):
                client.read(request_of(served))
            refused += 1
        assert refused == size > 20


def test_a_cut_answer_to_a_write_is_an_unknown_outcome(served: Served) -> None:
    with FaultProxy(served.url) as proxy:
        for framing in FRAMINGS:
            proxy.clear()
            proxy.on(faults.cut_answer(3, framing))
            with transport(proxy, served) as client, pytest.raises(UnknownOutcome):
                client.write(Request("POST", "/api/v1/workspaces", body={"name": f"w-{framing}"}))
    assert {f"w-{framing}" for framing in FRAMINGS} <= {w.name for w in served.fake.store.workspaces.values()}


def test_a_redirect_is_not_followed_and_no_key_goes_to_another_place(served: Served) -> None:
    with FaultProxy(served.url) as elsewhere, FaultProxy(served.url) as proxy:
        for status in (301, 302, 303, 307, 308):
            proxy.clear()
            proxy.on(faults.redirect(elsewhere.url, status))
            with transport(proxy, served) as client, pytest.raises(UnexpectedAnswer, match="redirect"):
                client.read(request_of(served))
        assert elsewhere.log == []


def test_an_error_shows_no_key_that_the_server_repeats(served: Served) -> None:
    with FaultProxy(served.url) as proxy:
        body = f'{{"detail": "bad key {served.owner_key}"}}'.encode()
        proxy.on(faults.answer(401, {"content-type": "application/json"}, body))
        with transport(proxy, served) as client, pytest.raises(AccessError) as caught:
            client.read(request_of(served))
    assert "bad key ***" in str(caught.value)
    assert served.owner_key not in repr(caught.value) + str(caught.value)
