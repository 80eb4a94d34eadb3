"""How long the journal of a long run takes to replay, without the database.

`python -m bench.replay [events]` prints one line a shape of journal.
"""

from __future__ import annotations

import gc
import sys
import time

from bench.figures import cpu_probe, median
from bench.journals import SHAPES, Shape, replayed

EVENTS = 10_000
ROUNDS = 5


def seconds(shape: Shape, events: int, rounds: int = ROUNDS) -> tuple[int, float]:
    """The length of the journal and the median time of replaying it, as after a takeover."""
    identity, journal = shape.journal(events)
    taken: list[float] = []
    for _ in range(rounds):
        gc.collect()
        begin = time.process_time()
        execution = replayed(identity, journal)
        taken.append(time.process_time() - begin)
        execution.drop()
    return len(journal), median(taken)


def main() -> None:
    """Print the figures."""
    events = int(sys.argv[1]) if len(sys.argv) > 1 else EVENTS
    print(f"CPU probe {cpu_probe():.1f} ms")
    for shape in SHAPES:
        length, taken = seconds(shape, events)
        print(f"{shape.name:<24} {length:>7,} events {1000 * taken:>8.0f} ms")
    print(f"CPU probe at the end {cpu_probe():.1f} ms")


if __name__ == "__main__":
    main()
