"""The proxy does to the wire what its faults say, and its log tells the truth about it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator

import httpx
import pytest

from tests.fake import FakeArgilla, Served, serve

from . import Fault, FaultProxy, Seen, faults

WORKSPACES = "/api/v1/workspaces"
ME = "/api/v1/me"


@pytest.fixture
def served() -> Iterator[Served]:
    with serve(FakeArgilla()) as served:
        yield served


@pytest.fixture
def proxy(served: Served) -> Iterator[FaultProxy]:
    with FaultProxy(served.url) as proxy:
        yield proxy


@pytest.fixture
def client(served: Served, proxy: FaultProxy) -> Iterator[httpx.Client]:
    headers = {"X-Argilla-Api-Key": served.owner_key}
    with httpx.Client(base_url=proxy.url, headers=headers, timeout=30, trust_env=False) as client:
        yield client


def names(served: Served) -> list[str]:
    return [workspace.name for workspace in served.fake.store.workspaces.values()]


def add(client: httpx.Client, name: str = "new") -> httpx.Response:
    return client.post(WORKSPACES, json={"name": name})


def test_without_rules_it_passes_everything_and_records_it(client: httpx.Client, proxy: FaultProxy) -> None:
    assert add(client).status_code == 201
    assert client.get(f"{ME}/datasets", params={"name": "é b"}).json() == {"items": []}
    first, second = proxy.log
    assert (first.method, first.path, json.loads(first.body)) == ("POST", WORKSPACES, {"name": "new"})
    assert (first.status, first.upstream_status, first.fault) == (201, 201, "")
    assert second.path == "/api/v1/me/datasets?name=%C3%A9+b"


def test_an_answer_without_a_body_passes(client: httpx.Client, served: Served) -> None:
    fake = served.fake
    dataset = fake.add_dataset()
    (record,) = fake.add_records(dataset, [{"fields": {"text": "t"}}])
    reply = client.delete(f"/api/v1/datasets/{dataset.id}/records", params={"ids": record.id})
    assert (reply.status_code, reply.content) == (204, b"")
    assert client.get(ME).status_code == 200


def test_a_rule_fires_once_for_its_nth_match_or_always_from_there(client: httpx.Client, proxy: FaultProxy) -> None:
    once = proxy.on(faults.answer(503), "GET", "/me$", nth=2)
    assert [client.get(ME).status_code for _ in range(3)] == [200, 503, 200]
    assert (once.matched, once.fired) == (3, 1)
    proxy.clear()
    proxy.on(faults.answer(503), where=lambda seen: b"bad" in seen.body, nth=2, always=True)
    assert [add(client, f"bad{i}").status_code for i in range(3)] == [201, 503, 503]
    assert [seen.fault for seen in proxy.log] == ["", "answer 503", "answer 503"]


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize(
    ("make", "done"),
    [(faults.cut_before, False), (faults.cut_sending, False), (faults.lose_answer, True)],
)
def test_a_cut_connection_is_an_error_and_the_work_is_done_or_not(
    client: httpx.Client, proxy: FaultProxy, served: Served, make: Callable[..., Fault], done: bool, reset: bool
) -> None:
    proxy.on(make(reset=reset), "POST")
    with pytest.raises(httpx.ReadError if reset else httpx.RemoteProtocolError):
        add(client)
    assert ("new" in names(served)) is done
    assert proxy.log[0].status is None
    assert proxy.log[0].upstream_status == (201 if done else None)
    assert len(served.fake.log) == done
    assert client.get(ME).status_code == 200


@pytest.mark.parametrize("framing", ["length", "chunked", "gzip"])
@pytest.mark.parametrize("at", [0, 1, 20])
def test_a_body_cut_against_its_framing_is_an_error(
    client: httpx.Client, proxy: FaultProxy, framing: faults.Framing, at: int
) -> None:
    proxy.on(faults.cut_answer(at, framing), "GET")
    with pytest.raises(httpx.RemoteProtocolError):
        client.get(ME)


@pytest.mark.parametrize("framing", ["shorter", "close"])
def test_a_body_cut_within_its_framing_is_a_short_success(
    client: httpx.Client, proxy: FaultProxy, framing: faults.Framing
) -> None:
    whole = client.get(ME).content
    proxy.on(faults.cut_answer(20, framing), "GET")
    reply = client.get(ME)
    assert (reply.status_code, reply.content) == (200, whole[:20])


def test_callbacks_run_at_their_boundary(client: httpx.Client, proxy: FaultProxy, served: Served) -> None:
    moments: dict[str, tuple[bool, int | None]] = {}
    late = threading.Event()

    def note(moment: str) -> faults.Callback:
        def callback(seen: Seen) -> None:
            moments[moment] = (moment in names(served), seen.status)
            late.set()

        return callback

    proxy.on(faults.before(note("before")), where=lambda seen: b'"before"' in seen.body)
    proxy.on(faults.after(note("after")), where=lambda seen: b'"after"' in seen.body)
    proxy.on(faults.mid_answer(note("middle"), 5), where=lambda seen: b'"middle"' in seen.body)
    proxy.on(faults.before(note("lost"), faults.lose_answer()), where=lambda seen: b'"lost"' in seen.body)
    for name in ("before", "after", "middle"):
        assert add(client, name).json()["name"] == name
    with pytest.raises(httpx.RemoteProtocolError):
        add(client, "lost")
    assert moments == {"before": (False, None), "after": (True, None), "middle": (True, None), "lost": (False, None)}
    assert "lost" in names(served)

    late.clear()
    proxy.on(faults.delivered(note("delivered")), where=lambda seen: b'"delivered"' in seen.body)
    assert add(client, "delivered").status_code == 201
    assert late.wait(30)
    assert moments["delivered"] == (True, 201)


def test_half_a_request_reaches_the_server_and_is_not_done(
    client: httpx.Client, proxy: FaultProxy, served: Served
) -> None:
    called = []
    proxy.on(faults.cut_sending(lambda seen: called.append(seen.method)), "POST")
    with pytest.raises(httpx.RemoteProtocolError):
        add(client)
    assert called == ["POST"]
    assert served.fake.log == []


def test_own_answers(client: httpx.Client, proxy: FaultProxy, served: Served) -> None:
    proxy.on(faults.busy("7"), "GET")
    proxy.on(faults.bad_gateway(), "GET", nth=2)
    proxy.on(faults.redirect("http://elsewhere.invalid/"), "GET", nth=3)
    proxy.on(faults.answer_after(500), "POST")
    busy, gateway, away = (client.get(ME) for _ in range(3))
    assert (busy.status_code, busy.headers["retry-after"]) == (429, "7")
    assert gateway.status_code == 502
    assert gateway.headers["content-type"] == "application/json"
    assert gateway.text.startswith("<html>")
    assert (away.status_code, away.headers["location"]) == (302, "http://elsewhere.invalid/")
    assert add(client).status_code == 500
    assert "new" in names(served)
    assert [seen.upstream_status for seen in proxy.log] == [None, None, None, 201]


def test_a_gzip_bomb_is_small_on_the_wire_and_large_behind_it(client: httpx.Client, proxy: FaultProxy) -> None:
    proxy.on(faults.gzip_bomb(8), "GET")
    with client.stream("GET", ME) as reply:
        assert int(reply.headers["content-length"]) < 20_000
        assert sum(map(len, reply.iter_bytes())) == 8 << 20


def test_a_black_hole_never_answers_and_ends_with_the_proxy(served: Served) -> None:
    errors: list[Exception] = []

    def ask(url: str) -> None:
        try:
            httpx.get(url + ME, timeout=60, trust_env=False)
        except httpx.HTTPError as error:
            errors.append(error)

    arrived = threading.Event()
    with FaultProxy(served.url) as proxy:
        proxy.on(faults.before(lambda _: arrived.set(), faults.black_hole()))
        asking = threading.Thread(target=ask, args=(proxy.url,))
        asking.start()
        assert arrived.wait(30)
    asking.join(30)
    assert [type(error) for error in errors] == [httpx.RemoteProtocolError]
    assert served.fake.log == []


def test_delay_and_drip_only_take_time(client: httpx.Client, proxy: FaultProxy) -> None:
    proxy.on(faults.delay(0.01), "POST")
    proxy.on(faults.drip(0.001, step=50), "GET")
    assert add(client).status_code == 201
    assert client.get(ME).json()["username"] == "argilla"


def test_a_required_header_is_demanded_and_not_passed_on(served: Served) -> None:
    passed: list[str] = []

    with (
        FaultProxy(served.url) as inner,
        FaultProxy(inner.url, require={"Authorization": "Bearer space"}) as outer,
        httpx.Client(base_url=outer.url, trust_env=False) as client,
    ):
        key = {"X-Argilla-Api-Key": served.owner_key}
        refused = client.get(ME, headers=key)
        assert (refused.status_code, refused.headers["content-type"]) == (401, "text/html")
        assert client.get(ME, headers={**key, "Authorization": "Bearer space"}).status_code == 200
        passed += inner.log[0].headers
        assert [seen.status for seen in outer.log] == [401, 200]
        assert outer.log[1].headers["authorization"] == "Bearer space"
    assert "authorization" not in passed


def test_the_upstream_may_go_away_and_come_back(client: httpx.Client, proxy: FaultProxy, served: Served) -> None:
    with serve(FakeArgilla()) as gone:
        pass
    proxy.upstream = gone.url
    with pytest.raises(httpx.RemoteProtocolError):
        client.get(ME)
    proxy.upstream = served.url
    assert client.get(ME).status_code == 200
