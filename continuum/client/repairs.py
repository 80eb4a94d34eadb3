"""Puts single runs right and wakes whoever has to know; what `Operating` and plans act with."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from msgspec.structs import replace

from continuum.client.starting import match_existing
from continuum.codec.attributes import check_attributes
from continuum.errors import RepairRefused, RunNotFound, RunTerminal
from continuum.journal.turn import NewRun
from continuum.operators.acts import Act
from continuum.store.pauses import NOT_PAUSED, PauseStore, Scope
from continuum.store.protocol import HintSender
from continuum.store.repair import ForkOrder, RepairOutcome, RepairStore, RetryOrder, key_taken
from continuum.store.starts import StartOrder

LET_GO: Final = 1000
"""Held runs that are freed in one transaction."""

RESTARTED_FROM: Final = "restarted_from"
"""The attribute in which a run names the one that it repeats."""


class Repairs:
    """Repairs of runs.

    Args:
        store: where they are.
        pauses: where it is said who may not go on.
        hints: wakes workers.
    """

    def __init__(self, store: RepairStore, pauses: PauseStore, hints: HintSender) -> None:
        self._store = store
        self._pauses = pauses
        self._hints = hints

    async def release(self, run_id: UUID, namespace: str | None, act: Act) -> None:
        """See `Continuum.release`."""
        _check(run_id, "released", await self._store.release_quarantined(run_id, namespace, act))
        self._hints.runs_changed([run_id])

    async def retry(self, run_id: UUID, order: RetryOrder, act: Act) -> bool:
        """See `Continuum.retry`."""
        outcome = await self._store.retry(run_id, order, act)
        _check(run_id, "retried", outcome)
        if not outcome.repeated:
            self._hints.runs_changed([run_id])
        return not outcome.repeated

    async def restart(
        self, run_id: UUID, once: str | None, namespace: str | None, act: Act
    ) -> tuple[UUID, bool]:
        """See `Continuum.restart`; the id of the new run, and whether this call made it."""
        found = await self._store.ended_start(run_id, namespace)
        if found is None:
            raise RunNotFound(run_id)
        if not isinstance(found, NewRun):
            raise RepairRefused(
                run_id, "restarted", f"it has not ended, it is {found}",
                hint="cancel it first: continuum cancel",
            )  # fmt: skip
        attributes = check_attributes({**found.attributes, RESTARTED_FROM: str(run_id)})
        once_key = f"restart of {run_id}" + ("" if once is None else f": {once}")
        again = StartOrder(replace(found, attributes=attributes, idempotency_key=once_key))
        outcome = await self._store.restart(run_id, again, act)
        if outcome.existing is None:
            self._hints.runs_changed([again.run.run_id])
            return again.run.run_id, True
        if outcome.by_key:
            raise RepairRefused(run_id, "restarted", key_taken(outcome.existing.run_id))
        return match_existing(again.run, outcome.existing), False

    async def fork(self, run_id: UUID, order: ForkOrder, act: Act) -> tuple[UUID, bool]:
        """See `Continuum.fork`; the id of the fork, and whether this call made it."""
        outcome = await self._store.fork(run_id, order, act)
        if outcome.state is None:
            raise RunNotFound(run_id)
        if outcome.run_id is None:
            raise RepairRefused(run_id, "forked", outcome.refusal or "")
        if not outcome.repeated:
            self._hints.runs_changed([outcome.run_id])
        return outcome.run_id, not outcome.repeated

    async def pause(self, run_id: UUID, namespace: str | None, act: Act) -> bool:
        """See `Continuum.pause`."""
        outcome = await self._pauses.pause_run(run_id, namespace, act)
        _check_live(run_id, outcome)
        if not outcome.repeated:
            self._hints.runs_changed([run_id])
        return not outcome.repeated

    async def resume(self, run_id: UUID, namespace: str | None, act: Act) -> bool:
        """See `Continuum.resume`."""
        outcome = await self._pauses.resume_run(run_id, namespace, act)
        _check_live(run_id, outcome)
        if outcome.refusal is None:
            self._hints.runs_changed([run_id])
        return outcome.refusal is None

    async def resume_planned(self, run_id: UUID, act: Act) -> None:
        """As `resume`, for a run of a plan.

        Raises:
            RepairRefused: it is not paused.
        """
        if not await self.resume(run_id, None, act):
            raise RepairRefused(run_id, "resumed", NOT_PAUSED)

    async def lift(self, scope: Scope, act: Act) -> bool:
        """See `Continuum.resume`; frees what is held, in batches."""
        lifted = await self._pauses.lift(scope, act)
        freed = LET_GO
        while lifted and freed == LET_GO:
            freed = len(await self._pauses.let_go(LET_GO))
            self._hints.poll_now()
        return lifted


def _check_live(run_id: UUID, outcome: RepairOutcome) -> None:
    if outcome.state is None:
        raise RunNotFound(run_id)
    if outcome.refusal is not None and outcome.refusal != NOT_PAUSED:
        raise RunTerminal(run_id, outcome.state)


def _check(run_id: UUID, what: str, outcome: RepairOutcome) -> None:
    """Raise what the outcome says."""
    if outcome.state is None:
        raise RunNotFound(run_id)
    if outcome.refusal is not None:
        raise RepairRefused(run_id, what, outcome.refusal)
