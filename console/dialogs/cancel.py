"""Cancel one run: says exactly what will happen; doing nothing is the easy way out."""

from __future__ import annotations

from typing import ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Button, Checkbox, Input, Label, Static

from console.dialogs.deliberate import Deliberation
from console.dialogs.sending import SendingDialog
from console.present.plain import short_id
from console.present.runs import where
from console.session import Session
from console.widgets.tick import Tick
from continuum.model import Run

ASKED: Final = (
    "It is asked to stop: activities in flight are told to end, then its code is",
    "cancelled where it waits. Its clean-up and compensations run, and may take time.",
    "It ends as cancelled. This cannot be undone.",
)
FORCED: Final = (
    "It ends as cancelled at once. No clean-up and no compensation runs, and a worker",
    "in the middle of it can write nothing more; what an activity has already done",
    "outside stays done. This cannot be undone.",
)


class CancelDialog(SendingDialog):
    """What, which and consequences; the answer of the database closes it."""

    AUTO_FOCUS = "#keep"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "keep", show=False, priority=True),
        Binding("y", "confirm", show=False),
        Binding("f", "toggle_force", show=False),
        Binding("left", "app.focus_previous", show=False),
        Binding("right", "app.focus_next", show=False),
    ]

    def __init__(self, session: Session, run: Run) -> None:
        super().__init__()
        self._session = session
        self._run = run
        self._deliberation = Deliberation(session.clock)

    @property
    def proof(self) -> str:
        """What must be typed to force: the last four characters of the run id."""
        return str(self._run.id)[-4:]

    def compose(self) -> ComposeResult:
        """What, which, consequences; reason; force; the safe button first."""
        run = self._run
        with Vertical(classes="dialog danger") as box:
            box.border_title = "cancel a run"
            box.border_subtitle = "Enter or Esc keeps it running · y cancels · f force"
            yield Static(
                Content.assemble(
                    "Cancel run ", (short_id(run.id), "bold"), "?",
                    (where(run), "$foreground 60%"),
                ),
                classes="gap",
            )  # fmt: skip
            yield Static(Content(str(run.id)), classes="label")
            yield Static(id="consequences", classes="gap")
            yield Label("Reason, kept in its history", classes="label")
            yield Input(placeholder="optional", id="reason")
            yield Tick("Force: end it now, without clean-up", id="force")
            yield Label(Content(f"To force, type the last four characters of its id: {self.proof}"),
                        id="proof-label", classes="label")  # fmt: skip
            yield Input(placeholder=self.proof, id="proof", max_length=4)
            yield Static("", id="problem", classes="problem")
            with Horizontal(classes="buttons"):
                yield Button("Keep running", id="keep", variant="primary")
                yield Button("Cancel run", id="cancel", variant="error")

    def on_mount(self) -> None:
        """Cooperative until told otherwise."""
        self._describe()

    @property
    def _forced(self) -> bool:
        return self.query_one("#force", Checkbox).value

    @on(Checkbox.Changed)
    def _describe(self) -> None:
        forced = self._forced
        self.query_one("#consequences", Static).update(
            Content(" ".join(FORCED if forced else ASKED))
        )
        for name in ("#proof", "#proof-label"):
            self.query_one(name).display = forced
        self.query_one("#cancel", Button).label = "Force cancel" if forced else "Cancel run"
        self._judge()
        if forced:
            self.query_one("#proof").focus()

    @on(Input.Changed, "#proof")
    def _judge(self) -> None:
        proven = self.query_one("#proof", Input).value.lower() == self.proof
        self.query_one("#cancel", Button).disabled = self._forced and not proven

    @on(Input.Submitted)
    def _submitted(self) -> None:
        self.query_one("#keep").focus()

    @on(Button.Pressed, "#keep")
    def action_keep(self) -> None:
        """Leave the run alone."""
        if not (self._deliberation.too_early or self.sending):
            self.dismiss(None)

    def action_toggle_force(self) -> None:
        """Switch between asking it to stop and ending it."""
        if not self._deliberation.too_early:
            self.query_one("#force", Checkbox).toggle()

    @on(Button.Pressed, "#cancel")
    def action_confirm(self) -> None:
        """Cancel, unless the proof for force is missing."""
        unproven = self.query_one("#cancel", Button).disabled
        if self._deliberation.too_early or unproven or self.sending:
            return
        reason = self.query_one("#reason", Input).value.strip() or None
        forced = self._forced
        run = short_id(self._run.id)
        self.send(
            self._session.source.cancel(self._run.id, reason=reason, force=forced),
            f"run {run} was cancelled" if forced else f"run {run} is asked to stop",
        )

    def refused(self, why: str) -> None:
        """Above the buttons."""
        self.query_one("#problem", Static).update(Content(why))
