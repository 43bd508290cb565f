"""Installs one version of argilla-server into a virtual environment of its own, once per machine."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_cache_path

HERE = Path(__file__).parent
LAUNCHER = HERE / "inside" / "launcher.py"
OWNER_USERNAME = "argilla"
OWNER_PASSWORD = "annotate-with-care"
TAIL_LINES = 40


class BuildError(Exception):
    """A version could not be installed; the message ends with what the installer said."""


@dataclass(frozen=True)
class Build:
    """One installed version: its interpreter, and a database with the owner as its only user."""

    version: str
    folder: Path

    @property
    def python(self) -> Path:
        return self.folder / "env" / "bin" / "python"

    @property
    def template(self) -> Path:
        return self.folder / "home"

    @property
    def marker(self) -> Path:
        return self.folder / "complete"


def versions() -> list[str]:
    """The versions there are requirements for, oldest first."""
    found = (path.stem for path in (HERE / "requirements").glob("*.txt"))
    return sorted(found, key=lambda version: [int(part) for part in version.split(".")])


def cache_folder() -> Path:
    override = os.environ.get("SYNCER_TEST_CACHE")
    return Path(override) if override else user_cache_path("argilla-syncer-tests")


def build(version: str) -> Build:
    """Return the installed version, after installing it if this has not been done with the same requirements.

    Raises BuildError. Several processes may ask at once: one installs, the others wait.
    """
    requirements = HERE / "requirements" / f"{version}.txt"
    if not requirements.exists():
        raise BuildError(f"no requirements for argilla-server {version}; there are: {', '.join(versions())}")
    content = requirements.read_bytes() + f"python {sys.version_info[:2]}, {OWNER_PASSWORD}".encode()
    digest = hashlib.sha256(content).hexdigest()
    result = Build(version, cache_folder() / f"argilla-server-{version}-{digest[:12]}")
    if not result.marker.exists():
        with _locked(result.folder.parent / f"{result.folder.name}.lock", version) as lock:
            if not result.marker.exists():
                _install(result, requirements, lock)
                result.marker.write_text(digest)
    return result


@contextmanager
def _locked(path: Path, version: str) -> Iterator[int]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _say(f"waiting for another process that installs argilla-server {version} ...")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield file.fileno()


def _install(result: Build, requirements: Path, lock: int) -> None:
    """Install in place, since a virtual environment cannot be moved: the marker tells a whole one from a half."""
    _say(f"installing argilla-server {result.version} into {result.folder} (about a minute, once) ...")
    started = time.monotonic()
    shutil.rmtree(result.folder, ignore_errors=True)
    result.template.mkdir(parents=True)
    _run([sys.executable, "-m", "venv", result.folder / "env"], result, lock)
    # the servers declare an older Python than they need, and the pinned set is complete: nothing to resolve
    pip: list[str | Path] = [result.python, "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    _run([*pip, "--no-deps", "--ignore-requires-python", "-r", requirements], result, lock)
    command: list[str | Path] = [result.python, LAUNCHER, "command", "database"]
    _run([*command, "migrate"], result, lock)
    owner = ["--password", OWNER_PASSWORD, "--api-key", "replaced-by-each-server"]
    _run([*command, "users", "create_default", "--quiet", *owner], result, lock)
    _say(f"installed argilla-server {result.version} in {time.monotonic() - started:.0f} s")


def _run(command: list[str | Path], result: Build, lock: int) -> None:
    """Run one step; it inherits the lock, so that nobody else installs while an orphaned step goes on."""
    log = result.folder / "install.log"
    with log.open("ab") as output:
        status = subprocess.run(
            command,
            env=server_environment(result.template),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            pass_fds=[lock],
            check=False,
        ).returncode
    if status != 0:
        raise BuildError(f"installing argilla-server {result.version} failed:\n{tail(log)}")


def server_environment(home: Path) -> dict[str, str]:
    """The environment for a server whose files are below `home`: no settings leak in, no telemetry leaks out."""
    dropped = ("ARGILLA_", "HF_", "PYTHON", "UVICORN_", "WEB_CONCURRENCY")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    return kept | {
        "ARGILLA_HOME_PATH": str(home),
        "ARGILLA_SEARCH_ENGINE": "database",
        "ARGILLA_REDIS_URL": f"unix://{home}/redis.sock",
        "ARGILLA_AUTH_SECRET_KEY": "only-for-tests",
        "ARGILLA_ENABLE_TELEMETRY": "0",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_OFFLINE": "1",
        "NO_PROXY": "*",
        "PYTHONUNBUFFERED": "1",
    }


def tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-TAIL_LINES:])


def _say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)
