"""The call that forgets runs, for synchronous code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from continuum.client.blocking_calls import BlockingCalls
from continuum.declare.durations import Duration
from continuum.store.retention import KEEP_DELIVERIES, KEEP_RESULTS

if TYPE_CHECKING:
    from continuum.maintenance.prune import PruneReport


class BlockingPruning(BlockingCalls):
    """The part of `BlockingContinuum` that deletes."""

    def prune(
        self,
        expression: str | None = None,
        *,
        older_than: Duration | None = None,
        namespace: str | None = "default",
        where: Sequence[Any] | None = None,
        execute: bool = False,
        keep_results: Duration = KEEP_RESULTS,
        keep_deliveries: Duration = KEEP_DELIVERIES,
        ignore_retention: bool = False,
        rest: float = 1.0,
        reason: str | None = None,
        on_progress: Callable[[PruneReport], None] | None = None,
    ) -> PruneReport:
        """Delete runs that ended long ago, or tell what would be; see `Continuum.prune`."""
        return self.call(
            self._client.prune(
                expression,
                older_than=older_than,
                namespace=namespace,
                where=where,
                execute=execute,
                keep_results=keep_results,
                keep_deliveries=keep_deliveries,
                ignore_retention=ignore_retention,
                rest=rest,
                reason=reason,
                on_progress=on_progress,
            )
        )
