"""The calls that pause and resume, for synchronous code."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from continuum.client.blocking_calls import BlockingCalls
from continuum.model import Pause

if TYPE_CHECKING:
    from continuum.declare.registry import AnyWorkflow


class BlockingPausing(BlockingCalls):
    """The part of `BlockingContinuum` that pauses and resumes."""

    def pause(
        self,
        run_id: UUID | str | None = None,
        *,
        workflow: AnyWorkflow | str | None = None,
        queue: str | None = None,
        namespace: str | None = None,
        reason: str | None = None,
    ) -> bool:
        """Hold a run, a workflow, a namespace or a queue; see `Continuum.pause`."""
        return self.call(
            self._client.pause(
                run_id, workflow=workflow, queue=queue, namespace=namespace, reason=reason
            )
        )

    def resume(
        self,
        run_id: UUID | str | None = None,
        *,
        workflow: AnyWorkflow | str | None = None,
        queue: str | None = None,
        namespace: str | None = None,
        reason: str | None = None,
    ) -> bool:
        """Take back what `pause` did; see `Continuum.resume`."""
        return self.call(
            self._client.resume(
                run_id, workflow=workflow, queue=queue, namespace=namespace, reason=reason
            )
        )

    def pauses(self) -> list[Pause]:
        """What is paused besides single runs; see `Continuum.pauses`."""
        return self.call(self._client.pauses())
