"""Runs inside a server's environment: print a dataset's responses as Argilla's own SDK shows them, as JSON."""

from __future__ import annotations

import json
import sys
from typing import Any


def main(url: str, key: str, workspace: str, name: str) -> None:
    import argilla  # only there

    client = argilla.Argilla(api_url=url, api_key=key)
    dataset = client.datasets(name, workspace=workspace)
    shown: dict[str, dict[str, dict[str, Any]]] = {}
    for row in dataset.records(with_responses=True):
        people = shown.setdefault(row.fields["text"], {})
        for response in row.responses:
            entry = people.setdefault(str(response.user_id), {"status": str(response.status), "values": {}})
            entry["values"][response.question_name] = response.value
    print(json.dumps(shown))


if __name__ == "__main__":
    main(*sys.argv[1:])
