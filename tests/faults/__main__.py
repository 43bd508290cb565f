"""The whole matrix: every fault at the first, a middle and the last request of every kind."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter

from tests.crash.scenes import SCENES
from tests.crash.stage import Program
from tests.crash.sweep import settings
from tests.faults.matrix import play, product
from tests.faults.rows import ROWS

OPERATIONS = 14


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--row", action="append", choices=list(ROWS), help="only this fault; may be repeated")
    arguments = parser.parse_args()
    began, bad = time.monotonic(), 0
    played: Counter[str] = Counter()
    with Program() as program, settings(program, OPERATIONS, tuple(SCENES)) as known:
        for case in product(known.values()):
            if arguments.row and case.row not in arguments.row:
                continue
            if case.kind not in played:
                print(f"{case.scene}: {case.kind}", flush=True)
            problems = play(program, known[case.scene], case)
            played[case.kind] += 1
            bad += bool(problems)
            for problem in problems:
                print(f"  {case}: {problem}", flush=True)
    print(
        f"{len(ROWS)} faults at {len(played)} kinds of request, {played.total()} cases: {bad} not as they should be "
        f"({time.monotonic() - began:.0f} s)"
    )
    return 1 if bad or not played else 0


if __name__ == "__main__":
    sys.exit(main())
