"""Messages to runs, and what becomes of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from continuum.model import RunState
from continuum.operators.acts import Act


@dataclass(frozen=True, slots=True)
class InboxMessage:
    """An unread message.

    `kind` is "signal", "cancel", "child_result", or one of `journal.tasks`; `value` JSON bytes
    (signal payload).
    """

    id: int
    run_id: UUID
    kind: str
    name: str
    value: bytes


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message to post to a run's inbox."""

    run_id: UUID
    kind: str
    name: str
    value: bytes
    delivery_id: str | None = None
    namespace: str | None = None
    """Only post when the run is in this namespace."""
    act: Act | None = None
    """What is recorded of it, when an operator posts it."""


@dataclass(frozen=True, slots=True)
class PostOutcome:
    """What became of one message.

    `state` is the run's state (None: no such run, or another namespace); `posted` the message as
    stored, None when the run has ended, does not exist or the delivery id was seen before;
    `touched` other runs that got mail by it: parent and children of a run that was ended by force.
    """

    state: RunState | None
    posted: InboxMessage | None
    duplicate: bool = False
    touched: Sequence[UUID] = ()


def posted_as(message: NewMessage, *, repeated: bool) -> tuple[str, dict[str, Any]]:
    """Outcome and detail of an act that posted this message."""
    done = "signalled" if message.kind == "signal" else "cancel requested"
    detail = {"name": message.name} if message.kind == "signal" else {}
    if message.delivery_id is not None:
        detail["delivery_id"] = message.delivery_id
    return ("repeated" if repeated else done), detail
