"""What happens to the activities of a run, as its worker tells it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from msgspec import Raw

from continuum.engine.attempts import ActivityState, Attempts, Phase
from continuum.engine.cancel import Cancellation
from continuum.engine.commands import CommandLog
from continuum.engine.failures import crashed, stopped
from continuum.journal.events import ActivityCompleted, ActivityEnded, EventKind, Failure

_NO_HEARTBEATS: Final[Mapping[tuple[int, int], bytes]] = {}


class ActivityEvents:
    """The part of an execution that hears of attempts."""

    __slots__ = ("_attempts", "_cancellation", "_log")

    _attempts: Attempts
    _cancellation: Cancellation
    _log: CommandLog

    @abstractmethod
    def _stimulate(self, kind: EventKind, command: int | None, body: Any, at: datetime) -> None:
        """Journal an event and let the code go on with it."""

    def attempt_begun(self, command: int, attempt: int) -> None:
        """User code of this attempt has started."""
        state = self._attempts.current(command, attempt)
        if state is not None:
            self._attempts.begin(state)

    def attempt_completed(self, command: int, attempt: int, value: bytes, at: datetime) -> None:
        """An attempt returned; `value` is its encoded result. Ignored when it is stale."""
        if self._attempts.current(command, attempt) is not None:
            body = ActivityCompleted(attempt, Raw(value))
            self._stimulate(EventKind.ACTIVITY_COMPLETED, command, body, at)

    def attempt_failed(
        self,
        command: int,
        attempt: int,
        failure: Failure,
        reason: str,
        retryable: bool,
        jitter: float,
        at: datetime,
        *,
        details: bytes | None = None,
    ) -> None:
        """An attempt ended otherwise. Ignored when it is stale.

        Args:
            failure: what happened.
            reason: "raised", "timeout" or "cancelled".
            retryable: whether the retry policy allows another attempt after this error.
            jitter: 0.0 to 1.0, places the delay in its window.
            details: of its last heartbeat.
        """
        state = self._attempts.current(command, attempt)
        if state is None or self._log.latched:
            return
        if retryable and reason != "cancelled" and self._attempts.retries_left(state):
            self._attempts.back_off(state, failure, jitter, details, at)
        else:
            self._fail_activity(state, failure, reason, at)

    def attempt_crashed(
        self, command: int, attempt: int, details: bytes | None, at: datetime
    ) -> None:
        """The process of an attempt died while its run lived on. Ignored when it is stale."""
        state = self._attempts.current(command, attempt)
        if state is not None and not self._log.latched:
            self._attempts.lose(state)
            self._recover_lost(state, details, at)

    def attempt_held(self, command: int, attempt: int, at: datetime) -> None:
        """An attempt could not begin: another call holds its idempotency key."""
        state = self._attempts.current(command, attempt)
        if state is not None and not self._log.latched:
            self._attempts.hold(state, at)
            if state.stopping:
                self._fail_activity(state, stopped(state), "cancelled", at)
            elif state.key_free:  # the message overtook the attempt's own word
                self._attempts.begin_again(state, at)

    def key_settled(self, command: int, attempt: int, at: datetime) -> None:
        """The key it waits for is free or has a result: try again. Ignored when it is stale."""
        state = self._attempts.open.get(command)
        if state is None or state.attempt != attempt or self._log.latched:
            return
        if state.phase is Phase.RELEASED:
            self._attempts.begin_again(state, at)
        elif state.local:
            state.key_free = True

    def recover(
        self, at: datetime, heartbeats: Mapping[tuple[int, int], bytes] = _NO_HEARTBEATS
    ) -> None:
        """Settle what the former owner left: begun attempts crashed, the next ones prepared.

        `heartbeats` are the details that were stored, by command and attempt.
        """
        for state in self._attempts.lost():
            if state.abandoned or self._log.latched:
                continue
            if state.phase is Phase.RELEASED:
                self._recover_released(state, at)
            elif state.phase is Phase.LOST:
                self._recover_lost(state, heartbeats.get((state.command, state.attempt)), at)

    def release(self, at: datetime) -> None:
        """Journal which attempts had not begun; the run is about to be given back."""
        if not self._log.latched:
            self._attempts.release(at)

    def _fail_activity(
        self, state: ActivityState, failure: Failure, reason: str, at: datetime
    ) -> None:
        body = ActivityEnded(state.attempt, failure, reason)
        self._stimulate(EventKind.ACTIVITY_FAILED, state.command, body, at)

    def _recover_lost(self, state: ActivityState, details: bytes | None, at: datetime) -> None:
        again = self._attempts.crash(state, details, at) and not state.abandoned
        if again and (state.protected or not self._cancellation.stopping):
            self._attempts.begin_again(state, at)
        else:
            self._fail_activity(state, crashed(state), "crashed", at)

    def _recover_released(self, state: ActivityState, at: datetime) -> None:
        if self._cancellation.stopping and not state.protected:
            self._fail_activity(state, stopped(state), "cancelled", at)
        else:
            self._attempts.begin_again(state, at)
