"""Every commit of a worker is a boundary at which it may die, before it or after it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final, Literal

from continuum.store.activities import AttemptFence, AttemptTransaction

Moment = Literal["before", "after"]

COMMITS: Final = {
    "commit_turns", "finish_tasks", "reserve_key", "complete_key", "release_key", "save_beats",
}  # fmt: skip
CLAIMS: Final = {"claim", "claim_tasks"}
"""Commits too, when they bring something; to die before one is to die after the commit before."""


class Boundaries:
    """Counts commits from `arm` on, and lets the worker die at one of them.

    Args:
        die: takes the worker out of the world; does not return.

    Attributes:
        struck: the worker has died.
    """

    def __init__(self, die: Callable[[], Awaitable[None]]) -> None:
        self._die = die
        self._at: int | None = None
        self._moment: Moment = "before"
        self._count = 0
        self.struck = False
        self._inside = 0
        self._settled = asyncio.Event()

    def arm(self, at: int | None, moment: Moment) -> None:
        """Die at boundary number `at`, counted from 0 and from now; None: at none."""
        self._at, self._moment, self._count = at, moment, 0

    async def around(self, commit: Callable[[], Awaitable[Any]], *, claims: bool = False) -> Any:
        """Let a commit happen, or not, or be the last thing that happened."""
        self.begin()
        if claims:
            result = await commit()
            if result and self._moment == "after":
                await self.strike_at(self.next(), "after")
        else:
            number = self.next()
            await self.strike_at(number, "before")
            result = await commit()
            await self.strike_at(number, "after")
        self.end()
        return result

    async def settled(self) -> None:
        """Until no commit is under way: the last one is visible before it is answered."""
        if not self.struck:
            await self._settled.wait()

    def begin(self) -> None:
        """A commit is under way."""
        self._inside += 1
        self._settled.clear()

    def end(self) -> None:
        """It was answered."""
        self._inside -= 1
        if not self._inside:
            self._settled.set()

    def next(self) -> int:
        """The number of the boundary that is reached."""
        self._count += 1
        return self._count - 1

    def falls_at(self, number: int, moment: Moment) -> bool:
        """Whether the worker dies there, or is dead already."""
        return self.struck or (self._at, self._moment) == (number, moment)

    async def strike_at(self, number: int, moment: Moment) -> None:
        """Die, if it is there."""
        if self.falls_at(number, moment):
            self.struck = True
            self._settled.set()
            await self._die()


class Mortal:
    """Stands between a worker and its store; whoever commits passes the boundaries."""

    def __init__(self, store: Any, boundaries: Boundaries) -> None:
        self._store = store
        self._boundaries = boundaries
        if hasattr(store, "activities"):
            self.activities = Mortal(store.activities, boundaries)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        if name not in COMMITS | CLAIMS:
            return found

        def commit(*args: Any) -> Awaitable[Any]:
            return self._boundaries.around(lambda: found(*args), claims=name in CLAIMS)

        return commit

    @asynccontextmanager
    async def transaction(self, fence: AttemptFence) -> AsyncGenerator[AttemptTransaction]:
        """Dies before the commit inside the transaction, after it outside."""
        boundaries = self._boundaries
        number = boundaries.next()
        boundaries.begin()
        async with self._store.transaction(fence) as transaction:
            yield transaction
            if boundaries.falls_at(number, "before"):
                await transaction.connection.close()  # a dead process' connection is gone
            await boundaries.strike_at(number, "before")
        await boundaries.strike_at(number, "after")
        boundaries.end()
