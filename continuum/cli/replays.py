"""Replays for a command: in processes of their own when there are many runs, with a bar."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from continuum.cli.progress import Progress

if TYPE_CHECKING:
    from continuum.audit.replay_pool import ReplayPool
    from continuum.client import Continuum
    from continuum.declare.registry import AnyWorkflow

WORTH_PROCESSES: Final = 1_000
"""Live runs from which on it pays to start processes, which takes about a second."""
_LIVE: Final = ("in", "state", ["running", "suspended"])


@dataclass(frozen=True, slots=True)
class Loader:
    """Loads the workflows of `--app`, here and in another process."""

    target: str

    def __call__(self) -> Sequence[AnyWorkflow]:
        """Every workflow, also older versions."""
        from continuum.cli.app_loading import load

        return load(self.target).versions


@asynccontextmanager
async def replaying(
    client: Continuum,
    target: str,
    selection: Mapping[str, Any],
    namespace: str | None,
    sample: int | None = None,
) -> AsyncGenerator[tuple[ReplayPool | None, Progress]]:
    """What a replay of these runs takes: processes, None for few runs, and a bar.

    The bar is gone before the answer, or an error, is printed.
    """
    progress = Progress()
    where = [*selection.get("where", ()), _LIVE]
    expression = selection.get("expression")
    counts = await client.counts(expression, namespace=namespace, where=where, budget=1.0)
    runs = counts.groups[0].count
    try:
        if min(runs, sample or runs) < WORTH_PROCESSES:
            yield None, progress
            return
        async with client.replay_pool(Loader(target)) as pool:
            yield pool, progress
    finally:
        progress.clear()
