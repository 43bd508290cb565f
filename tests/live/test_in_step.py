"""A team's copies are kept in step while people work in all of them."""

from __future__ import annotations

from random import Random
from typing import Any

from tests.live.team import Team
from tests.live.world import World
from tests.proxy import FaultProxy

ROUNDS = 30


def conflicts_of(world: World, team: Team, plan: int) -> set[tuple[str, str]]:
    """(text, id of the person) of a plan's conflicts."""
    ids = {f"{name}-{world.suffix}": user.id for name, user in team.people.items()}
    found = world.syncer("--json", "show", str(plan)).json["conflicts"]
    return {(f"t{conflict['label'].removeprefix('e')}", ids[conflict["username"]]) for conflict in found}


def test_copies_are_equal_after_thirty_rounds_of_work_apart_from_listed_conflicts(world: World) -> None:
    team = Team(world, Random(30), records=8)
    (world.folder / "syncer.toml").write_text(team.configuration())
    with FaultProxy(world.server.url) as proxy:

        def sync(*flags: str) -> Any:
            done = world.syncer("--yes", "--json", "sync", "team", *flags, url=proxy.url)
            assert done.code in (0, 4), done.err
            return done.json

        for _ in range(ROUNDS):
            for _ in range(team.random.randint(1, 4)):
                team.act()
            sync()
        plans = [sync("--full")["run"]["plan"] for _ in range(3)]
        conflicts = conflicts_of(world, team, plans[-1])
        assert conflicts == conflicts_of(world, team, plans[-2])
        assert team.unequal() == conflicts
        assert 0 < len(conflicts) < len(team.holdings()[-1])

        proxy.clear()
        sync("--full")
        assert proxy.sent("PUT", "POST", "PATCH", "DELETE") == []
        proxy.clear()
        assert sync() == {"job": "team", "outcome": "quiet"}
        for dataset in team.copies:
            assert sum(dataset.id in seen.path for seen in proxy.log) <= 4
        assert all(seen.method == "GET" for seen in proxy.log)
