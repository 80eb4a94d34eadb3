"""A read-only session: what reads is passed through, every write is refused before the client."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

from console.bulk_source import Bulk, BulkAct, Selection
from console.hold_source import Held, Holds
from console.source import Source
from continuum.errors import ContinuumError
from continuum.operators.plans import BulkPlan


class ReadOnlyRefused(ContinuumError):
    """read-only session"""

    default_hint = "start the console without --read-only, as a role that may write, to change runs"


class ReadOnlyBulk:
    """Reads plans; makes and applies none."""

    def __init__(self, inner: Bulk) -> None:
        self.groups = inner.groups
        self.sample = inner.sample
        self.look = inner.look
        self.outcomes = inner.outcomes

    async def plan(
        self, act: BulkAct, selection: Selection, arguments: Mapping[str, Any], reason: str | None
    ) -> BulkPlan:
        """Refuse."""
        raise ReadOnlyRefused

    async def apply(self, plan: BulkPlan, on_progress: Callable[[int, int], None]) -> BulkPlan:
        """Refuse."""
        raise ReadOnlyRefused

    async def set_attributes(
        self,
        run_id: UUID,
        attributes: Mapping[str, Any],
        unset: Sequence[str],
        reason: str | None,
    ) -> None:
        """Refuse."""
        raise ReadOnlyRefused


class ReadOnlyHolds:
    """Tells what is paused; pauses and resumes nothing."""

    def __init__(self, inner: Holds) -> None:
        self.pauses = inner.pauses

    async def pause(self, held: Held, reason: str | None) -> bool:
        """Refuse."""
        raise ReadOnlyRefused

    async def resume(self, held: Held, reason: str | None) -> bool:
        """Refuse."""
        raise ReadOnlyRefused


class ReadOnlySource:
    """Passes reads through and refuses every write before it reaches the client."""

    def __init__(self, inner: Source) -> None:
        self._inner = inner
        self.server = inner.server
        self.runs = inner.runs
        self.stream = inner.stream
        self.states = inner.states
        self.values = inner.values
        self.total = inner.total
        self.attribute_keys = inner.attribute_keys
        self.pulse = inner.pulse
        self.run = inner.run
        self.run_reads = inner.run_reads
        self.bulk: Bulk = ReadOnlyBulk(inner.bulk)
        self.acts = inner.acts
        self.holds: Holds = ReadOnlyHolds(inner.holds)
        self.namespaces = inner.namespaces
        self.audit = inner.audit
        self.workforce = inner.workforce
        self.health = inner.health

    async def signal(self, run_id: UUID, name: str, payload: object) -> None:
        """Refuse."""
        raise ReadOnlyRefused

    async def cancel(self, run_id: UUID, *, reason: str | None, force: bool) -> None:
        """Refuse."""
        raise ReadOnlyRefused
