"""Lets runs go that somebody paused: what they did stays, and nothing of them begins any more.

A paused run is not stepped. Its turn in flight is waited for, and so are the attempts of activities
that are under way; their outcomes go into its inbox with the release, since the code has not seen
them. Mail and timers are in the database anyway. Letting a run go is harmless whatever happened to
the pause meanwhile: a run that is not paused any more is claimed again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import IntFlag
from typing import TYPE_CHECKING
from uuid import UUID

from msgspec import Raw

from continuum.engine.outcome import ActivityCall
from continuum.journal.events import Failure, as_details
from continuum.journal.tasks import RESULT, AttemptResult, attempt_name, encode_task
from continuum.store.mail import NewMessage
from continuum.store.pauses import NO_PAUSES, Pauses
from continuum.worker.attempt import Outcome
from continuum.worker.owned import OwnedRun

if TYPE_CHECKING:
    from continuum.worker.activities import Activities


log = logging.getLogger("continuum.worker.pausing")


class Why(IntFlag):
    """Why a run is let go."""

    ITSELF = 1
    SCOPE = 2
    UNREADABLE = 4


class Pausing:
    """Decides which runs of this node are not stepped, and gives them back.

    Args:
        runs: the runs in memory.
        let_go: gives a run back that nothing keeps here any more.
        wake: steps a run that is kept after all.

    Attributes:
        now: what is paused besides single runs, as of the last poll.
    """

    def __init__(
        self,
        runs: Mapping[UUID, OwnedRun],
        activities: Activities,
        *,
        let_go: Callable[[OwnedRun], None],
        wake: Callable[[OwnedRun], None],
    ) -> None:
        self.now = NO_PAUSES
        self._runs = runs
        self._activities = activities
        self._let_go = let_go
        self._wake = wake

    def told(self, run: OwnedRun, paused: bool) -> None:
        """The run was paused, or resumed before it was let go."""
        self._change(run, run.pausing | Why.ITSELF if paused else run.pausing & ~Why.ITSELF)

    def unreadable(self, run: OwnedRun, what: str) -> None:
        """A message to it cannot be opened here: it is parked as soon as it may be let go."""
        if run.unreadable is None:
            log.error("run %s (%s): cannot open %s", run.run_id, run.workflow_name, what)
            run.unreadable = what
            self._change(run, run.pausing | Why.UNREADABLE)

    def observe(self, pauses: Pauses) -> None:
        """A poll found what is paused."""
        before, self.now = self.now, pauses
        if not pauses.scopes and not before.scopes:
            return
        for run in list(self._runs.values()):
            if run.execution is not None and run.created is None and not run.dropped:
                covered = pauses.cover(run.execution.identity.namespace, run.workflow_name)
                why = run.pausing & ~Why.SCOPE
                self._change(run, why | Why.SCOPE if covered else why)

    def arrived(self, run: OwnedRun) -> None:
        """Something happened to a run that is not stepped: may it go now?"""
        if run.in_flight is None and not run.attempts and not run.dropped:
            self._let_go(run)

    def withhold(self, run: OwnedRun, calls: Sequence[ActivityCall]) -> None:
        """These attempts are durable and do not begin."""
        if calls:
            run.withheld = (*run.withheld, *calls)

    def _change(self, run: OwnedRun, why: int) -> None:
        before, run.pausing = run.pausing, why
        if why and not before:
            self.withhold(run, self._activities.withdraw(run))
            self.arrived(run)
        elif before and not why:
            calls, run.withheld = run.withheld, ()
            if calls:
                self._activities.start(run, calls)
            self._wake(run)


class Answers:
    """Takes what attempts said to a run that does not listen, as messages to it."""

    def __init__(self, run: OwnedRun) -> None:
        self._run = run
        self.messages: list[NewMessage] = []

    @classmethod
    def of(cls, run: OwnedRun, at: datetime) -> list[NewMessage]:
        """Those of the run's stimuli that are outcomes of attempts."""
        answers = cls(run)
        for stimulus in run.stimuli:
            if isinstance(stimulus, Outcome) and stimulus.sink is run.execution:
                tell = getattr(answers, stimulus.func.__name__)
                tell(*stimulus.args, at, **stimulus.keywords)
        return answers.messages

    def attempt_completed(self, command: int, attempt: int, value: bytes, at: datetime) -> None:
        """See `AttemptSink`."""
        self._add(command, attempt, AttemptResult("completed", value=Raw(value)))

    def attempt_failed(
        self, command: int, attempt: int, failure: Failure, reason: str, retryable: bool,
        jitter: float, at: datetime, *, details: bytes | None = None,
    ) -> None:  # fmt: skip
        """See `AttemptSink`."""
        result = AttemptResult(
            "failed", error=failure, reason=reason, retryable=retryable, jitter=jitter,
            details=as_details(details),
        )  # fmt: skip
        self._add(command, attempt, result)

    def attempt_crashed(
        self, command: int, attempt: int, details: bytes | None, at: datetime
    ) -> None:
        """See `AttemptSink`."""
        self._add(command, attempt, AttemptResult("crashed", details=as_details(details)))

    def attempt_held(self, command: int, attempt: int, at: datetime) -> None:
        """It has not begun: that is journaled, and no code hears of it."""
        assert self._run.execution is not None
        self._run.execution.attempt_held(command, attempt, at)

    def _add(self, command: int, attempt: int, result: AttemptResult) -> None:
        name = attempt_name(self._run.incarnation, command, attempt)
        self.messages.append(NewMessage(self._run.run_id, RESULT, name, encode_task(result)))
