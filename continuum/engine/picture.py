"""What a run in memory and its replay must have in common after every turn."""

from __future__ import annotations

from typing import TypeAlias

from continuum.engine.attempts import ActivityState, Attempts
from continuum.engine.cancel import Cancellation
from continuum.engine.children import Children
from continuum.engine.commands import CommandLog
from continuum.engine.context import WorkflowContext
from continuum.engine.drift import waiting_location
from continuum.engine.loop import DeterministicLoop
from continuum.engine.mail import Mail
from continuum.engine.patches import Patches

Picture: TypeAlias = dict[str, object]
"""By name; what a replay need not restore is missing."""


def picture_of(
    log: CommandLog, loop: DeterministicLoop, attempts: Attempts, mail: Mail,
    children: Children, cancellation: Cancellation, patches: Patches, context: WorkflowContext,
) -> Picture:  # fmt: skip
    """Everything that decides what the run will do next."""
    picture: Picture = {
        "commands": log.count,
        "time": (log.now, log.last),
        "activities": [_activity(state) for state in attempts.open.values() if _counts(state)],
        "timers": [(timer.command, timer.due_at) for timer in loop.timers.values()],
        "children": [
            (child.command, child.run_id, child.parent_close, child.watchers, child.asked)
            for child in children.open.values()
        ],
        "results of children that nobody took": [
            (child.run_id, child.former, child.future.done()) for child in children.untaken.values()
        ],
        "awaited": [(waiter.what, waiter.command, waiter.name) for waiter in mail.waiters()],
        "signals that nobody took": [(body.name, body.message) for body in mail.signals.untaken()],
        "cancellation": (cancellation.requested, cancellation.delivered, cancellation.reason),
        "patches": patches.decided,
        "tasks": [(task.get_name(), waiting_location(task.get_coro())) for task in loop.tasks],
    }
    if mail.asked is not None and mail.asked.open:
        picture["questions that nobody took"] = [body.message for body in mail.asked.untaken()]
        picture["open questions"] = list(mail.asked.open.values())
    if context.generator is not None:
        picture["random state"] = context.generator.state
    return picture


def _counts(state: ActivityState) -> bool:
    """Whether anything depends on it still.

    The code has given up on an activity that is `abandoned`. If that happens in the turn that
    schedules the attempt, the attempt is taken back and never begins, and the command is closed.
    The journal does not say where turns ended, because no code may depend on that (rule 4), so a
    replay cannot tell it from an attempt that had begun. It keeps the command open: the end of
    an attempt that had begun is journaled, and must find its command. It is known to nobody else:
    `recover` does not repeat it, a cancellation does not wait for it, and no code hears of it.
    In a queue it is another worker's, and never taken back: live and replayed are alike.
    """
    return not state.abandoned or state.queue is not None


def _activity(state: ActivityState) -> tuple[object, ...]:
    return (
        state.command, state.attempt, state.failures, state.crashes, state.abandoned, state.queue,
        state.protected, state.details, state.error, state.due_at if state.pending else None,
    )  # fmt: skip
