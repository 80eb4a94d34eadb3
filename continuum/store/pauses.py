"""Pauses: of single runs, and of whole namespaces, workflows and queues."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol
from uuid import UUID

from continuum.model import Pause
from continuum.operators.acts import Act
from continuum.store.repair import RepairOutcome

PAUSE: Final = "pause"
RESUME: Final = "resume"
"""Kinds of messages to the owner of a run: let it go, or keep it after all."""
CONTROLS: Final = frozenset({PAUSE, RESUME})

NOT_PAUSED: Final = "it is not paused"


def ended(state: str) -> str:
    """Why a run that has ended is not paused."""
    return f"already {state}"


@dataclass(frozen=True, slots=True)
class Scope:
    """What is paused together: runs of a namespace, of a workflow, of both; or a queue."""

    namespace: str | None = None
    workflow: str | None = None
    queue: str | None = None

    def covers(self, namespace: str, workflow: str) -> bool:
        """Whether it is about such a run."""
        return (
            self.queue is None
            and self.namespace in (None, namespace)
            and self.workflow in (None, workflow)
        )


@dataclass(frozen=True, slots=True)
class Pauses:
    """What is paused, as a worker's poll found it.

    Attributes:
        scopes: namespaces, workflows and queues.
        lifting: some pause was lifted, and runs may still be held for it.
    """

    scopes: tuple[Scope, ...] = ()
    lifting: bool = False

    def cover(self, namespace: str, workflow: str) -> bool:
        """Whether such runs are paused."""
        return any(scope.covers(namespace, workflow) for scope in self.scopes)

    @property
    def queues(self) -> frozenset[str]:
        """Those from which nothing is claimed."""
        return frozenset(scope.queue for scope in self.scopes if scope.queue is not None)


NO_PAUSES: Final = Pauses()


class PauseStore(Protocol):
    """Who may not go on."""

    async def pause_run(
        self, run_id: UUID, namespace: str | None, act: Act | None = None
    ) -> RepairOutcome:
        """Mark a live run: nobody claims it, and its owner is asked to let it go."""
        ...

    async def resume_run(
        self, run_id: UUID, namespace: str | None, act: Act | None = None
    ) -> RepairOutcome:
        """Take the mark away. A run that is held for its namespace or workflow stays held."""
        ...

    async def pause_scope(self, scope: Scope, act: Act) -> bool:
        """Pause all of it; False when it was."""
        ...

    async def lift(self, scope: Scope, act: Act) -> bool:
        """Take the pause back; False when there is none. `let_go` frees what is held."""
        ...

    async def pauses(self) -> Sequence[Pause]:
        """What is paused besides single runs, oldest first."""
        ...

    async def hold(self, node_id: UUID, claimed: Mapping[UUID, int]) -> set[UUID]:
        """Give claimed runs (id -> token) back, if their namespace or workflow is paused.

        Nobody claims them until the pause is lifted. Answers which were; the others are still
        owned by the node.
        """
        ...

    async def let_go(self, limit: int) -> list[UUID]:
        """Free up to `limit` runs that are held for no reason any more.

        When it answers fewer, the pauses that were lifted are forgotten.
        """
        ...
