"""Replaying and adopting live runs for synchronous code."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from continuum.client.blocking_calls import BlockingCalls

if TYPE_CHECKING:
    from continuum.audit.coverage import Coverage
    from continuum.audit.replay_pool import ReplayPool
    from continuum.audit.replayed import Replayed
    from continuum.declare.workflow import Workflow
    from continuum.maintenance.adopt import Adopted


class BlockingReplaying(BlockingCalls):
    """The part of `BlockingContinuum` that tries code on live runs."""

    @contextmanager
    def replay_pool(
        self,
        load: Callable[[], Iterable[Workflow[..., Any]]],
        processes: int | None = None,
        *,
        limit: float = 60.0,
    ) -> Generator[ReplayPool]:
        """Processes for `replay` and `adopt`; see `Continuum.replay_pool`."""
        pool = self._client.replay_pool(load, processes, limit=limit)
        self.call(pool.__aenter__())
        try:
            yield pool
        finally:
            self.call(pool.__aexit__(None, None, None))

    def replay(
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
    ) -> Iterator[Replayed]:
        """Replay the journals of live runs against these workflows; see `Continuum.replay`."""
        replays = self._client.replay(
            flows, expression, namespace=namespace, where=where, sample=sample,
            per_version=per_version, progress=progress, coverage=coverage, pool=pool,
        )  # fmt: skip

        async def following() -> Replayed | None:
            return await anext(replays, None)

        try:
            while (replayed := self.call(following())) is not None:
                yield replayed
        finally:
            self.call(replays.aclose())

    def adopt(
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
        """Let these workflows go on with live runs; see `Continuum.adopt`."""
        return self.call(
            self._client.adopt(
                flows, expression, namespace=namespace, where=where, execute=execute,
                progress=progress, pool=pool, reason=reason,
            )
        )  # fmt: skip
