"""What others have to hear of after a commit: which runs ended or answered, which got mail."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from uuid import UUID

from continuum.journal.turn import RunEnd, Turn

OnEnd = Callable[[UUID, RunEnd], None]

log = logging.getLogger("continuum.worker.runner")


class News:
    """Gathers it turn by turn and tells it once for each commit.

    Args:
        on_ended, on_answered, on_mail: are told of these runs.

    Attributes:
        on_end: called for each end at once.
    """

    def __init__(
        self,
        on_ended: Callable[[Sequence[UUID]], None],
        on_answered: Callable[[Sequence[UUID]], None],
        on_mail: Callable[[Sequence[UUID]], None],
    ) -> None:
        self.on_end: list[OnEnd] = []
        self._on_ended = on_ended
        self._on_answered = on_answered
        self._on_mail = on_mail
        self._ended: list[UUID] = []
        self._answered: list[UUID] = []
        self._mail: dict[UUID, None] = {}

    def posted(self, turn: Turn) -> None:
        """It posted to runs, made some, or answered questions."""
        if turn.answers:
            self._answered.append(turn.run_id)
        self._mail.update((post.run_id, None) for post in turn.posts)
        self._mail.update((child.run_id, None) for child in turn.children)

    def ended(self, run_id: UUID, end: RunEnd) -> None:
        """A run has ended."""
        self._ended.append(run_id)
        for callback in self.on_end:
            try:
                callback(run_id, end)
            except Exception:
                log.exception("run %s: a callback for its end failed", run_id)

    def tell(self) -> None:
        """All outcomes of one commit are known."""
        if self._ended:
            ended, self._ended = self._ended, []
            self._on_ended(ended)
        if self._answered:
            answered, self._answered = self._answered, []
            self._on_answered(answered)
        if self._mail:
            mail, self._mail = self._mail, {}
            self._on_mail(list(mail))
