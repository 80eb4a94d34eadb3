"""What happens to a run at one of its commits, and the rule that must hold whatever happened."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from continuum.store.protocol import CommitResult, Turn
from tests.saga import example

Commit = Callable[[UUID, Sequence[Turn]], Awaitable[CommitResult]]
Strike = Callable[[str], Awaitable[None]]


@dataclass
class Case:
    """One disturbance of one scenario.

    Args:
        at: number of the commit, the first is 1; 0 disturbs nothing.
        moment: "before" the commit is sent, or "after" it happened and before the worker knows.
        strike: what happens then.
    """

    at: int
    moment: str
    strike: Strike | None = None
    commits: int = field(default=0, init=False)

    async def around(self, commit: Commit, node_id: UUID, turns: Sequence[Turn]) -> CommitResult:
        """Let a commit happen, with what happens around it."""
        self.commits += 1
        mine = self.commits == self.at and self.strike is not None
        if mine and self.moment == "before":
            await self._strike()
        result = await commit(node_id, turns)
        if mine and self.moment == "after":
            await self._strike()
        return result

    async def _strike(self) -> None:
        assert self.strike is not None
        await self.strike(self.moment)


async def let_a_step_fail(moment: str) -> None:
    """The next activity that is no compensation fails for good, before or after its effect."""
    example.failing["next"] = moment


def check(state: str, error: Any, order_id: str) -> None:
    """No charge without refund or shipment; refunds only when the order did not go through."""
    done = [entry.removesuffix(f" {order_id}") for entry in example.ledger]
    assert state in ("completed", "failed", "cancelled")
    if state == "completed":
        assert "refund" not in done, done
        assert "unlock" not in done, done
        assert done[-1] == "ship", done
        assert error is None
        return
    for effect, undo in (("charge", "refund"), ("lock", "unlock")):
        if effect in done and undo not in example.failing:
            last = len(done) - done[::-1].index(effect)
            assert undo in done[last:], f"{effect} without {undo}: {done}"
    for undo in example.failing:
        if undo in ("refund", "unlock"):
            assert f"compensation tests.saga.example:{undo} failed" in str(error), error
