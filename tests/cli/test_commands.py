"""Every command is documented, and the ways to use them work from a shell."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from state import Store
from syncer.cli import COMMANDS
from tests.cli.conftest import Desk

README = Path(__file__).parent.parent.parent / "README.md"
OWN, GROUP = "alice/reviews", "group/reviews"


def dataset_of(desk: Desk, workspace: str) -> Any:
    places = {place.id: place.name for place in desk.fake.store.workspaces.values()}
    return next(d for d in desk.fake.store.datasets.values() if places[d.workspace_id] == workspace)


def record_id(desk: Desk, workspace: str, external_id: str) -> str:
    records = dataset_of(desk, workspace).records.values()
    return str(next(record.id for record in records if record.external_id == external_id))


def submit(desk: Desk, person: str, workspace: str, external_id: str, value: str) -> None:
    desk.fake.person(person).submit(record_id(desk, workspace, external_id), {"label": value})


def value(desk: Desk, workspace: str, external_id: str, person: str) -> str | None:
    user = desk.fake.store.user_named(person)
    assert user is not None
    record = dataset_of(desk, workspace).records[record_id(desk, workspace, external_id)]
    for response in record.responses:
        if response.user_id == user.id:
            return str(response.values["label"]["value"])
    return None


def interrupted(desk: Desk) -> None:
    """Let plan 1 look as if a run of it had stopped before its first request."""
    with Store(desk.folder / ".syncer" / "state.db") as store:
        group = dataset_of(desk, "group").id
        now = datetime.now(UTC).isoformat()
        store.journal.start(1, job=None, host="elsewhere", pid=1, datasets=[group], at=now)


def test_every_command_has_help_and_stands_in_the_readme(desk: Desk) -> None:
    text = README.read_text(encoding="utf-8")
    shown = desk.run("--help").out
    for name in COMMANDS:
        assert re.search(rf"^  {name} ", shown, re.MULTILINE), name
        assert re.search(rf"`{name}\b", text), name
        assert desk.run(name, "--help").code == 0


def test_the_readme_lists_the_exit_codes_of_all_errors() -> None:
    from syncer import errors

    text = README.read_text(encoding="utf-8")
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.SyncerError)]
    for code in {kind.exit_code for kind in kinds}:
        assert f"| {code} |" in text


def test_an_error_is_words_and_on_request_json_never_a_traceback(desk: Desk) -> None:
    found = desk.run("--json", "diff", "alice/review", GROUP)
    assert found.code == 2
    assert found.json["error"]["exit_code"] == 2
    assert "alice/reviews" in found.json["error"]["advice"]
    assert "Traceback" not in found.err


def test_shared_flags_may_stand_after_the_command(desk: Desk) -> None:
    submit(desk, "alice", "alice", "e0", "a")
    assert desk.run("migrate", OWN, GROUP, "--yes", "--json").json["run"]["outcome"] == "complete"
    assert desk.run("runs", "verify", "--json").json == {"verified": [1]}


def test_messages_can_be_lines_of_json(desk: Desk) -> None:
    found = desk.run("--log-format", "json", "--debug", "plan", OWN, GROUP)
    lines = [json.loads(line) for line in found.err.splitlines()]
    assert {line["level"] for line in lines} == {"info"}
    assert any("GET" in line["message"] for line in lines)
    failed = desk.run("--log-format", "json", "show", "99")
    assert [json.loads(line)["level"] for line in failed.err.splitlines()] == ["error", "error"]


def test_an_interrupted_run_does_not_go_on_at_another_address(desk: Desk) -> None:
    submit(desk, "alice", "alice", "e0", "a")
    desk.run("plan", OWN, GROUP)
    interrupted(desk)
    found = desk.run("resume", "--yes", url="http://127.0.0.1:1")
    assert found.code == 6
    assert f"mean {desk.served.url} again" in found.err
    assert desk.writes() == []


def test_nothing_is_written_without_a_yes(desk: Desk) -> None:
    submit(desk, "alice", "alice", "e0", "a")
    desk.fake.log.clear()
    assert desk.run("migrate", OWN, GROUP).code == 2
    assert desk.writes() == []


def test_a_saved_plan_is_shown_applied_once_and_stale_after_another_run(desk: Desk) -> None:
    submit(desk, "alice", "alice", "e0", "a")
    first = desk.run("--json", "plan", OWN, GROUP).json["plan"]["id"]
    second = desk.run("--json", "plan", OWN, GROUP).json["plan"]["id"]
    assert "write a response" in desk.run("show", str(first)).out
    assert desk.run("--yes", "apply", str(first)).code == 0
    desk.fake.log.clear()
    assert "applied before" in desk.run("--yes", "apply", str(first)).out
    assert desk.writes() == []
    stale = desk.run("--yes", "apply", str(second))
    assert stale.code == 6
    assert "stale" in stale.err
    assert value(desk, "group", "e0", "alice") == "a"


def test_the_guard_refuses_with_numbers_and_the_option_that_overrides(desk: Desk) -> None:
    fresh = [f"n{i}" for i in range(30)]
    for workspace in ("alice", "group"):
        bodies = [
            {
                "fields": {"text": key},
                "external_id": key,
                "responses": [{"username": "alice", "status": "submitted", "values": {"label": {"value": mine}}}],
            }
            for key in fresh
            for mine in ["a" if workspace == "alice" else "b"]
        ]
        desk.fake.add_records(dataset_of(desk, workspace), bodies)
    refused = desk.run("--yes", "migrate", OWN, GROUP, "--conflicts", "source")
    assert refused.code == 6
    assert "overwrite 30 of 30" in refused.err
    assert "--max-change" in refused.err
    assert desk.run("--yes", "migrate", OWN, GROUP, "--conflicts", "source", "--max-change", "1").code == 0
    assert value(desk, "group", "n0", "alice") == "a"


def test_a_conflict_decided_by_hand_does_not_come_back_and_a_new_edit_does(desk: Desk) -> None:
    submit(desk, "alice", "alice", "e0", "a")
    submit(desk, "alice", "group", "e0", "b")
    assert desk.run("--yes", "migrate", OWN, GROUP).code == 4
    assert value(desk, "group", "e0", "alice") == "b"
    listed = desk.run("--json", "conflicts").json
    assert [c["username"] for c in listed] == ["alice"]
    assert desk.run("conflicts", "resolve", str(listed[0]["id"]), "--take", "target").code == 0
    assert desk.run("--yes", "migrate", OWN, GROUP).code == 0
    assert value(desk, "group", "e0", "alice") == "b"
    submit(desk, "alice", "alice", "e0", "c")
    assert desk.run("--yes", "migrate", OWN, GROUP).code == 4
    newest = desk.run("--json", "conflicts").json[-1]
    assert desk.run("conflicts", "resolve", str(newest["id"]), "--take", "source").code == 0
    assert desk.run("--yes", "migrate", OWN, GROUP).code == 0
    assert value(desk, "group", "e0", "alice") == "c"


def test_a_two_way_job_goes_both_ways_and_a_quiet_round_costs_four_requests_a_side(desk: Desk) -> None:
    (desk.folder / "syncer.toml").write_text(
        f'[jobs.home]\nsources = ["{OWN}"]\ntarget = "{GROUP}"\ntwo_way = true\nevery = "1h"\n'
    )
    submit(desk, "alice", "alice", "e0", "a")
    submit(desk, "bob", "group", "e1", "b")
    assert desk.run("--yes", "sync", "home").code == 0
    assert value(desk, "group", "e0", "alice") == "a"
    assert value(desk, "alice", "e1", "bob") == "b"
    desk.fake.log.clear()
    assert "nothing has changed" in desk.run("--yes", "sync", "home").out
    assert desk.writes() == []
    own, group = (dataset_of(desk, name).id for name in ("alice", "group"))
    for dataset_id in (own, group):
        assert sum(dataset_id in entry.path for entry in desk.fake.log) <= 4
    assert desk.run("--yes", "sync", "home", "--full").code == 0
    assert desk.writes() == []


def test_serve_runs_its_jobs_and_ends_on_sigterm(desk: Desk) -> None:
    (desk.folder / "syncer.toml").write_text(f'[jobs.home]\nsources = ["{OWN}"]\ntarget = "{GROUP}"\nevery = "1s"\n')
    process = subprocess.Popen(
        desk.command("--yes", "serve"), cwd=desk.folder, env=desk.environment, stderr=subprocess.PIPE, text=True
    )
    try:
        submit(desk, "alice", "alice", "e0", "a")
        wait_until(lambda: value(desk, "group", "e0", "alice") == "a")
        submit(desk, "alice", "alice", "e0", "c")
        wait_until(lambda: value(desk, "group", "e0", "alice") == "c")
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.communicate()


def wait_until(condition: Any, seconds: float = 40) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def test_init_writes_a_configuration_that_can_be_read_and_never_replaces_one(desk: Desk) -> None:
    assert desk.run("init").code == 0
    assert "reviews" in desk.run("jobs").out
    assert desk.run("init").code == 2


def test_a_key_in_the_configuration_and_an_unknown_key_are_refused(desk: Desk) -> None:
    file = desk.folder / "syncer.toml"
    file.write_text('[servers.a]\nurl = "http://127.0.0.1:1"\napi_key = "secret-key"\n')
    found = desk.run("jobs")
    assert found.code == 2
    assert "api_key_env" in found.err
    assert "secret-key" not in found.err
    file.write_text('[servers.a]\nurl = "http://127.0.0.1:1"\nhedaers_env = "X"\n')
    assert "servers.a.hedaers_env" in desk.run("jobs").err


def test_an_interrupted_run_is_resumed_first_by_the_next_migration(desk: Desk) -> None:
    for i in range(10):
        submit(desk, "alice", "alice", f"e{i}", "a")
    desk.run("plan", OWN, GROUP)
    interrupted(desk)
    done = desk.run("--yes", "migrate", OWN, GROUP)
    assert done.code == 0
    assert "run 1 was interrupted and is finished first" in done.err
    assert all(value(desk, "group", f"e{i}", "alice") == "a" for i in range(10))
    assert [run["outcome"] for run in desk.run("--json", "runs").json] == ["complete", "complete"]


def test_the_doctor_finds_what_would_stop_a_migration(desk: Desk) -> None:
    well = desk.run("doctor", OWN, GROUP, "--json")
    assert well.code == 0, well.out
    assert well.json == {
        "servers": [
            {
                "server": "default",
                "version": "2.8.0",
                "user": "argilla",
                "role": "owner",
                "datasets": 2,
                "in place": "yes",
                "problem": "",
            }
        ],
        "jobs": {f"{OWN} {GROUP}": {"problems": [], "notes": []}},
    }
    desk.fake.add_user("carol", workspaces=["alice"])
    dataset_of(desk, "group").guidelines = "read them"
    found = desk.run("doctor", OWN, GROUP)
    assert found.code == 1
    assert "! carol of default:alice/reviews is no member of the target's workspace: --add-members" in found.out
    assert "- default:alice/reviews: the guidelines differ" in found.out
    missing = desk.run("doctor", "alice/revews", GROUP)
    assert missing.code == 1
    assert "there is no dataset alice/revews" in missing.out


def test_undo_takes_back_what_nobody_touched(desk: Desk) -> None:
    submit(desk, "alice", "alice", "e0", "a")
    submit(desk, "alice", "alice", "e1", "a")
    assert desk.run("--yes", "migrate", OWN, GROUP).code == 0
    submit(desk, "alice", "group", "e1", "c")
    assert desk.run("--yes", "undo", "1").code == 4
    assert value(desk, "group", "e0", "alice") is None
    assert value(desk, "group", "e1", "alice") == "c"
