"""`waiting_on`: what a suspended run waits for, in words."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from heapq import nsmallest
from operator import attrgetter
from typing import Any, Final

from continuum.engine.attempts import ActivityState, Phase
from continuum.engine.children import Child, Children
from continuum.engine.handles import DurableTimer
from continuum.engine.mail import Mail
from continuum.engine.mailbox import Waiter

SHOWN: Final = 5
NOTHING: Final = "nothing: no signal, question, timer, activity or child is pending"

_WAITING: Final = (Phase.BACKOFF, Phase.QUEUED, Phase.RELEASED)
_by_command: Final = attrgetter("command")


def waiting_on(
    timers: Iterable[DurableTimer],
    mail: Mail,
    children: Children,
    activities: Iterable[ActivityState] = (),
) -> str:
    """`signal fraud_review until 2026-11-23T10:00:00Z`, `timer until ...`, joined by `, `.

    It is asked for at every turn, so only what is shown is put into words.
    """
    waits: list[Child | Waiter[Any] | DurableTimer | ActivityState] = [
        *children.watched(),
        *mail.waiters(),
        *(timer for timer in timers if timer.shown),
        *(s for s in activities if s.phase in _WAITING and not s.abandoned),
    ]
    if not waits:
        return NOTHING
    texts = [_text(wait) for wait in nsmallest(SHOWN, waits, key=_by_command)]
    if len(waits) > SHOWN:
        texts.append(f"and {len(waits) - SHOWN} more")
    return ", ".join(texts)


def _text(wait: Child | Waiter[Any] | DurableTimer | ActivityState) -> str:
    if isinstance(wait, Child):
        return f"child {wait.run_id}"
    if isinstance(wait, Waiter):
        text, timer = f"{wait.what} {wait.name[:80]}", wait.timer
        if isinstance(timer, DurableTimer) and timer.pending:
            text += f" until {_time(timer.due_at)}"
        return text
    if isinstance(wait, DurableTimer):
        return f"timer until {_time(wait.due_at)}"
    if wait.phase is Phase.QUEUED:
        return _queued(wait)
    if wait.phase is Phase.RELEASED:
        return (
            f"activity {wait.activity.name} for the key {str(wait.activity.idempotency_key)[:80]}"
        )
    return _retry(wait)


def _retry(state: ActivityState) -> str:
    activity = state.activity
    attempt = state.failures + 1
    return (
        f"activity {activity.name} attempt {attempt} of {activity.retry.max_attempts}, "
        f"retry at {_time(state.due_at)}"
    )


def _queued(state: ActivityState) -> str:
    text = f"activity {state.activity.name} in queue {state.queue}"
    if state.attempt > 1:
        text += f" attempt {state.attempt} of {state.activity.retry.max_attempts}"
    return text


def _time(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
