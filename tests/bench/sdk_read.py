"""Runs inside a server's environment: read a dataset with Argilla's own SDK; prints seconds and responses as JSON."""

from __future__ import annotations

import json
import sys
import time


def main(url: str, key: str, workspace: str, name: str) -> None:
    import argilla  # only there

    dataset = argilla.Argilla(api_url=url, api_key=key).datasets(name, workspace=workspace)
    began = time.perf_counter()
    responses = 0
    for record in dataset.records(with_responses=True, with_suggestions=True, with_vectors=True):
        responses += len({response.user_id for response in record.responses})
    print(json.dumps({"seconds": time.perf_counter() - began, "responses": responses}))


if __name__ == "__main__":
    main(*sys.argv[1:])
