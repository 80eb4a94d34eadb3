"""The call that forgets runs which ended long ago."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from continuum.client.calls import Calls
from continuum.declare.durations import Duration, seconds
from continuum.errors import ConfigurationError
from continuum.query.building import build_query
from continuum.query.printing import print_query
from continuum.store.retention import KEEP_DELIVERIES, KEEP_RESULTS

if TYPE_CHECKING:
    from continuum.maintenance.prune import PruneReport


class Pruning(Calls):
    """The part of `Continuum` that deletes."""

    async def prune(
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
        """Delete runs that ended long ago, with their journals; or tell what would be deleted.

        Live runs are never touched, and of those that have ended the following are kept, told by
        the report with the reason: "live child", "live parent" (which may go on with what it was
        told of this child), "live origin" (a live run was forked or restarted from it),
        "schedule" (the last run of one), "plan" (one that can be applied names it), "retention"
        (its workflow keeps runs longer), and "in use" (somebody works on it at this moment).

        Batches are short transactions that wait for nobody, with rests between them. It can be
        cancelled at any moment and repeated: what was deleted stays deleted, and several may be
        at work at once.

        Args:
            expression: which runs; default: all that have ended.
            older_than: since the end of a run; a timedelta or seconds. Default: what its workflow
                declares by `retention`, so runs of one that declares nothing are kept.
            namespace: where; None is everywhere.
            where: conditions as data.
            execute: delete; else only look.
            keep_results: for which the results of idempotency keys are kept, and at least as long
                as the runs that they come from. Looked at unless a condition is given.
            keep_deliveries: for which the delivery ids of signals are kept after the end of their
                run, if that is not pruned before. Looked at unless a condition is given.
            ignore_retention: let `older_than` count for workflows that declare to keep runs longer.
            rest: seconds of rest for each second of deleting; 0 goes as fast as it can.
            reason: why, for the operator journal.
            on_progress: called with the report so far, after each batch.

        Raises:
            QueryError, NamespaceError, DefinitionError: a condition, namespace or duration is bad.
            ConfigurationError: the role in use may not delete.
            ReasonRequired.

        Example:
            report = await ct.prune(older_than=timedelta(days=30), execute=True)
            for group in report.groups:
                print(group.namespace, group.workflow, group.runs, group.kept)
        """
        from continuum.maintenance.prune import Prune, PruneWish

        age = None if older_than is None else seconds(older_than, "older_than", zero=True)
        if ignore_retention and age is None:
            raise ConfigurationError("ignore_retention needs older_than")
        if not 0 <= rest < math.inf:
            raise ConfigurationError(f"rest is a number of seconds from 0, not {rest}")
        query = build_query(expression, namespace, where, ordered=False)
        given = expression is not None or where is not None
        wish = PruneWish(
            namespace=namespace,
            condition=query.condition if given else None,
            older_than=age,
            keep_results=seconds(keep_results, "keep_results", zero=True),
            keep_deliveries=seconds(keep_deliveries, "keep_deliveries", zero=True),
            ignore_retention=ignore_retention,
            execute=execute,
            rest=rest,
        )
        act = self._acting.act(
            "prune",
            reason,
            expression=(print_query(query.condition, query.order) or "true") if given else None,
            older_than=age,
        )
        return await Prune(self._backend.retention, wish, act, on_progress).run()
