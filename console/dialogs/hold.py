"""Pause something, or let it go on: a run, its workflow, its namespace, a queue, marked runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Button, Input, Label, OptionList, Static

from console.bulk_source import BulkAct, Selection
from console.dialogs.deliberate import Deliberation
from console.dialogs.sending import SendingDialog
from console.hold_source import Held
from console.present.notices import explain
from console.present.plain import one_line, short_id, short_name
from console.present.plan import upon
from console.session import Session
from continuum.model import Pause, Run

Target = Held | tuple[BulkAct, Selection]

_EFFECT = {
    "run": "What is under way ends and is kept; signals and timers wait until it is resumed.",
    "many": "New runs start, and wait, too. What is under way ends and is kept.",
    "queue": "Attempts that run end; no other begins.",
}


def of_run(run: Run) -> list[Held]:
    """What a pause can be upon where a run is under the cursor, the least first."""
    found = [
        Held(workflow=run.workflow, namespace=run.namespace),
        Held(workflow=run.workflow),
        Held(namespace=run.namespace),
    ]
    return found if run.state.terminal else [Held(run_id=run.id), *found]


def words(held: Held) -> str:
    """What it is upon, in words."""
    if held.run_id is not None:
        return f"run {short_id(held.run_id)}"
    if held.queue is not None:
        return f"queue {one_line(held.queue, 60)}"
    place = "" if held.namespace is None else f"namespace {one_line(held.namespace, 40)}"
    if held.workflow is None:
        return f"all runs of {place}"
    where = f"in {place}" if place else "in every namespace"
    return f"workflow {short_name(held.workflow)} {where}"


class HoldDialog(SendingDialog):
    """Bound to what was meant when it opened; `Enter` chooses, a button or `y` does it.

    Args:
        session: where.
        held: what can be paused.
        run: the run that the first of them is, as it was read.
        selection: marked runs instead of it, which become a plan.
    """

    AUTO_FOCUS = "OptionList"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", show=False, priority=True),
        Binding("y", "confirm", show=False),
    ]

    def __init__(
        self,
        session: Session,
        held: Sequence[Held],
        run: Run | None = None,
        selection: Selection | None = None,
    ) -> None:
        super().__init__()
        self._session = session
        self._run = run
        self._deliberation = Deliberation(session.clock)
        self._pauses: Sequence[Pause] | None = None
        self._unread = "reading…"
        self._targets: list[Target] = list(held)
        if selection is not None:
            self._targets = [("pause", selection), ("resume", selection)]

    def compose(self) -> ComposeResult:
        """What it is upon, why, and the safe button first."""
        with Vertical(classes="dialog") as box:
            box.border_title = "pause or resume"
            box.border_subtitle = "Enter chooses · y does it · Esc changes nothing"
            yield OptionList(*(self._line(target) for target in self._targets))
            yield Static("", id="effect", classes="gap")
            yield Label("Reason, kept in the operator journal", classes="label")
            yield Input(placeholder="optional", id="reason")
            yield Static("", id="problem", classes="problem")
            with Horizontal(classes="buttons"):
                yield Button("Close", id="close", variant="primary")
                yield Button("Pause", id="do")

    def on_mount(self) -> None:
        """Read what is paused already."""
        options = self.query_one(OptionList)
        options.highlighted = 0
        self._describe()
        if any(isinstance(each, Held) and each.run_id is None for each in self._targets):
            self.run_worker(self._read(), group="pauses", exclusive=True, exit_on_error=False)

    async def _read(self) -> None:
        try:
            self._pauses = await self._session.source.holds.pauses()
        except Exception as error:
            self._unread = "not known"
            self.refused(f"what is paused could not be read: {explain(error)}")
        options = self.query_one(OptionList)
        for index, target in enumerate(self._targets):
            options.replace_option_prompt_at_index(index, self._line(target))
        self._describe()

    @property
    def _target(self) -> Target:
        return self._targets[self.query_one(OptionList).highlighted or 0]

    def _paused(self, target: Target) -> bool | None:
        """Whether it is paused already; None as long as that is not known."""
        if not isinstance(target, Held):
            return target[0] == "resume"
        if target.run_id is not None:
            return self._run is not None and self._run.paused
        return None if self._pauses is None else target.among(self._pauses)

    def _line(self, target: Target) -> Content:
        paused = self._paused(target)
        if not isinstance(target, Held):
            return Content(f" {target[0].capitalize()} {upon(target[1])}")
        told = {None: f"  {self._unread}", True: "  paused", False: ""}[paused]
        return Content.assemble(f" {words(target)}", (told, "$text-warning"))

    @on(OptionList.OptionHighlighted)
    def _describe(self) -> None:
        target, paused = self._target, self._paused(self._target)
        button = self.query_one("#do", Button)
        button.disabled = paused is None
        if not isinstance(target, Held):
            button.label = "Look at the plan"
            text = "The plan comes first: nothing is done before you have seen it."
        elif paused:
            button.label = "Resume"
            text = f"{words(target)} is paused. It goes on."
            if target.run_id is not None:
                text += " It stays paused while its workflow or namespace is."
        else:
            button.label = "Pause"
            kind = "run" if target.run_id else "queue" if target.queue else "many"
            text = f"Pause {words(target)}? {_EFFECT[kind]}"
        self.query_one("#effect", Static).update(Content(text))

    @on(OptionList.OptionSelected)
    def _chosen(self) -> None:
        self.query_one("#reason").focus()

    @on(Input.Submitted)
    def _reasoned(self) -> None:
        self.query_one("#close").focus()

    @on(Button.Pressed, "#close")
    def action_close(self) -> None:
        """Change nothing."""
        self.close()

    @on(Button.Pressed, "#do")
    def action_confirm(self) -> None:
        """Pause it, or let it go on."""
        target, paused = self._target, self._paused(self._target)
        if self._deliberation.too_early or self.sending or paused is None:
            return
        reason = self.query_one("#reason", Input).value.strip() or None
        source = self._session.source
        if not isinstance(target, Held):
            act, selection = target
            self.propose(source.bulk.plan(act, selection, {}, reason))
            return
        call = source.holds.resume if paused else source.holds.pause
        done = "goes on" if paused else "is paused"
        before = "was not paused any more" if paused else "was paused already"

        async def act_upon() -> str:
            return f"{words(target)} {done if await call(target, reason) else before}"

        self.send_for(act_upon())

    def refused(self, why: str) -> None:
        """Above the buttons."""
        self.query_one("#problem", Static).update(Content(why))
