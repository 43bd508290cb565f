"""What cannot go right is refused: nothing is written, the exit code says the kind, the message what to do."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.live.test_main_job import copies
from tests.live.world import QUESTIONS, World, held, ref
from tests.servers import Server
from tests.servers.seed import Admin, answer, record


def test_a_missing_dataset(any_world: World) -> None:
    _, _, _, group = copies(any_world)
    found = any_world.migrate(f"{group.workspace}/review", ref(group))
    assert found.code == 2
    assert f"there is no dataset {group.workspace}/review" in found.err
    assert ref(group) in found.err


def test_a_wrong_key(any_world: World) -> None:
    _, _, own, group = copies(any_world)
    before = held(group)
    found = any_world.syncer("--yes", "migrate", ref(own), ref(group), key="not-the-key")
    assert found.code == 8
    assert "key" in found.err
    assert "next:" in found.err
    assert held(group) == before


def test_an_annotators_key(any_world: World) -> None:
    alice, _, own, group = copies(any_world)
    before = held(group)
    found = any_world.syncer("--yes", "migrate", ref(own), ref(group), key=alice.key)
    assert found.code == 8
    assert "next:" in found.err
    assert held(group) == before


def test_a_stopped_server(tmp_path_factory: pytest.TempPathFactory, world: World) -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{reserved.getsockname()[1]}"
        found = world.syncer(
            "diff", "a/b", "c/d", url=url, more={"SYNCER_STATE": str(tmp_path_factory.mktemp("s") / "x.db")}
        )
    assert found.code == 1
    assert url.removeprefix("http://") in found.err


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def web_page(tmp_path: Path) -> Iterator[str]:
    """The address of a web server that shows files."""
    (tmp_path / "index.html").write_text("<html><body>Welcome</body></html>")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_server_that_is_no_argilla(web_page: str, world: World) -> None:
    for command in (("diff", "a/b", "c/d"), ("migrate", "a/b", "c/d"), ("snapshot", "a/b")):
        found = world.syncer("--yes", *command, url=web_page)
        assert found.code == 1
        assert web_page in found.err
        assert "Argilla" in found.err
        assert "next:" in found.err


def test_an_author_who_is_unknown_or_differs_in_case_blocks_until_mapped(
    server_new: Server, server_old: Server, world: World
) -> None:
    with Admin(server_old.url, server_old.owner_key, server_old.version) as admin:
        there = World(server_old, admin, world.folder, world.suffix)
        alice, carol = there.user("alice", "alice"), there.user("carol", "alice")
        own = there.dataset("alice")
        own.add(
            [
                record(
                    {"text": "t"},
                    external_id="e",
                    responses=[answer(alice, {"mood": "good"}), answer(carol, {"mood": "bad"})],
                )
            ]
        )
    upper = world.admin.user(f"Alice-{world.suffix}", workspaces=[world.place("group")])
    group = world.dataset("group", QUESTIONS)
    group.add([record({"text": "t"}, external_id="e")])
    (world.folder / "syncer.toml").write_text(
        f'[servers.old]\nurl = "{server_old.url}"\napi_key_env = "OLD_KEY"\n'
        f'[servers.new]\nurl = "{server_new.url}"\napi_key_env = "NEW_KEY"\n'
    )
    keys = {"OLD_KEY": server_old.owner_key, "NEW_KEY": server_new.owner_key}
    call = ("--yes", "migrate", f"old:{ref(own)}", f"new:{ref(group)}")
    blocked = world.syncer(*call, more=keys)
    assert blocked.code == 6
    assert f"--map-user alice-{world.suffix}=Alice-{world.suffix}" in blocked.err
    assert f"carol-{world.suffix}" in blocked.err
    assert held(group) == {"t": {}}
    mapped = (*call, "--map-user", f"alice-{world.suffix}=Alice-{world.suffix}")
    assert world.syncer(*mapped, more=keys).code == 6
    assert world.syncer(*mapped, "--drop-unmapped", more=keys).code == 4
    assert set(held(group)["t"]) == {upper.id}
