"""How long the journal of a long run takes to replay, without the database.

`python -m bench.replay [events]` prints the seconds of CPU for each shape of journal as JSON. A
replay does nothing but compute, so its CPU time is what it takes on a machine that is not shared.
"""

from __future__ import annotations

import gc
import json
import sys
import time

from bench.figures import median
from bench.journals import SHAPES, Shape, replayed

EVENTS = 10_000
ROUNDS = 5


def seconds(shape: Shape, events: int, rounds: int = ROUNDS) -> float:
    """The median CPU time of replaying such a journal, as after a takeover."""
    identity, journal = shape.journal(events)
    taken: list[float] = []
    for _ in range(rounds):
        gc.collect()
        begin = time.process_time()
        execution = replayed(identity, journal)
        taken.append(time.process_time() - begin)
        execution.drop()
    return median(taken)


def main() -> None:
    """Print the seconds of each shape as JSON."""
    events = int(sys.argv[1]) if len(sys.argv) > 1 else EVENTS
    print(json.dumps({shape.name: seconds(shape, events) for shape in SHAPES}))


if __name__ == "__main__":
    main()
