"""Runs a real argilla-server of a chosen version on a free loopback port, in a throw-away folder."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from uuid import uuid4

import httpx

from tests.servers.builds import (
    LAUNCHER,
    OWNER_PASSWORD,
    OWNER_USERNAME,
    Build,
    build,
    server_environment,
    tail,
)

START_SECONDS = 120
STOP_SECONDS = 15


class ServerError(Exception):
    """A server did not start; the message ends with the last lines of its log."""


class Server:
    """One argilla-server with its own database. Made by `running_server`.

    url, version, log_path; the owner's owner_username, owner_password, owner_key (unique to this server).
    The port stays reserved while the server is stopped: connections are then refused.
    """

    def __init__(self, installed: Build, folder: Path, *, worker: bool = False) -> None:
        self.version = installed.version
        self.owner_username = OWNER_USERNAME
        self.owner_password = OWNER_PASSWORD
        self.owner_key = f"owner-{installed.version}-{secrets.token_hex(8)}"
        self.log_path = folder / "server.log"
        self._build = installed
        self._home = folder / "home"
        self._worker = worker
        self._process: subprocess.Popen[bytes] | None = None
        self._reserved = _reserve_port()
        self.url = f"http://127.0.0.1:{self._reserved.getsockname()[1]}"
        self._home.mkdir()
        _copy_database(installed.template / "argilla.db", self._home / "argilla.db", self.owner_key)

    @property
    def process_group(self) -> int | None:
        """The process group that the server and its helpers run in, while it runs."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start the server and wait until it answers. Raises ServerError."""
        if self._process is not None:
            raise ServerError("the server is running already")
        temporary = self._home.parent / "tmp"
        temporary.mkdir(exist_ok=True)
        port = str(self._reserved.getsockname()[1])
        environment = server_environment(self._home) | {"HOME": str(self._home), "TMPDIR": str(temporary)}
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [self._build.python, LAUNCHER, "serve", port, *(["--worker"] if self._worker else [])],
                cwd=self._home,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            self._wait_until_ready(self._process)
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """End the server in an orderly way; its data stays for the next start."""
        if self._process is not None:
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_SECONDS)
            self.kill()

    def kill(self) -> None:
        """End the server at once (SIGKILL), as a crash of its machine would."""
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process = None

    def restart(self) -> None:
        """Stop and start again: same URL, same data."""
        self.stop()
        self.start()

    def close(self) -> None:
        """Stop and give the port back."""
        self.stop()
        self._reserved.close()

    def index(self, *, lag: bool = False, forget: Iterable[str] = (), stale: Iterable[str] = ()) -> None:
        """Set all that the search index gets wrong from now on; without arguments it is right again.

        lag: it misses records added from now on and keeps those that are deleted, until set to False.
        forget: ids of records that it does not have. stale: ids that it keeps when the records are deleted.
        Up to 2.2 the record list is affected, in all versions the search.
        """
        body = {"lag": lag, "forget": list(forget), "stale": list(stale)}
        httpx.post(f"{self.url}/__test__/index", json=body, trust_env=False).raise_for_status()

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_SECONDS
        key = {"X-Argilla-Api-Key": self.owner_key}
        with httpx.Client(base_url=self.url, headers=key, trust_env=False, timeout=START_SECONDS) as client:
            while True:
                if process.poll() is not None:
                    raise ServerError(f"argilla-server {self.version} ended while starting:\n{tail(self.log_path)}")
                with suppress(httpx.TransportError):
                    client.get("/api/v1/me/datasets").raise_for_status()
                    return
                if time.monotonic() > deadline:
                    raise ServerError(
                        f"argilla-server {self.version} was not ready after {START_SECONDS} s:\n{tail(self.log_path)}"
                    )
                time.sleep(0.1)


def _copy_database(template: Path, target: Path, owner_key: str) -> None:
    """Give a server its own copy of the template, with ids and a key that no other server has."""
    shutil.copyfile(template, target)
    user, workspace = uuid4().hex, uuid4().hex
    with closing(sqlite3.connect(target)) as database, database:
        database.execute("UPDATE users SET id = ?, api_key = ?", (user, owner_key))
        database.execute("UPDATE workspaces SET id = ?", (workspace,))
        database.execute("UPDATE workspaces_users SET user_id = ?, workspace_id = ?", (user, workspace))


def _reserve_port() -> socket.socket:
    """Bind a free loopback port without listening: nobody else gets it, and the server may share it."""
    reserved = socket.socket()
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    reserved.bind(("127.0.0.1", 0))
    return reserved


@contextmanager
def running_server(version: str, *, worker: bool = False) -> Iterator[Server]:
    """Run argilla-server, installing it first if needed; nothing of it is left afterwards.

    worker: also run the background worker, which delivers webhooks (2.5 and newer) and recomputes the
    status of records after a change of the distribution (2.2 and newer).
    Raises BuildError, ServerError.
    """
    installed = build(version)
    with tempfile.TemporaryDirectory(prefix="argilla-", ignore_cleanup_errors=True) as folder:
        server = Server(installed, Path(folder), worker=worker)
        try:
            server.start()
            yield server
        finally:
            server.close()
