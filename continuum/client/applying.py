"""Works off a plan: batches, one act a run, and an outcome for each that is not acted upon."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from continuum.errors import (
    ContinuumError,
    DatabaseUnavailable,
    ReasonRequired,
    RepairRefused,
    RunNotFound,
    RunTerminal,
)
from continuum.operators.acts import Act
from continuum.operators.plans import PLANNABLE, BulkPlan, PlanOutcome, PlanRun
from continuum.store.operators import ActSkipped
from continuum.store.repair import RetryOrder
from continuum.system import monotonic

if TYPE_CHECKING:
    from continuum.client.acting import Acting
    from continuum.client.control import Control
    from continuum.client.repairs import Repairs
    from continuum.store.plans import PlanStore

BATCH: Final = 100
"""Runs that are acted upon at once."""

Settled = tuple[UUID, PlanOutcome, str]


class Applying:
    """One going through a plan, from the first run that is pending to the last.

    Args:
        store: where the plan is.
        controls, repairs: what acts.
        plan: which plan.
        acting: who applies it.
    """

    def __init__(
        self, store: PlanStore, controls: Control, repairs: Repairs, plan: BulkPlan, acting: Acting
    ) -> None:
        self._store = store
        self._controls = controls
        self._repairs = repairs
        self._plan = plan
        self._acting = acting

    async def run(self, rate: float | None, on_progress: Callable[[int, int], None]) -> None:
        """Give every pending run its outcome.

        Raises:
            DatabaseUnavailable, ReasonRequired: it ends there; what has an outcome keeps it.
        """
        plan, after = self._plan, -1
        behind, begun, tried = plan.matched - plan.pending, monotonic(), 0
        size = BATCH if rate is None else max(1, min(BATCH, int(rate / 4)))
        while batch := await self._store.runs(plan.id, PlanOutcome.PENDING, after, size):
            await self._work_off(batch)
            after, tried = batch[-1].n, tried + len(batch)
            on_progress(min(behind + tried, plan.matched), plan.matched)
            if rate is not None:
                await asyncio.sleep(max(0.0, begun + tried / rate - monotonic()))

    async def _work_off(self, batch: Sequence[PlanRun]) -> None:
        answers = await asyncio.gather(
            *(self._outcome(run) for run in batch), return_exceptions=True
        )
        settled = [answer for answer in answers if isinstance(answer, tuple)]
        if settled:
            await self._store.settle(self._plan.id, settled)
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer

    async def _outcome(self, run: PlanRun) -> Settled | None:
        """None when the store has the outcome already."""
        run_id = run.run_id
        try:
            await self._act(run_id)
        except ActSkipped as skipped:
            if skipped.state is None:
                return None  # somebody else who applies the plan was first
            detail = f"it was {run.state}, it is {skipped.state}"
            return run_id, PlanOutcome.SKIPPED, detail
        except RunNotFound:
            return run_id, PlanOutcome.SKIPPED, "not found"
        except RunTerminal as error:
            return run_id, PlanOutcome.SKIPPED, f"already {error.state}"
        except RepairRefused as error:
            return run_id, PlanOutcome.SKIPPED, error.reason
        except (DatabaseUnavailable, ReasonRequired):
            raise
        except ContinuumError as error:
            return run_id, PlanOutcome.FAILED, error.message
        return None

    def _act(self, run_id: UUID) -> Coroutine[Any, Any, Any]:
        given = self._plan.arguments
        act = self.act()
        match self._plan.act:
            case "cancel":
                return self._controls.cancel(run_id, None, act, force=given.get("force", False))
            case "signal":
                return self._controls.signal(
                    run_id, given["name"], given.get("payload"), None, given.get("delivery_id"),
                    act,
                )  # fmt: skip
            case "attributes":
                return self._controls.set_attributes(
                    run_id, given.get("attributes", {}), given.get("unset", ()), None, act
                )
            case "retry":
                force, once = given.get("force", False), given.get("once")
                return self._repairs.retry(run_id, RetryOrder(None, act.reason, force, once), act)
            case "restart":
                return self._repairs.restart(run_id, given.get("once"), None, act)
            case "pause":
                return self._repairs.pause(run_id, None, act)
            case "resume":
                return self._repairs.resume_planned(run_id, act)
            case _:
                return self._repairs.release(run_id, None, act)

    def act(self) -> Act:
        """What is recorded of each run."""
        return self._acting.act(PLANNABLE[self._plan.act].kind)
