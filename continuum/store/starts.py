"""Starts that ask for more than a new run: a business key, a time, a timeout, a first signal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from continuum.journal.turn import NewRun
from continuum.model import RunState
from continuum.operators.acts import Act
from continuum.store.mail import InboxMessage, NewMessage


class KeyReuse(StrEnum):
    """Whether a key may start another run once its last run has ended."""

    ALLOW = "allow"
    ALLOW_IF_FAILED = "allow_if_failed"
    """Only if that run failed or was cancelled."""
    REJECT = "reject"

    def allows(self, last: RunState) -> bool:
        """Whether another run may follow one that ended so."""
        if self is KeyReuse.ALLOW_IF_FAILED:
            return last is not RunState.COMPLETED
        return self is KeyReuse.ALLOW


@dataclass(frozen=True, slots=True)
class FirstSignal:
    """A signal that goes to the run with the key, whichever it is; `value` is JSON bytes.

    `act` is recorded when it goes to a run that was there; a start is not an act upon a run.
    """

    name: str
    value: bytes
    delivery_id: str | None = None
    act: Act | None = None

    def message_to(self, run_id: UUID) -> NewMessage:
        """The signal, as it is posted."""
        return NewMessage(run_id, "signal", self.name, self.value, self.delivery_id, act=self.act)


@dataclass(frozen=True, slots=True)
class StartOrder:
    """What a start asks for.

    Attributes:
        run: to be inserted; `run.key` is unique among live runs of its workflow and namespace.
        reuse: what holds once the last run with the key has ended.
        signal: posted in the same transaction, to the new run or to the one that has the key.
        delay: seconds until it may start.
        start_at: when it may start; not together with `delay`.
        timeout: seconds from its start after which it is asked to end.
        grace: seconds after that until it is ended by force.
    """

    run: NewRun
    reuse: KeyReuse = KeyReuse.ALLOW
    signal: FirstSignal | None = None
    delay: float | None = None
    start_at: datetime | None = None
    timeout: float | None = None
    grace: float = 0.0

    @property
    def plain(self) -> bool:
        """Whether it asks for nothing but the run."""
        return (
            self.run.key is None
            and self.delay is None
            and self.start_at is None
            and self.timeout is None
        )


@dataclass(frozen=True, slots=True)
class StartOutcome:
    """What became of a start.

    Attributes:
        existing: the run that was there; None: the new one was inserted.
        state: of that run.
        by_key: it was found by its key, so its input may be another.
        refused: it has ended, and the key must not be used again.
        posted: the signal as it was stored; None when it was a repetition, or there was none.
    """

    existing: NewRun | None = None
    state: RunState | None = None
    by_key: bool = False
    refused: bool = False
    posted: InboxMessage | None = None

    @property
    def live(self) -> UUID | None:
        """The run that was found by its key, if it goes on."""
        there = self.by_key and self.state is not None and not self.state.terminal
        return self.existing.run_id if there and self.existing is not None else None


@dataclass(frozen=True, slots=True)
class Overdue:
    """Runs that were out of time.

    Attributes:
        asked: to end; they may clean up.
        ended: by force; their time for that was over, too.
        touched: other runs that heard of it.
    """

    asked: Sequence[UUID] = ()
    ended: Sequence[UUID] = ()
    touched: Sequence[UUID] = ()


class TimeoutStore(Protocol):
    """What a worker does about runs that are out of time."""

    async def end_overdue(self, limit: int) -> Overdue:
        """Ask up to `limit` runs to end whose time is over; end those that had been asked."""
        ...


class StartStore(Protocol):
    """Starts with more than a new run."""

    async def start_orders(self, orders: Sequence[StartOrder]) -> list[StartOutcome]:
        """Carry out these starts in one transaction."""
        ...
