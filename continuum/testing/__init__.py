"""Tests of workflows: the real engine and worker, a store in memory, a clock that skips waits.

    async with environment([order_flow]) as env:
        run = await env.start(order_flow, Order("o1", 4200))
        await run.signal("fraud_review", "approved")
        assert await run.result() == "shipped"

Nothing here needs a database. The names are loaded when they are used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from continuum.testing.environments import Environment, environment
    from continuum.testing.histories import HistoryDrift, assert_replays, dump_history
    from continuum.testing.skipping import Stalled
    from continuum.testing.sweeping import SweepFailed, sweep

__all__ = [
    "Environment",
    "HistoryDrift",
    "Stalled",
    "SweepFailed",
    "assert_replays",
    "dump_history",
    "environment",
    "sweep",
]

_HOME_OF = {
    "Environment": "environments",
    "HistoryDrift": "histories",
    "Stalled": "skipping",
    "SweepFailed": "sweeping",
    "assert_replays": "histories",
    "dump_history": "histories",
    "environment": "environments",
    "sweep": "sweeping",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"continuum.testing.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
