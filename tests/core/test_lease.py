"""One run at a time per dataset: whoever comes second is refused, and a killed process holds nothing."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from syncer.errors import LeaseHeld
from syncer.lease import folder, lease
from tests.core.world import World, answer, record

RACES = 40
WORKER = """
import sys
from syncer.errors import LeaseHeld
from syncer.lease import lease

for line in sys.stdin:
    try:
        with lease(line.split(), f"worker {sys.argv[1]}"):
            print("runs", flush=True)
            sys.stdin.readline()
        print("ended", flush=True)
    except LeaseHeld as error:
        print(f"refused: {error.why}", flush=True)
"""


class Worker:
    """A process that takes a lease when it is told to, and gives it back when it is told to."""

    def __init__(self, name: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", WORKER, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def say(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def hear(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def workers() -> Iterator[list[Worker]]:
    started = [Worker(name) for name in ("one", "two", "three")]
    yield started
    for worker in started:
        worker.end()


@pytest.mark.parametrize("orders", [("d", "d", "d"), ("a b", "b a", "b c"), ("a b c", "c", "c b")])
def test_exactly_one_of_several_processes_runs(workers: list[Worker], orders: tuple[str, ...]) -> None:
    for race in range(RACES):
        starting = workers[race % 3 :] + workers[: race % 3]
        for worker, datasets in zip(starting, orders, strict=True):
            worker.say(datasets)
        heard = {worker: worker.hear() for worker in starting}
        running = [worker for worker, said in heard.items() if said == "runs"]
        assert len(running) == 1, heard
        assert all(said == "runs" or said.startswith("refused") for said in heard.values())
        running[0].say("end")
        assert running[0].hear() == "ended"


def test_the_kernel_frees_what_a_killed_process_held() -> None:
    for _ in range(5):
        worker = Worker("victim")
        worker.say("d")
        assert worker.hear() == "runs"
        with pytest.raises(LeaseHeld, match="worker victim"), lease(["d"], "me"):
            pass
        worker.process.send_signal(signal.SIGKILL)
        worker.process.communicate()
        with lease(["d"], "me"):
            pass


def test_a_stopped_process_keeps_its_lease(workers: list[Worker]) -> None:
    sleeper = workers[0]
    sleeper.say("d")
    assert sleeper.hear() == "runs"
    sleeper.process.send_signal(signal.SIGSTOP)
    with pytest.raises(LeaseHeld), lease(["d"], "me"):
        pass
    sleeper.process.send_signal(signal.SIGCONT)
    sleeper.say("end")
    assert sleeper.hear() == "ended"
    with lease(["d"], "me"):
        pass


def test_a_lease_is_held_within_one_process_too() -> None:
    with lease(["d"], "first"):
        with pytest.raises(LeaseHeld) as caught, lease(["d"], "second"):
            pass
        assert caught.value.why == "held by first"
        assert caught.value.exit_code == 7
        with lease(["other"], "second"):
            pass
    with lease(["d"], "second"):
        pass


def test_all_or_none() -> None:
    with lease(["b"], "first"), pytest.raises(LeaseHeld), lease(["a", "b"], "second"):
        pass
    with lease(["a"], "third"):
        pass


def test_a_dataset_that_is_named_twice_is_taken_once() -> None:
    with lease(["d", "d"], "me"):
        pass


def test_a_failing_run_frees_its_lease() -> None:
    with pytest.raises(RuntimeError, match="broken"), lease(["d"], "me"):
        raise RuntimeError("broken")
    with lease(["d"], "me"):
        pass


def test_a_child_that_outlives_the_run_holds_nothing() -> None:
    with lease(["d"], "me"):
        child = subprocess.Popen(
            [sys.executable, "-c", "import sys; print('up', flush=True); sys.stdin.read()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            close_fds=False,
        )
        assert child.stdout is not None
        assert child.stdout.readline() == b"up\n"
    try:
        with lease(["d"], "again"):
            pass
    finally:
        child.kill()
        child.communicate()


def test_the_locks_lie_in_the_users_own_folder(clean_environment: Path) -> None:
    assert folder().is_relative_to(clean_environment)
    with lease(["../../evil"], "me"):
        (lock,) = folder().iterdir()
    assert stat.S_IMODE(folder().stat().st_mode) == 0o700
    assert stat.S_IMODE(lock.stat().st_mode) == 0o600


def test_a_lock_that_is_a_symbolic_link_is_not_followed(tmp_path: Path) -> None:
    with lease(["d"], "me"):
        (lock,) = folder().iterdir()
    lock.unlink()
    victim = tmp_path / "victim"
    victim.write_text("precious")
    os.symlink(victim, lock)
    with pytest.raises(OSError, match="symbolic"), lease(["d"], "me"):
        pass
    assert victim.read_text() == "precious"


@pytest.mark.parametrize("held", ["s0:argilla/reviews", "s0:one/reviews"], ids=["target", "source"])
def test_a_run_that_cannot_have_its_datasets_writes_nothing(tmp_path: Path, held: str) -> None:
    world = World(tmp_path)
    fake = world.fakes["s0"]
    fake.add_user("ann", workspaces=["argilla", "one"])
    fake.add_records(fake.add_dataset("reviews", "one"), [record("t", answer("ann", "a")), record("u")])
    fake.add_records(fake.add_dataset("reviews", "argilla"), [record("t"), record("u", answer("ann", "b"))])
    plan = world.plan(["s0:one/reviews"], "s0:argilla/reviews", two_way=True)
    with lease([world.locate(held).dataset_id], "somebody"), pytest.raises(LeaseHeld, match="somebody"):
        world.apply(plan)
    assert [entry for entry in fake.log if entry.method != "GET"] == []
    assert world.store.journal.runs() == []
    assert world.apply(plan).counts["done"] == 2
    world.close()
