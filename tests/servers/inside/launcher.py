# mypy: disable-error-code="import-not-found"
"""Runs argilla-server without Elasticsearch, inside the virtual environment of one version.

launcher.py command ARGUMENT...   one of argilla-server's own commands
launcher.py serve PORT            the server, until SIGTERM or until its standard input ends
launcher.py work                  the background worker, until SIGTERM
"""

from __future__ import annotations

import ctypes
import enum
import os
import runpy
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

HOME = Path(os.environ["ARGILLA_HOME_PATH"])
PR_SET_PDEATHSIG = 1


def restore_enum_format() -> None:
    """Make f-strings show a str-mixed enum's value, as before Python 3.11.

    Servers older than 2.5 write such members into SQL, where "ResponseStatus.submitted" matches nothing.
    """

    def old_format(self: enum.Enum, spec: str) -> str:
        mixed_in = type(self)._member_type_  # type: ignore[attr-defined]
        if mixed_in is object or type(self).__str__ not in (enum.Enum.__str__, enum.Flag.__str__):
            return str.__format__(str(self), spec)
        shown: str = mixed_in.__format__(self._value_, spec)
        return shown

    enum.Enum.__format__ = old_format  # type: ignore[method-assign, assignment]


def die_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def watch_standard_input() -> None:
    """End the whole process group, and remove its folder, as soon as whoever started it is gone."""

    def watch() -> None:
        while os.read(0, 1024):
            pass
        shutil.rmtree(HOME.parent, ignore_errors=True)
        os.killpg(os.getpgrp(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()


def start_redis() -> subprocess.Popen[bytes] | None:
    """Start the Redis that newer versions need, if this environment has one."""
    binary = Path(sys.prefix, "bin", "redis-server")
    if not binary.exists():
        return None
    command: list[str | Path] = [
        binary,
        "--port",
        "0",
        "--unixsocket",
        HOME / "redis.sock",
        "--save",
        "",
        "--dir",
        HOME,
    ]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=die_with_parent)


def start_worker() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, __file__, "work"],
        stdin=subprocess.DEVNULL,
        preexec_fn=die_with_parent,
    )


def without_elasticsearch(app: Any) -> None:
    """Take out what the 1.x servers ask Elasticsearch for outside of the registered engine."""
    app.router.on_startup[:] = [f for f in app.router.on_startup if f.__name__ != "setup_elasticsearch"]
    try:
        from argilla_server.services.datasets import DatasetsService
        from argilla_server.services.info import ApiInfoService
    except ModuleNotFoundError:
        return
    client = SimpleNamespace(get_cluster_info=dict)
    info = ApiInfoService(SimpleNamespace(client=client))

    async def no_datasets(*_: Any, **__: Any) -> list[Any]:
        return []

    apps = [app, *(route.app for route in app.routes if hasattr(route, "app"))]
    for sub_app in apps:
        if hasattr(sub_app, "dependency_overrides"):
            sub_app.dependency_overrides[ApiInfoService.get_instance] = lambda: info
            sub_app.dependency_overrides[DatasetsService.get_instance] = lambda: SimpleNamespace(list=no_datasets)


def add_index_control(app: Any) -> None:
    """Add the route through which tests tell the search engine what to get wrong."""
    import engine
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

    async def control(request: Request) -> Response:
        engine.DatabaseEngine.faults.set(**await request.json())
        return Response(status_code=204)

    app.router.routes.insert(0, Route("/__test__/index", control, methods=["POST"]))


def listen(port: int) -> socket.socket:
    """Listen on a port that the starting process holds: both sockets say that they share it."""
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listening.bind(("127.0.0.1", port))
    listening.listen(128)
    return listening


def serve(port: int, *, with_worker: bool) -> None:
    children = [child for child in [start_redis(), start_worker() if with_worker else None] if child]
    watch_standard_input()
    # uvicorn raises SIGTERM again when it is done: leave by an exception, so that the children are ended too
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        import engine  # noqa: F401  (registers itself)
        import uvicorn
        from argilla_server._app import app

        without_elasticsearch(app)
        add_index_control(app)
        config = uvicorn.Config(app, timeout_graceful_shutdown=2)
        uvicorn.Server(config).run(sockets=[listen(port)])
    finally:
        for child in children:
            child.terminate()
        for child in children:
            child.wait()


def work() -> None:
    import engine  # noqa: F401  (registers itself)
    from argilla_server.jobs.queues import REDIS_CONNECTION
    from redis.exceptions import ConnectionError
    from rq import SimpleWorker

    deadline = time.monotonic() + 60
    while True:
        try:
            REDIS_CONNECTION.ping()
            break
        except ConnectionError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
    SimpleWorker(["high", "default"], connection=REDIS_CONNECTION).work()


def main(arguments: list[str]) -> None:
    restore_enum_format()
    if arguments[0] == "serve":
        serve(int(arguments[1]), with_worker="--worker" in arguments)
    elif arguments[0] == "work":
        work()
    else:
        sys.argv[1:] = arguments[1:]
        runpy.run_module("argilla_server", run_name="__main__", alter_sys=False)


if __name__ == "__main__":
    main(sys.argv[1:])
