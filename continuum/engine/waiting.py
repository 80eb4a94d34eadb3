"""`waiting_on`: what a suspended run waits for, in words."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from continuum.engine.attempts import ActivityState, Phase
from continuum.engine.children import Children
from continuum.engine.deadlines import Deadlines
from continuum.engine.loop import DurableTimer
from continuum.engine.signals import Signals

SHOWN: Final = 5
NOTHING: Final = "nothing: no signal, timer, activity or child is pending"


def waiting_on(
    deadlines: Deadlines,
    signals: Signals,
    children: Children,
    activities: Iterable[ActivityState] = (),
) -> str:
    """`signal fraud_review until 2026-11-23T10:00:00Z`, `timer until ...`, joined by `, `."""
    waits = [(child.command, f"child {child.run_id}") for child in children.watched()]
    for waiter in signals.waiters():
        text = f"signal {waiter.name[:80]}"
        timer = waiter.timer
        if isinstance(timer, DurableTimer) and timer.pending:
            text += f" until {_time(timer.due_at)}"
        waits.append((waiter.command, text))
    for deadline in deadlines.pending():
        if isinstance(deadline, DurableTimer):
            if deadline.shown:
                waits.append((deadline.command, f"timer until {_time(deadline.due_at)}"))
        elif isinstance(deadline, ActivityState):
            waits.append((deadline.command, _retry(deadline)))
    for state in activities:
        if state.abandoned:
            continue
        if state.phase is Phase.QUEUED:
            waits.append((state.command, _queued(state)))
        elif state.phase is Phase.RELEASED:
            key = str(state.activity.idempotency_key)[:80]
            waits.append((state.command, f"activity {state.activity.name} for the key {key}"))
    if not waits:
        return NOTHING
    waits.sort()
    texts = [text for _, text in waits[:SHOWN]]
    if len(waits) > SHOWN:
        texts.append(f"and {len(waits) - SHOWN} more")
    return ", ".join(texts)


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
