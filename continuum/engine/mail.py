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
    """The mailboxes of one run.

    Attributes:
        signals: its signals.
        asked: its questions; None while there has been none, which saves most runs the memory.
    """

    __slots__ = ("_log", "_loop", "asked", "signals")

    def __init__(self, log: CommandLog, loop: DeterministicLoop) -> None:
        self._log = log
        self._loop = loop
        self.signals = Signals(log, loop)
        self.asked: Questions | None = None

    @property
    def questions(self) -> Questions:
        """Its questions, from now on."""
        if self.asked is None:
            self.asked = Questions(self._log, self._loop)
        return self.asked

    def deliver(self, body: SignalReceived | QuestionReceived) -> None:
        """Something arrived."""
        if isinstance(body, SignalReceived):
            self.signals.deliver(body)
        else:
            self.questions.deliver(body)

    def waiters(self) -> list[Waiter[Any]]:
        """Everybody who waits."""
        signals = self.signals.waiters()
        return signals if self.asked is None else [*signals, *self.asked.waiters()]

    def forked(self) -> None:
        """What it was asked so far was asked of another run."""
        if self.asked is not None:
            self.asked.disown()

    def carried(self, at: datetime) -> list[Entry]:
        """What the next incarnation begins with.

        Signals that no code has seen, and questions that were not answered, taken or not: the code
        that had taken one is gone.
        """
        untaken, asked = self.signals.untaken(), self.asked
        entries = [Entry(EventKind.SIGNAL_RECEIVED, None, body, at) for body in untaken]
        if asked is not None:
            entries += [
                Entry(EventKind.QUESTION_RECEIVED, None, body, at) for body in asked.open.values()
            ]
        return entries
