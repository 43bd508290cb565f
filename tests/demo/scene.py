"""A group dataset and one copy per annotator with that annotator's real answers."""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tests.servers.seed import Admin, Dataset, User, answer, label, record, text

DATA = Path(__file__).parent.parent / "data" / "concon"
ANSWERS = {
    "Omstreden naar huidige maatstaven": "contentious",
    "Niet omstreden": "not-contentious",
    "Weet ik niet": "unknown",
    "Onleesbare OCR": "illegible",
}


@dataclass(frozen=True)
class Team:
    """The people, their copies (the first half with external ids), and the group's dataset without answers."""

    people: list[User]
    copies: list[Dataset]
    group: Dataset


def build(admin: Admin) -> Team:
    """Seed a server through its REST API."""
    texts = {row["extract_id"]: row for row in _rows("extracts.csv")}
    answers = _rows("annotations.csv")
    names = sorted({row["annotator"] for row in answers})
    people = [
        admin.user(f"annotator-{name.replace('_', '-')}", workspaces=[f"home-{name.replace('_', '-')}", "group"])
        for name in names
    ]
    group = _dataset(admin, "group")
    group.add([record({"text": row["text"], "word": row["target"]}, external_id=key) for key, row in texts.items()])
    copies = []
    for index, (name, person) in enumerate(zip(names, people, strict=True)):
        copy = _dataset(admin, f"home-{name.replace('_', '-')}")
        mine = [row for row in answers if row["annotator"] == name]
        copy.add(
            [
                record(
                    {"text": texts[row["extract_id"]]["text"], "word": texts[row["extract_id"]]["target"]},
                    external_id=row["extract_id"] if index < len(names) // 2 else None,
                    responses=[answer(person, _values(row))],
                )
                for row in mine
            ]
        )
        copies.append(copy)
    return Team(people, copies, group)


def responses_by_author(dataset: Dataset) -> Counter[str]:
    """User id -> number of responses, as the server lists them."""
    return Counter(response["user_id"] for row in dataset.records() for response in row["responses"])


def _values(row: dict[str, str]) -> dict[str, str]:
    values = {"contentious": ANSWERS[row["response"]]}
    return values | ({"better-word": row["suggestion"]} if row["suggestion"].strip() else {})


def _dataset(admin: Admin, workspace: str) -> Dataset:
    return admin.dataset(
        workspace,
        "contentious-words",
        fields=["text", "word"],
        questions=[label("contentious", sorted(ANSWERS.values())), text("better-word", required=False)],
    )


def _rows(name: str) -> list[dict[str, str]]:
    with (DATA / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
