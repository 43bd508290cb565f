"""Signals: the first one lets the batch in hand finish, the second ends it at once; both can be resumed."""

from __future__ import annotations

import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.cli.conftest import Desk
from tests.cli.test_commands import GROUP, OWN, submit, value
from tests.proxy import FaultProxy, Seen, faults

ENOUGH = 30.0


@contextmanager
def migrating(desk: Desk, url: str) -> Iterator[subprocess.Popen[str]]:
    """A migration in batches of two."""
    process = subprocess.Popen(
        desk.command("--yes", "migrate", OWN, GROUP, "--batch", "2"),
        cwd=desk.folder,
        env=desk.environment | {"ARGILLA_API_URL": url},
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("twice", [False, True], ids=["once", "twice"])
def test_a_signal_leaves_a_run_that_can_be_resumed(desk: Desk, number: signal.Signals, twice: bool) -> None:
    for i in range(10):
        submit(desk, "alice", "alice", f"e{i}", "a")
    reached, go_on = threading.Event(), threading.Event()

    def hold(_: Seen) -> None:
        reached.set()
        assert go_on.wait(ENOUGH)

    with FaultProxy(desk.served.url) as proxy:
        rule = proxy.on(faults.before(hold), "PUT", nth=2)
        with migrating(desk, proxy.url) as process:
            assert reached.wait(ENOUGH)
            process.send_signal(number)
            assert process.stderr is not None
            assert any("stopping after the batch in hand" in line for line in process.stderr)
            if twice:
                process.send_signal(number)
                assert process.wait(ENOUGH) == 5
                go_on.set()
            else:
                go_on.set()
                assert process.wait(ENOUGH) == 5
        assert rule.fired == 1
        # The batch in hand was finished, and no other one begun.
        assert len(proxy.sent("PUT")) == 2
        done = desk.run("--yes", "resume", url=proxy.url)
    assert done.code == 0, done.err
    assert all(value(desk, "group", f"e{i}", "alice") == "a" for i in range(10))
    assert [run["outcome"] for run in desk.run("--json", "runs").json] == ["complete"]
