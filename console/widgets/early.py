"""Moves that are asked for before there is anything to move in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

MOST: Final = 200
"""Moves kept: a key held down while the database does not answer is not counted for ever."""


class EarlyMoves:
    """Keeps moves until the first rows are there, then makes them in the order of the keys."""

    def __init__(self) -> None:
        self.awaiting = True
        self._moves: list[Callable[[], None]] = []

    def again(self) -> None:
        """Other rows are to come, and what was kept was for those before."""
        self.awaiting = True
        self._moves.clear()

    def keep(self, move: Callable[[], None]) -> bool:
        """Whether it is too early: the move is made later then."""
        if self.awaiting:
            self._moves = [*self._moves, move][:MOST]
        return self.awaiting

    def make(self) -> None:
        """There are rows, or it is known that there are none."""
        self.awaiting = False
        moves, self._moves = self._moves, []
        for move in moves:
            move()
