"""One write at a time, from a dialog that stays open until the answer is known."""

# pyright: reportUnknownMemberType=false
# Textual leaves the type of `Widget.workers` open.

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Awaitable

from textual.screen import ModalScreen

from console.bulk_source import Selection
from console.present.notices import explain
from console.present.plain import short_id
from console.present.plan import upon
from console.present.runs import where
from console.refresh import NO_ANSWER_AFTER
from continuum.model import Run
from continuum.operators.plans import BulkPlan

PLANNED_WITHIN = 60.0
"""Seconds in which the runs of a plan must have been found."""
UNKNOWN = (
    f"no answer within {NO_ANSWER_AFTER:.0f} s: it may or may not have been done; "
    "look at the run before you try again"
)


PLANNED_FIRST = "the plan comes first: nothing is done before you have seen it"


def named(target: Run | Selection) -> list[tuple[str, str]]:
    """What an act is upon, for the head of its dialog."""
    quiet = "$foreground 60%"
    if isinstance(target, Run):
        return [("run ", quiet), (short_id(target.id), "bold"), (where(target), quiet)]
    return [(upon(target), "bold")]


class SendingDialog(ModalScreen[str | BulkPlan | None]):
    """Dismissed with what happened, or a plan to be looked at; None when nothing was done."""

    def __init__(self) -> None:
        super().__init__()
        self.sending = False
        self.planning = False

    def close(self) -> None:
        """Do nothing. What is being sent has to be waited for; what is being planned has not."""
        if self.planning:
            self.workers.cancel_group(self, "send")
        elif self.sending:
            return
        self.dismiss(None)

    @abstractmethod
    def refused(self, why: str) -> None:
        """Show why it was not done; the dialog stays open with what was entered."""

    def send(self, write: Awaitable[None], outcome: str) -> None:
        """Await the write in the background; dismiss with `outcome` when it is done."""

        async def done() -> str:
            await write
            return outcome

        self._begin(done(), NO_ANSWER_AFTER)

    def send_for(self, work: Awaitable[str]) -> None:
        """Await a write that says itself what it did; dismiss with that."""
        self._begin(work, NO_ANSWER_AFTER)

    def propose(self, plan: Awaitable[BulkPlan]) -> None:
        """Await a plan, which changes no run; dismiss with it."""
        self.planning = True
        self._begin(plan, PLANNED_WITHIN)

    def _begin(self, work: Awaitable[str | BulkPlan], patience: float) -> None:
        self.sending = True
        self.run_worker(
            self._send(work, patience), group="send", exclusive=True, exit_on_error=False
        )

    async def _send(self, work: Awaitable[str | BulkPlan], patience: float) -> None:
        try:
            async with asyncio.timeout(patience):
                outcome = await work
        except TimeoutError:
            self.sending = self.planning = False
            self.refused(UNKNOWN)
        except Exception as error:
            self.sending = self.planning = False
            self.refused(explain(error))
        else:
            self.dismiss(outcome)
