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
        on_news: is told of runs that ended, or answered a question.
        on_mail: of runs that got mail.

    Attributes:
        on_end: called for each end at once.
    """

    def __init__(
        self,
        on_news: Callable[[Sequence[UUID]], None],
        on_mail: Callable[[Sequence[UUID]], None],
    ) -> None:
        self.on_end: list[OnEnd] = []
        self._on_news = on_news
        self._on_mail = on_mail
        self._awaited: dict[UUID, None] = {}
        self._mail: dict[UUID, None] = {}

    def posted(self, turn: Turn) -> None:
        """It posted to runs, made some, or answered questions."""
        if turn.answers:
            self._awaited[turn.run_id] = None
        self._mail.update((post.run_id, None) for post in turn.posts)
        self._mail.update((child.run_id, None) for child in turn.children)

    def ended(self, run_id: UUID, end: RunEnd) -> None:
        """A run has ended."""
        self._awaited[run_id] = None
        for callback in self.on_end:
            try:
                callback(run_id, end)
            except Exception:
                log.exception("run %s: a callback for its end failed", run_id)

    def tell(self) -> None:
        """All outcomes of one commit are known."""
        if self._awaited:
            awaited, self._awaited = self._awaited, {}
            self._on_news(list(awaited))
        if self._mail:
            mail, self._mail = self._mail, {}
            self._on_mail(list(mail))
