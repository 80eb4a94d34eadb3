"""What an operator does to runs that cannot help themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Protocol
from uuid import UUID

from continuum.journal.turn import NewRun
from continuum.model import RunState
from continuum.operators.acts import Act
from continuum.store.opening import UNREADABLE
from continuum.store.starts import StartOrder, StartOutcome

QUARANTINED_FROM: Final = 4
"""Workers lost with a run, since it last committed, from which on nobody claims it (rule 23)."""

NOT_QUARANTINED: Final = "it is not in quarantine"
PARENT_LIVES: Final = "its parent goes on and has been told that it failed"
RETRY_KEYS: Final = ""
"""The keys of retries are kept beside the delivery ids of signals; no signal has this name."""


def not_failed(state: RunState) -> str:
    """Why a run that has not failed is not tried again."""
    return f"it has not failed, it is {state}"


def key_taken(run_id: UUID) -> str:
    """Why a run that has ended is not made live again."""
    return f"its key is that of run {run_id}, which is live"


@dataclass(frozen=True, slots=True)
class RepairOutcome:
    """What became of one repair.

    Attributes:
        state: of the run before; None: there is no such run, or only in another namespace.
        refusal: why nothing was done; None when it was done.
        repeated: it was done before, by a call with the same key.
    """

    state: RunState | None
    refusal: str | None = None
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class RetryOrder:
    """What to do with a failed run.

    Attributes:
        namespace: only a run of this namespace.
        reason: for people; journaled.
        force: also when it is not known what a crashed activity did.
        once: a key; calls with the same key for a run count once.
    """

    namespace: str | None = None
    reason: str | None = None
    force: bool = False
    once: str | None = None


@dataclass(frozen=True, slots=True)
class ForkOrder:
    """Where to fork a run, and into what.

    Attributes:
        new_id: of the run to be made.
        at: the event after which it goes its own way.
        namespace: only a run of this namespace.
        latest: bind it to the newest loaded code, not to that of the run.
        once_key: idempotency key of the new run.
    """

    new_id: UUID
    at: int
    namespace: str | None
    latest: bool
    once_key: str

    def attributes(self, origin: UUID) -> dict[str, Any]:
        """What the new run says of where it comes from."""
        return {"forked_from": str(origin), "forked_at": self.at}


@dataclass(frozen=True, slots=True)
class ForkOutcome:
    """What became of it.

    Attributes:
        state: of the run that was to be forked; None: there is none (there).
        run_id: the fork, made now or by an earlier call.
        refusal: why there is none.
        repeated: it was there already.
    """

    state: RunState | None
    run_id: UUID | None = None
    refusal: str | None = None
    repeated: bool = False


class RepairStore(Protocol):
    """Repairs of single runs, each in one transaction under the run's locks."""

    async def release_quarantined(
        self, run_id: UUID, namespace: str | None, act: Act | None = None
    ) -> RepairOutcome:
        """Let workers claim a run in quarantine again, as if none had been lost with it."""
        ...

    async def ended_start(self, run_id: UUID, namespace: str | None) -> NewRun | RunState | None:
        """How a run that has ended was started, without id and key; its state when it is live.

        The input is that of its last incarnation. None: there is no such run (there).
        """
        ...

    async def restart(
        self, run_id: UUID, again: StartOrder, act: Act | None = None
    ) -> StartOutcome:
        """Start `again`, the repetition of a run that has ended; or answer what is there.

        That is an earlier restart, or, found by its key, a live run: nothing was done then.
        """
        ...

    async def retry(self, run_id: UUID, order: RetryOrder, act: Act | None = None) -> RepairOutcome:
        """Make a failed run live again, to go on from the activity that failed."""
        ...

    async def fork(self, run_id: UUID, order: ForkOrder, act: Act | None = None) -> ForkOutcome:
        """Insert a run, free and ready, that begins with a copy of this one's journal."""
        ...


def releasable(takeovers: int, blocked_build: str | None) -> bool:
    """Whether a run waits for an operator, or for its codec: a release lets workers try it."""
    return takeovers >= QUARANTINED_FROM or blocked_build == UNREADABLE
