"""What can be paused from the console: a run, a workflow, a queue, a namespace."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from continuum import Continuum
from continuum.model import Pause


@dataclass(frozen=True, slots=True)
class Held:
    """What a pause is upon, as `Continuum.pause` names it; a run alone, or what is not None."""

    run_id: UUID | None = None
    workflow: str | None = None
    queue: str | None = None
    namespace: str | None = None

    def among(self, pauses: Sequence[Pause]) -> bool:
        """Whether exactly this is paused. Pauses of runs are not among these."""
        wanted = (self.namespace, self.workflow, self.queue)
        return self.run_id is None and any(
            (each.namespace, each.workflow, each.queue) == wanted for each in pauses
        )


class Holds(Protocol):
    """Pauses."""

    async def pauses(self) -> Sequence[Pause]:
        """What is paused besides single runs."""
        ...

    async def pause(self, held: Held, reason: str | None) -> bool:
        """Pause it; False when it was. Raises `RunNotFound`, `RunTerminal`, `ReasonRequired`."""
        ...

    async def resume(self, held: Held, reason: str | None) -> bool:
        """Let it go on; False when it was not paused. Raises as `pause`."""
        ...


class ClientHolds:
    """The real thing, over one `Continuum` client."""

    def __init__(self, client: Continuum) -> None:
        self._client = client

    async def pauses(self) -> Sequence[Pause]:
        """What is paused besides single runs."""
        return await self._client.pauses()

    async def pause(self, held: Held, reason: str | None) -> bool:
        """Pause it."""
        return await self._client.pause(
            held.run_id,
            workflow=held.workflow,
            queue=held.queue,
            namespace=held.namespace,
            reason=reason,
        )

    async def resume(self, held: Held, reason: str | None) -> bool:
        """Let it go on."""
        return await self._client.resume(
            held.run_id,
            workflow=held.workflow,
            queue=held.queue,
            namespace=held.namespace,
            reason=reason,
        )
