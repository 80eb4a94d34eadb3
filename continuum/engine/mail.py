"""What others send a run by name: signals, and questions, which want an answer."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from continuum.engine.commands import CommandLog
from continuum.engine.loop import DeterministicLoop
from continuum.engine.mailbox import Waiter
from continuum.engine.questions import Questions
from continuum.engine.signals import Signals
from continuum.journal.events import Entry, EventKind, QuestionReceived, SignalReceived


class Mail:
    """The mailboxes of one run."""

    __slots__ = ("questions", "signals")

    def __init__(self, log: CommandLog, loop: DeterministicLoop) -> None:
        self.signals = Signals(log, loop)
        self.questions = Questions(log, loop)

    def deliver(self, body: SignalReceived | QuestionReceived) -> None:
        """Something arrived."""
        if isinstance(body, SignalReceived):
            self.signals.deliver(body)
        else:
            self.questions.deliver(body)

    def waiters(self) -> list[Waiter[Any]]:
        """Everybody who waits."""
        return [*self.signals.waiters(), *self.questions.waiters()]

    def carried(self, at: datetime) -> list[Entry]:
        """What the next incarnation begins with.

        Signals that no code has seen, and questions that were not answered, taken or not: the code
        that had taken one is gone.
        """
        return [
            *(Entry(EventKind.SIGNAL_RECEIVED, None, body, at) for body in self.signals.untaken()),
            *(
                Entry(EventKind.QUESTION_RECEIVED, None, body, at)
                for body in self.questions.open.values()
            ),
        ]
