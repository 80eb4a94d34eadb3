"""The operator journal in memory (`OperatorStore`)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from continuum.operators.acts import Act, OperatorAct
from continuum.store.memory.recording import record
from continuum.store.memory.tables import Tables
from continuum.store.operators import ActFilter


class MemoryOperators:
    """Entries as rows of one process."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def acts(
        self, wanted: ActFilter, before: int | None, limit: int
    ) -> tuple[Sequence[OperatorAct], datetime]:
        """See `OperatorStore`."""
        now = self._tables.clock.now()
        since = wanted.since
        if wanted.within is not None:
            since = max(now - wanted.within, since or now - wanted.within)
        found = [
            act
            for _, act in reversed(self._tables.operators.acts)
            if (before is None or act.id < before)
            and wanted.run_id in (None, act.run_id)
            and wanted.operator in (None, act.operator)
            and wanted.namespace in (None, act.namespace)
            and wanted.act in (None, act.act)
            and wanted.plan_id in (None, act.plan_id)
            and (since is None or act.at >= since)
        ]
        return [self._tables.operators.told(act) for act in found[:limit]], now

    async def reasons_required(self) -> Sequence[str]:
        """See `OperatorStore`."""
        return sorted(self._tables.operators.reasons)

    async def require_reasons(self, namespace: str, act: Act, *, required: bool) -> None:
        """See `OperatorStore`."""
        outcome = "required" if required else "optional"
        record(self._tables, act, outcome, namespace=namespace)
        if required:
            self._tables.operators.reasons.add(namespace)
        else:
            self._tables.operators.reasons.discard(namespace)
