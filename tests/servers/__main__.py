"""Holds one server open: `python -m tests.servers 2.8.0 [--seed]`."""

from __future__ import annotations

import argparse
import signal
import sys

from tests.servers import BuildError, ServerError, running_server, versions
from tests.servers.demo import seed_demo
from tests.servers.seed import PASSWORD, Admin


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.servers", description="Run a real argilla-server.")
    parser.add_argument("version", choices=versions())
    parser.add_argument("--seed", action="store_true", help="make two small copies of a dataset")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with running_server(arguments.version) as server:
            print(f"argilla-server {server.version}, in the browser and for clients: {server.url}")
            print(f"log in as {server.owner_username} with {server.owner_password}")
            print(f"API key of the owner: {server.owner_key}")
            if arguments.seed:
                with Admin(server.url, server.owner_key, server.version) as admin:
                    alice, bob, own, group = seed_demo(admin)
                print(f"datasets: {own.workspace}/{own.name} and {group.workspace}/{group.name}")
                for user in (alice, bob):
                    print(f"log in as {user.username} with {PASSWORD}, API key {user.key}")
            print("Ctrl-C ends the server and deletes its data.", flush=True)
            signal.pause()
    except KeyboardInterrupt:
        return 0
    except (BuildError, ServerError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
