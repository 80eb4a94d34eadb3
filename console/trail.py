"""The questions asked one after the other, to go back and forth in."""

from __future__ import annotations

from console.source import RunsQuery


class Trail:
    """Begins with one question; keeps the last `most`."""

    def __init__(self, first: RunsQuery, most: int = 100) -> None:
        self._asked = [first]
        self._at = 0
        self._most = most

    def ask(self, query: RunsQuery) -> None:
        """Another question: those gone back from are forgotten."""
        if query != self._asked[self._at]:
            self._asked = [*self._asked[: self._at + 1], query][-self._most :]
            self._at = len(self._asked) - 1

    def step(self, by: int) -> RunsQuery | None:
        """The question asked before (-1) or after (1) this one; None at the end."""
        if not 0 <= self._at + by < len(self._asked):
            return None
        self._at += by
        return self._asked[self._at]

    def can(self, by: int) -> bool:
        """Whether there is one."""
        return 0 <= self._at + by < len(self._asked)
