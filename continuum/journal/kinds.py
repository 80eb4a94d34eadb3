"""The kinds of events in a run's journal, and what sort each is.

- *stimuli* come from outside and are delivered to the workflow one at a time;
- *commands* are what the code did, numbered from 1 in each incarnation in the order issued;
- *progress* records what happens to a command in between; workflow code never sees it;
- *ends* close an incarnation.

The journal interleaves exactly: a stimulus, the commands it caused, the next stimulus. Progress
may stand anywhere.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class EventKind(StrEnum):
    """The `type` column of `continuum_events`."""

    # stimuli
    RUN_STARTED = "run_started"
    ACTIVITY_COMPLETED = "activity_completed"
    ACTIVITY_FAILED = "activity_failed"
    TIMER_FIRED = "timer_fired"
    SIGNAL_RECEIVED = "signal_received"
    QUESTION_RECEIVED = "question_received"
    CANCEL_REQUESTED = "cancel_requested"
    CHILD_COMPLETED = "child_completed"
    CHILD_FAILED = "child_failed"
    CHILD_CANCELLED = "child_cancelled"
    CHILD_CARRIED = "child_carried"
    # commands
    ACTIVITY_SCHEDULED = "activity_scheduled"
    ACTIVITY_CANCELLED = "activity_cancelled"
    TIMER_STARTED = "timer_started"
    TIMER_CANCELLED = "timer_cancelled"
    SIGNAL_AWAITED = "signal_awaited"
    QUESTION_AWAITED = "question_awaited"
    QUESTION_ANSWERED = "question_answered"
    QUESTION_REFUSED = "question_refused"
    SIDE_EFFECT = "side_effect"
    ATTRIBUTES_SET = "attributes_set"
    VALUE_PUBLISHED = "value_published"
    CHILD_STARTED = "child_started"
    CHILD_CANCEL_REQUESTED = "child_cancel_requested"
    CHILD_SIGNALLED = "child_signalled"
    # progress
    ACTIVITY_STARTED = "activity_started"
    ACTIVITY_ATTEMPT_FAILED = "activity_attempt_failed"
    ACTIVITY_ATTEMPT_CRASHED = "activity_attempt_crashed"
    ACTIVITY_RELEASED = "activity_released"
    PATCH_DECIDED = "patch_decided"
    RUN_ADOPTED = "run_adopted"
    RUN_RETRIED = "run_retried"
    RUN_FORKED = "run_forked"
    # ends
    RUN_COMPLETED = "run_completed"
    RUN_FAILED = "run_failed"
    RUN_CANCELLED = "run_cancelled"
    RUN_CONTINUED = "run_continued"


STIMULI: Final = frozenset({
    EventKind.RUN_STARTED, EventKind.ACTIVITY_COMPLETED, EventKind.ACTIVITY_FAILED,
    EventKind.TIMER_FIRED, EventKind.SIGNAL_RECEIVED, EventKind.CANCEL_REQUESTED,
    EventKind.CHILD_COMPLETED, EventKind.CHILD_FAILED, EventKind.CHILD_CANCELLED,
    EventKind.CHILD_CARRIED, EventKind.QUESTION_RECEIVED,
})  # fmt: skip
COMMANDS: Final = frozenset({
    EventKind.ACTIVITY_SCHEDULED, EventKind.ACTIVITY_CANCELLED, EventKind.TIMER_STARTED,
    EventKind.TIMER_CANCELLED, EventKind.SIGNAL_AWAITED, EventKind.SIDE_EFFECT,
    EventKind.ATTRIBUTES_SET, EventKind.VALUE_PUBLISHED, EventKind.CHILD_STARTED,
    EventKind.CHILD_CANCEL_REQUESTED, EventKind.CHILD_SIGNALLED, EventKind.QUESTION_AWAITED,
    EventKind.QUESTION_ANSWERED, EventKind.QUESTION_REFUSED,
})  # fmt: skip
ENDS: Final = frozenset({
    EventKind.RUN_COMPLETED, EventKind.RUN_FAILED, EventKind.RUN_CANCELLED, EventKind.RUN_CONTINUED,
})  # fmt: skip
