"""`make demo`: a dry run, the migration of ten copies into one dataset, and the proof that nothing is missing."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile

from tests.demo.scene import Team, build, responses_by_author
from tests.servers import Server, running_server
from tests.servers.seed import Admin

VERSION = "2.8.0"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.demo")
    parser.add_argument("--keep", action="store_true", help="hold the server open afterwards")
    keep = parser.parse_args().keep
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    say(f"starting a real argilla-server {VERSION} ...")
    with running_server(VERSION) as server, tempfile.TemporaryDirectory() as folder:
        with Admin(server.url, server.owner_key, server.version) as admin:
            say("seeding ten annotators' copies with their real answers ...")
            team = build(admin)
            sources = [f"{copy.workspace}/{copy.name}" for copy in team.copies]
            target = f"{team.group.workspace}/{team.group.name}"
            say("1. What would be done? (writes nothing)")
            expect(3, syncer(server, folder, "diff", *sources, target, "--exit-code"))
            say("2. Bring all copies home.")
            expect(0, syncer(server, folder, "--yes", "migrate", *sources, target))
            say("3. Is anything left? (a second dry run)")
            expect(0, syncer(server, folder, "diff", *sources, target, "--exit-code"))
            say("4. Responses by author, as the server lists them:")
            compare(team)
        if keep:
            hold(server)
    return 0


def compare(team: Team) -> None:
    home = sum((responses_by_author(copy) for copy in team.copies), start=type(responses_by_author(team.group))())
    group = responses_by_author(team.group)
    print(f"{'author':<24}{'in the copies':>14}{'in the group':>14}")
    for person in team.people:
        print(f"{person.username:<24}{home[person.id]:>14}{group[person.id]:>14}")
    if home != group:
        raise SystemExit("the copies and the group differ")
    print(f"{'together':<24}{sum(home.values()):>14}{sum(group.values()):>14}")


def syncer(server: Server, folder: str, *arguments: str) -> int:
    print(f"$ syncer {' '.join(arguments[:3])}{' ...' if len(arguments) > 3 else ''}", flush=True)
    environment = {**os.environ, "ARGILLA_API_URL": server.url, "ARGILLA_API_KEY": server.owner_key}
    command = [sys.executable, "-m", "syncer", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, check=False).returncode


def expect(code: int, found: int) -> None:
    if found != code:
        raise SystemExit(f"the command ended with {found}, not {code}")


def hold(server: Server) -> None:
    say(f"The server is held open: {server.url}, log in as {server.owner_username} with {server.owner_password}")
    say("Ctrl-C ends it and deletes its data.")
    try:
        signal.pause()
    except KeyboardInterrupt:
        say("stopped")


def say(text: str) -> None:
    print(f"\n{text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
