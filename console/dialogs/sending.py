"""One write at a time, from a dialog that stays open until the answer is known."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Awaitable

from textual.screen import ModalScreen

from console.present.notices import explain
from console.refresh import NO_ANSWER_AFTER

UNKNOWN = (
    f"no answer within {NO_ANSWER_AFTER:.0f} s: it may or may not have been done; "
    "look at the run before you try again"
)


class SendingDialog(ModalScreen[str | None]):
    """Dismissed with what happened, or None when nothing was done."""

    def __init__(self) -> None:
        super().__init__()
        self.sending = False

    @abstractmethod
    def refused(self, why: str) -> None:
        """Show why it was not done; the dialog stays open with what was entered."""

    def send(self, write: Awaitable[None], outcome: str) -> None:
        """Await the write in the background; dismiss with `outcome` when it is done."""
        self.sending = True
        self.run_worker(
            self._send(write, outcome), group="send", exclusive=True, exit_on_error=False
        )

    async def _send(self, write: Awaitable[None], outcome: str) -> None:
        try:
            async with asyncio.timeout(NO_ANSWER_AFTER):
                await write
        except TimeoutError:
            self.sending = False
            self.refused(UNKNOWN)
        except Exception as error:
            self.sending = False
            self.refused(explain(error))
        else:
            self.dismiss(outcome)
