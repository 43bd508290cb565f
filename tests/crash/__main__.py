"""`python -m tests.crash`: the crash sweep, as long as is wanted."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter

from tests.crash.launcher import NAIVE
from tests.crash.scenes import SCENES
from tests.crash.stage import Program
from tests.crash.sweep import Result, play, plots, settings


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.crash")
    parser.add_argument("--points", type=int, default=1000, help="how many places to kill at (default 1000)")
    parser.add_argument("--operations", type=int, default=200, help="about so many in each scene (default 200)")
    parser.add_argument("--seed", type=int, default=0, help="of the sample")
    parser.add_argument("--scene", choices=SCENES, action="append", help="only this one (may be repeated)")
    parser.add_argument("--naive", choices=NAIVE, help="break the protocol: the sweep has to find losses")
    given = parser.parse_args()
    began = time.monotonic()
    with (
        Program() as program,
        settings(program, given.operations, tuple(given.scene or SCENES)) as known,
    ):
        every = [point for setting in known.values() for point in setting.points]
        print(f"{len(every)} points in {len(known)} scenes; {min(given.points, len(every))} are drawn", flush=True)
        results = []
        for plot in plots(every, given.points, given.seed):
            result = play(program, known[plot.point.scene], plot, naive=given.naive)
            results.append(result)
            if result.bad:
                print(f"  {result}", flush=True)
    return report(results, time.monotonic() - began)


def report(results: list[Result], seconds: float) -> int:
    """Print the counts; 1 if anything is wrong."""
    for scene, number in sorted(Counter(result.plot.point.scene for result in results).items()):
        print(f"  {scene:<12}{number:>6} points")
    print(
        f"{len(results)} points, {sum(r.kills for r in results)} kills, {sum(r.acted for r in results)} with a person "
        f"at work: {sum(r.difference.lost for r in results)} lost, {sum(r.difference.doubled for r in results)} "
        f"doubled, {sum(r.bad for r in results)} points with something wrong ({seconds:.0f} s)"
    )
    return 1 if any(result.bad for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
