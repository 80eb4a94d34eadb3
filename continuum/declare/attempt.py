"""What activity code reaches of the attempt it runs in: progress, cancellation, its identity."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol
from uuid import UUID

from continuum.codec.annotations import DecodeFailure, ValueCodec
from continuum.errors import NotInActivity, PayloadError

if TYPE_CHECKING:
    from psycopg import AsyncConnection

MAX_DETAILS: Final = 16 * 1024
"""Bytes of heartbeat details. They are rewritten with every beat, so they stay small."""

_DETAILS: Final = ValueCodec(Any, "heartbeat details")


@dataclass(frozen=True, slots=True)
class ActivityInfo:
    """Which attempt this is.

    Attributes:
        activity: registered name.
        attempt: 1 for the first; crashes count.
        idempotency_key: under which the result is shared, if any.
        queue: named queue it was sent to; None for the worker that runs the workflow.
    """

    run_id: UUID
    namespace: str
    incarnation: int
    command: int
    activity: str
    attempt: int
    idempotency_key: str | None
    queue: str | None

    @property
    def key(self) -> str:
        """Identifies the call in all its attempts, for services that take idempotency keys."""
        return f"{self.run_id}/{self.incarnation}/{self.command}"


class CurrentAttempt(Protocol):
    """What the functions below need of the attempt in progress."""

    @property
    def info(self) -> ActivityInfo:
        """Which attempt it is."""
        ...

    @property
    def previous_details(self) -> bytes | None:
        """Details of the last heartbeat of an earlier attempt."""
        ...

    @property
    def connection(self) -> Any:
        """The connection of a transactional activity."""
        ...

    def beat(self, details: bytes | None) -> None:
        """Take a heartbeat. Raises `ActivityCancelled` when the attempt should end."""
        ...


current_attempt: Final[ContextVar[CurrentAttempt]] = ContextVar("continuum_attempt")


def _attempt(call: str) -> CurrentAttempt:
    attempt = current_attempt.get(None)
    if attempt is None:
        raise NotInActivity(
            f"continuum.{call}() works only inside an activity that a worker runs",
            hint="called as a plain function, an activity has no attempt",
        )
    return attempt


def heartbeat(details: Any = None) -> None:
    """Say that this attempt makes progress, and see whether it should go on.

    Cheap enough for every iteration of a loop: it only notes the time and the details. They are
    written about once a second, so a crash loses at most the last second of progress.

    Args:
        details: JSON types, at most 16 KiB; what the next attempt needs to go on from here.
            None keeps the details of the beat before.

    Raises:
        ActivityCancelled: the run was cancelled, gave this activity up, or belongs to another
            worker by now; synchronous code ends here. Async code is interrupted at its next
            `await` anyway.
        PayloadError: the details are too large or no JSON types.
        NotInActivity: outside an attempt.

    Example:
        for page in range(continuum.last_heartbeat() or 0, pages):
            index(page)
            continuum.heartbeat(page + 1)
    """
    attempt = _attempt("heartbeat")
    attempt.beat(None if details is None else _encode(details))


def last_heartbeat(type: Any = Any) -> Any:  # noqa: A002
    """Details of the last heartbeat of an earlier attempt; None when there is none.

    Args:
        type: what they are restored as; default JSON types.

    Raises:
        PayloadError: they do not fit `type`.
        NotInActivity: outside an attempt.
    """
    data = _attempt("last_heartbeat").previous_details
    if data is None:
        return None
    try:
        return ValueCodec(type, "heartbeat details").decode(data)
    except DecodeFailure as error:
        raise PayloadError(f"heartbeat details: {error.message}", hint=error.hint) from error


def activity_info() -> ActivityInfo:
    """Run, activity and number of this attempt.

    Raises:
        NotInActivity: outside an attempt.

    Example:
        await bank.charge(order, idempotency_key=continuum.activity_info().key)
    """
    return _attempt("activity_info").info


def transaction() -> AsyncConnection[Any]:
    """The connection of a `transactional=True` activity, inside its open transaction.

    What is done on it commits together with the activity's result: both, exactly once, or
    neither. The engine commits; `commit` and `rollback` on it raise.

    Raises:
        NotInActivity: outside an attempt of a transactional activity.

    Example:
        @activity(transactional=True)
        async def book(order: Order) -> int:
            cursor = await continuum.transaction().execute("INSERT ... RETURNING id", [order.id])
            return (await cursor.fetchone())[0]
    """
    connection = _attempt("transaction").connection
    if connection is None:
        raise NotInActivity(
            "continuum.transaction() works only inside a transactional activity",
            hint="declare it with @activity(transactional=True)",
        )
    return connection


def _encode(details: Any) -> bytes:
    data = _DETAILS.encode(details)
    if len(data) > MAX_DETAILS:
        raise PayloadError(
            f"heartbeat details of {len(data):,} bytes are above the limit of {MAX_DETAILS:,}",
            hint="keep a position, not the work itself",
        )
    return data
