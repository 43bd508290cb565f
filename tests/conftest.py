"""What every test gets: no settings of the machine, a lease folder of its own, and repeatable Hypothesis runs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.servers.fixtures"]

settings.register_profile("ci", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("search", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--thorough", action="store_true", help="Draw ten times as many samples where tests draw them.")
    parser.addoption("--all-versions", action="store_true", help="Also run the tests that are marked `matrix`.")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "matrix: needs more server versions or more time; runs with --all-versions only")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is not for every day."""
    if config.getoption("--all-versions"):
        return
    left_out = [item for item in items if item.get_closest_marker("matrix")]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


@pytest.fixture(scope="session")
def many(pytestconfig: pytest.Config) -> int:
    """By what a test multiplies the number of samples that it draws."""
    return 10 if pytestconfig.getoption("--thorough") else 1


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Take the machine's settings away; returns the folder in which this test's state of the user lies."""
    for name in list(os.environ):
        if name.startswith(("ARGILLA_", "SYNCER_")):
            monkeypatch.delenv(name)
    place = tmp_path_factory.mktemp("user-state")
    monkeypatch.setenv("XDG_STATE_HOME", str(place))
    return place
