"""What arrives is what Argilla's own SDK shows on both sides."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.live.test_main_job import copies
from tests.live.world import World, ref
from tests.servers.builds import build
from tests.servers.seed import Dataset

SCRIPT = Path(__file__).with_name("sdk_dump.py")


def shown_by_sdk(world: World, dataset: Dataset) -> Any:
    """Text -> user id -> status and values. The SDK shows no response without values."""
    python = str(build("2.8.0").python)
    arguments = [world.server.url, world.server.owner_key, dataset.workspace, dataset.name]
    done = subprocess.run([python, str(SCRIPT), *arguments], capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_the_sdk_shows_the_same_answers_in_both_copies(world: World) -> None:
    alice, _, own, group = copies(world)
    assert world.migrate(ref(own), ref(group)).code == 0
    source, target = shown_by_sdk(world, own), shown_by_sdk(world, group)
    assert len(source) == 6
    mine = {text: people[alice.id] for text, people in source.items() if alice.id in people}
    assert len(mine) == 4
    assert {text: people[alice.id] for text, people in target.items() if alice.id in people} == mine
