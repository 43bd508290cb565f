"""The background service, for as long as people work: its server is restarted, and it is killed itself."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

from tests.live.team import Team
from tests.live.world import World
from tests.servers import running_server
from tests.servers.seed import Admin

SHORT, LONG = 30.0, 600.0
"""Seconds of work."""
PATIENCE = 120.0


class Service:
    """`syncer serve` in a world's folder."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.log = world.folder / "serve.log"
        self._process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        command = [str(Path(sys.executable).with_name("syncer")), "--yes", "serve"]
        environment = os.environ | {
            "ARGILLA_API_URL": self._world.server.url,
            "ARGILLA_API_KEY": self._world.server.owner_key,
        }
        with self.log.open("ab") as log:
            return subprocess.Popen(
                command, cwd=self._world.folder, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def alive(self) -> bool:
        return self._process.poll() is None

    def kill_and_start(self) -> None:
        """SIGKILL, then a new process on the same state."""
        self._process.kill()
        self._process.wait()
        self._process = self._start()

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(PATIENCE)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


@contextmanager
def serving(world: World) -> Iterator[Service]:
    service = Service(world)
    try:
        yield service
    finally:
        service.close()


def wait_until(condition: Callable[[], bool], service: Service) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert service.alive(), service.log.read_text()
        assert time.monotonic() < deadline, service.log.read_text()
        time.sleep(0.2)


def work(team: Team, service: Service, seconds: float) -> None:
    """People answer for so long, in bursts, while the service runs."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for _ in range(team.random.randint(1, 4)):
            team.act()
        assert service.alive(), service.log.read_text()
        time.sleep(team.random.uniform(0.1, 2.0))


def test_three_copies_stay_in_step_through_a_restart_and_a_kill(tmp_path: Path, many: int) -> None:
    seconds = LONG if many > 1 else SHORT
    with running_server("2.8.0") as server, Admin(server.url, server.owner_key, server.version) as admin:
        world = World(server, admin, tmp_path)
        team = Team(world, Random(5), records=12)
        # One person in two copies at once is a conflict, which the newer of the two wins here.
        options = {"every": '"1s"', "conflicts": '"newest"', "clock_tolerance": '"0s"', "max_change": "1.0"}
        (tmp_path / "syncer.toml").write_text(team.configuration(**options))
        with serving(world) as service:
            work(team, service, seconds / 3)
            server.stop()
            wait_until(lambda: "failed" in service.log.read_text(), service)
            server.start()
            work(team, service, seconds / 3)
            service.kill_and_start()
            work(team, service, seconds / 3)
            wait_until(lambda: not team.unequal(), service)
            assert service.stop() == 0
        assert team.acts > 10
        for name, copy in team.own.items():
            assert {key for key in team.holdings()[-1] if key[1] == team.people[name].id}, copy.name
        full = world.syncer("--yes", "--json", "sync", "team", "--full")
        assert full.code == 0, full.err
        assert {name for name, number in full.json["counts"].items() if number} <= {"done"}
        verified = world.syncer("runs", "verify")
        assert verified.code == 0, verified.err


def test_a_service_without_its_server_goes_on_trying(tmp_path: Path) -> None:
    with running_server("2.8.0") as server, Admin(server.url, server.owner_key, server.version) as admin:
        world = World(server, admin, tmp_path)
        team = Team(world, Random(6), records=3)
        (tmp_path / "syncer.toml").write_text(team.configuration(every='"1s"'))
        server.stop()
        with serving(world) as service:
            wait_until(lambda: service.log.read_text().count("failed") >= 2, service)
            server.start()
            team.group.answer(team.people["alice"], team.ids[team.group.id][0], {"mood": "good"})
            wait_until(lambda: not team.unequal() and bool(team.holdings()[0]), service)
            assert service.stop() == 0
