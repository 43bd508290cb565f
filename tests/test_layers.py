"""The layers: imports point down the table, in no circle, and only one package writes."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parent.parent
LAYERS = (
    ("syncer.errors", "syncer.model", "syncer.events"),
    ("syncer.ops", "syncer.filters", "syncer.plan", "syncer.names", "syncer.match", "syncer.verify", "syncer.argilla"),
    ("syncer.difference",),
    ("syncer.options", "syncer.lease"),
    ("syncer.guard",),
    ("syncer.pairing", "syncer.plan_model", "syncer.snapshot"),
    ("syncer.groups", "syncer.sync_content", "syncer.apply"),
    ("syncer.items",),
    ("syncer.drafting", "syncer.confirm"),
    ("syncer.planning", "syncer.undo", "syncer.freshness", "syncer.checkup"),
    ("syncer.jobs", "syncer.config", "syncer.report"),
    ("syncer.datasets", "syncer.servers", "syncer.service"),
    ("syncer.daemon",),
    ("syncer.cli",),
)
PURE = ("plan", "difference", "match", "names", "guard", "verify", "filters", "ops", "model")
"""Modules that decide: no clock, no network, no store, no files."""
IMPURE = ("httpx", "state", "sqlite3", "sqlite_utils", "time", "os", "pathlib", "random", "secrets", "logging")


def files() -> dict[str, Path]:
    found = {}
    for package in ("syncer", "state"):
        for path in (ROOT / package).rglob("*.py"):
            found[".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")] = path
    return found


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def unit(module: str) -> str:
    """The row entry that a module belongs to."""
    return ".".join(module.split(".")[:2])


def height(module: str) -> int | None:
    return next((i for i, row in enumerate(LAYERS) if unit(module) in row), None)


def test_every_module_has_its_place() -> None:
    known = {entry for row in LAYERS for entry in row} | {"syncer", "syncer.__main__"}
    assert {unit(module) for module in files() if module.startswith("syncer")} <= known


def test_imports_point_down() -> None:
    wrong = []
    for module, path in files().items():
        here = height(module)
        for name in imported(path):
            there = height(name)
            if here is None or there is None or unit(name) == unit(module):
                continue
            if there > here:
                wrong.append(f"{module} imports {name}")
    assert wrong == []


def test_no_two_units_import_each_other() -> None:
    arrows = {
        (unit(module), unit(name))
        for module, path in files().items()
        for name in imported(path)
        if height(module) is not None and height(name) is not None and unit(name) != unit(module)
    }
    assert [pair for pair in arrows if pair[::-1] in arrows] == []


def test_the_store_knows_nothing_of_the_product() -> None:
    for module, path in files().items():
        if module.startswith("state"):
            assert not [name for name in imported(path) if name.startswith("syncer")], module


def test_modules_that_decide_are_pure() -> None:
    for name in PURE:
        path = ROOT / "syncer" / f"{name}.py"
        assert not [found for found in imported(path) if found.split(".")[0] in IMPURE], name


def test_only_apply_reaches_for_the_class_that_writes() -> None:
    for module, path in files().items():
        if not module.startswith(("syncer.apply", "syncer.argilla")):
            assert "syncer.argilla.writes" not in imported(path), module


def test_no_method_deletes_a_user_a_workspace_or_a_dataset() -> None:
    text = (ROOT / "syncer" / "argilla" / "writes.py").read_text(encoding="utf-8")
    deleting = {
        node.name for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef) and "delete" in node.name
    }
    assert deleting == {"delete_response", "delete_records"}
