"""Screens with runs that can be acted on: signal, cancel, attributes; and copied from."""

# pyright: reportUnknownMemberType=false
# Textual leaves the type of `Widget.app` open.

from __future__ import annotations

from abc import abstractmethod
from functools import partial
from typing import Final, TypeVar

from console.bulk_source import Selection
from console.dialogs.attributes import AttributesDialog
from console.dialogs.cancel import CancelDialog
from console.dialogs.cancel_many import CancelManyDialog
from console.dialogs.hold import HoldDialog, of_run
from console.dialogs.plan import PlanDialog
from console.dialogs.sending import SendingDialog
from console.dialogs.signal import SignalDialog
from console.messages import ShowActs
from console.present.plain import short_id
from console.present.plan import verb
from console.screens.copying import CopyingScreen
from console.yank import Copyable, copyables
from continuum.model import Run
from continuum.operators.plans import BulkPlan

T = TypeVar("T")

ON_A_RUN: Final = frozenset({"open", "signal", "cancel", "attributes", "acts", "hold"})
_ON_A_LIVE_RUN: Final = frozenset({"signal", "cancel"})


class ActingScreen(CopyingScreen[T]):
    """A live screen on which one run is meant, or several."""

    @abstractmethod
    def run_in_view(self) -> Run | None:
        """The run that an action would mean."""

    def target(self) -> Run | None:
        """The run that an action means, now that there is one."""
        return self.run_in_view()

    def selection(self) -> Selection | None:
        """Several runs that an action means instead."""
        return None

    def unavailable(self, name: str) -> str | None:
        """There must be a run, and a live one to send it anything."""
        if name not in ON_A_RUN:
            return super().unavailable(name)
        run = self.run_in_view()
        if run is None:
            return "no run under the cursor"
        if name in _ON_A_LIVE_RUN and run.state.terminal:
            return f"run {short_id(run.id)} has already ended: {run.state}"
        return None

    # acts

    def do_signal(self) -> None:
        """Open the signal dialog."""
        self._act("signal")

    def do_cancel(self) -> None:
        """Open the cancel dialog."""
        self._act("cancel")

    def do_attributes(self) -> None:
        """Open the attributes."""
        self._act("attributes")

    def do_hold(self) -> None:
        """Open the pause dialog."""
        self._act("hold")

    def _act(self, name: str) -> None:
        target = self.selection() or self.target()
        if target is not None:
            self.act_upon(name, target)

    def act_upon(self, name: str, target: Run | Selection) -> None:
        """Open the dialog of an act; it is bound to what was meant when it opened."""
        session = self.session
        dialog: SendingDialog
        match name:
            case "signal":
                dialog = SignalDialog(session, target)
            case "hold" if isinstance(target, Selection):
                dialog = HoldDialog(session, (), selection=target)
            case "hold" if isinstance(target, Run):
                dialog = HoldDialog(session, of_run(target), target)
            case "attributes":
                dialog = AttributesDialog(session, target)
            case _ if isinstance(target, Selection):
                dialog = CancelManyDialog(session, target)
            case _:
                dialog = CancelDialog(session, target)
        self.app.push_screen(dialog, partial(self._acted, target))

    def _acted(self, target: Run | Selection, outcome: str | BulkPlan | None) -> None:
        if isinstance(outcome, BulkPlan) and isinstance(target, Selection):
            self.app.push_screen(PlanDialog(self.session, outcome, target), self._applied)
        elif outcome:
            self.toast(str(outcome))
            self.live.refresh()

    def _applied(self, plan: BulkPlan | None) -> None:
        """What came of it; marks have served, unless nothing was done."""
        if plan is None:
            self.toast("nothing was changed")
            return
        self.toast(f"{verb(plan)}: {plan.done:,} done, {plan.skipped:,} skipped, "
                   f"{plan.failed:,} failed")  # fmt: skip
        self.acted()
        self.live.refresh()

    def acted(self) -> None:
        """A plan was applied."""

    def do_acts(self) -> None:
        """What operators did to it."""
        if (run := self.target()) is not None:
            self.post_message(ShowActs(run.id))

    # copying

    def copyables(self) -> list[Copyable]:
        """What can be copied here."""
        return copyables(self.target(), None, 1)
