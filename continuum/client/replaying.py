"""Replaying live runs against code that is to be deployed, and letting it go on with them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from continuum.client.calls import Calls
from continuum.client.identifiers import check_limit
from continuum.query.building import build_query
from continuum.query.tree import Query

if TYPE_CHECKING:
    from continuum.audit.coverage import Coverage
    from continuum.audit.replay_pool import ReplayPool
    from continuum.audit.replayed import Replayed
    from continuum.declare.workflow import Workflow
    from continuum.maintenance.adopt import Adopted

MAX_SAMPLE = 1_000_000

# What is imported in the functions below needs the engine, which most clients never load.


class Replaying(Calls):
    """The part of `Continuum` that replays runs."""

    def replay_pool(
        self,
        load: Callable[[], Iterable[Workflow[..., Any]]],
        processes: int | None = None,
        *,
        limit: float = 60.0,
    ) -> ReplayPool:
        """Processes for `replay` and `adopt`; an async context manager.

        Args:
            load: gives the workflows, as a function that can be pickled; called in each process.
            processes: how many; default one for each core.
            limit: seconds for the replay of one run. Code that takes longer, in a loop perhaps that
                never ends, ends its process; `replay` then raises `ReplayProcessDied`, which names
                the run and the line.

        Example:
            async with ct.replay_pool(load_shop) as pool:
                async for run in ct.replay(load_shop(), pool=pool):
                    print(run.verdict)
        """
        from continuum.audit.replay_pool import ReplayPool

        return ReplayPool(self._backend.elsewhere(), load, processes, limit)

    async def replay(
        self,
        flows: Iterable[Workflow[..., Any]],
        expression: str | None = None,
        *,
        namespace: str | None = None,
        where: Sequence[Any] | None = None,
        sample: int | None = None,
        per_version: bool = False,
        progress: Callable[[int, int], None] | None = None,
        coverage: Coverage | None = None,
        pool: ReplayPool | None = None,
    ) -> AsyncGenerator[Replayed]:
        """Replay the journals of live runs against these workflows; writes nothing.

        Args:
            flows: the code that is to be deployed, all versions of it.
            expression: only runs that match, as in `query`, without an order.
            namespace: where to look; None is everywhere.
            where: conditions as data.
            sample: only so many runs; the same ones each time, as far as they are still live.
            per_version: so many of each version instead.
            progress: called with how many runs are done, and how many there are, about.
            coverage: told which branches they came through; installed, unless there is a pool.
            pool: processes that replay the runs; without it this one does.

        Raises:
            QueryError: a bad condition.
            DefinitionError: two workflows have one name and one version.

        Example:
            async for run in ct.replay([order_flow], "workflow = 'order'"):
                if run.drift is not None:
                    print(run.run_id, run.drift.message)
        """
        if sample is not None:
            check_limit(sample, MAX_SAMPLE)
        everything = expression is None and where is None and namespace is None
        query = None if everything else build_query(expression, namespace, where, ordered=False)
        replays = self._replays(
            flows, query, pool, sample=sample, per_version=per_version, progress=progress,
            coverage=coverage,
        )  # fmt: skip
        async with aclosing(replays):
            async for replayed in replays:
                yield replayed

    async def adopt(
        self,
        flows: Iterable[Workflow[..., Any]],
        expression: str | None = None,
        *,
        namespace: str | None = "default",
        where: Sequence[Any] | None = None,
        execute: bool = False,
        progress: Callable[[int, int], None] | None = None,
        pool: ReplayPool | None = None,
        reason: str | None = None,
    ) -> list[Adopted]:
        """Let these workflows go on with live runs that they replay without a difference.

        A run gets the version of the code, if its own is another one; and a run that drifted is
        free to go on. A run that a worker has, or to which something happened since it was
        replayed, is left alone, as its outcome says. An event in its journal tells of the change.

        Args:
            flows: the loaded code, all versions of it that workers have loaded.
            expression: only runs that match, as in `query`, without an order.
            namespace: where to look; None is everywhere.
            where: conditions as data.
            execute: False only tells what would become of each run.
            progress: called with how many runs are done, and how many there are, about.
            pool: processes that replay the runs; without it this one does.
            reason: why, for the operator journal.

        Raises:
            QueryError: a bad condition.
            DefinitionError: two workflows have one name and one version.
            ReasonRequired: nothing more was changed.

        Example:
            for run in await ct.adopt([order_flow], "workflow = 'order'", execute=True):
                print(run.run_id, run.outcome)
        """
        query = build_query(expression, namespace, where, ordered=False)
        from continuum.declare.loaded import LoadedVersions
        from continuum.maintenance.adopt import adopt_replayed
        from continuum.query.printing import print_condition

        backend, flows = self._backend, list(flows)
        act = self._acting.act("adopt", reason, expression=print_condition(query.condition))
        replays = self._replays(flows, query, pool, progress=progress)
        adopting = adopt_replayed(
            backend.store, LoadedVersions(flows), replays, act if execute else None,
            on_adopted=backend.hints.runs_changed,
        )  # fmt: skip
        async with aclosing(replays), aclosing(adopting):
            return [adopted async for adopted in adopting]

    def _replays(
        self,
        flows: Iterable[Workflow[..., Any]],
        where: Query | None,
        pool: ReplayPool | None,
        **options: Any,
    ) -> AsyncGenerator[Replayed]:
        if pool is None:
            from continuum.audit.replay import replay_live

            return replay_live(self._backend, flows, where=where, **options)
        from continuum.audit.replay_pool import replay_in_pool

        return replay_in_pool(pool, self._backend, where=where, **options)
