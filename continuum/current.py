"""How an activity call finds the run it is made in: through the running loop's own attribute.

The deterministic loop of a run carries it as `continuum_run`. An ordinary asyncio loop has no
such attribute, so the same activity called outside a workflow is just its function.
"""

from __future__ import annotations

from asyncio import _get_running_loop
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from continuum.declare.activity import Activity


class CurrentRun(Protocol):
    """What declarations need of the run whose code is executing."""

    def schedule_activity(self, activity: Activity[Any, Any], args: bytes) -> Awaitable[Any]:
        """Issue an activity command; the awaitable gives its decoded result."""
        ...


def current_run() -> CurrentRun | None:
    """The run whose workflow code is executing on this thread, if any."""
    return getattr(_get_running_loop(), "continuum_run", None)
