"""What others have to hear of after a commit: which runs ended, and which got mail."""

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
        on_ended, on_mail: are told.

    Attributes:
        on_end: called for each end at once.
    """

    def __init__(
        self,
        on_ended: Callable[[Sequence[tuple[UUID, RunEnd]]], None],
        on_mail: Callable[[Sequence[UUID]], None],
    ) -> None:
        self.on_end: list[OnEnd] = []
        self._on_ended = on_ended
        self._on_mail = on_mail
        self._ended: list[tuple[UUID, RunEnd]] = []
        self._mail: dict[UUID, None] = {}

    def posted(self, turn: Turn) -> None:
        """It posted to runs, or made some."""
        self._mail.update((post.run_id, None) for post in turn.posts)
        self._mail.update((child.run_id, None) for child in turn.children)

    def ended(self, run_id: UUID, end: RunEnd) -> None:
        """A run has ended."""
        self._ended.append((run_id, end))
        for callback in self.on_end:
            try:
                callback(run_id, end)
            except Exception:
                log.exception("run %s: a callback for its end failed", run_id)

    def tell(self) -> None:
        """All outcomes of one commit are known."""
        ended, self._ended = self._ended, []
        if ended:
            self._on_ended(ended)
        if self._mail:
            mail, self._mail = self._mail, {}
            self._on_mail(list(mail))
