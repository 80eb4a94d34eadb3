"""Records the journals kept in this directory: `python -m tests.histories.record PREFIX`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from continuum.journal.events import Failure
from tests.histories.flows import cancelled, order, telling
from tests.unit.engine.driver import Driver


def write(name: str, run: Driver) -> None:
    """Store one ended run; refuses to replace a recording."""
    end = run.execution.end
    assert end is not None
    path = Path(__file__).parent / f"{name}.json"
    recording = {
        "workflow": run.identity.workflow.name,
        "run_id": str(run.identity.run_id),
        "input": run.identity.input.decode(),
        "started_at": run.identity.started_at.isoformat(),
        "events": [[e.kind, e.command, e.payload.decode(), e.at.isoformat()] for e in run.journal],
        "end": {
            "state": end.state,
            "result": None if end.result is None else end.result.decode(),
        },
    }
    with path.open("x") as file:
        json.dump(recording, file, indent=1)
        file.write("\n")


def main() -> None:
    """Record every scenario under a prefix, for example the release."""
    prefix = sys.argv[1]
    run = Driver(order, "o1").start().complete(2, "gift").fail(1).advance(10).complete(1, "paid")
    write(f"{prefix}-order-signal", run.signal("review", "fine").advance(5))
    run = Driver(order, "o2").start().complete(1, "x").complete(2, "y").advance(60).advance(5)
    write(f"{prefix}-order-timeout", run)
    run = Driver(order, "o3").start().signal("review", "early").crashed().recover()
    run.complete(1, "x").complete(2, "y").advance(5)
    write(f"{prefix}-order-takeover", run)
    run = Driver(cancelled, "o4").start().cancel("withdrawn").fail(1, reason="cancelled")
    write(f"{prefix}-cancelled", run.complete(2))
    run = Driver(telling, "o5").start()
    quote, late = run.children
    run.child_ends(quote, 4.5)
    write(f"{prefix}-child-signal", run.child_ends(late, error=Failure("cancelled", "too late")))


if __name__ == "__main__":
    main()
