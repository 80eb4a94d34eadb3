"""Cancel many runs: how and why; what comes of it is a plan, which asks for the count."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Button, Checkbox, Input, Label, Static

from console.bulk_source import Selection
from console.dialogs.cancel import ASKED, FORCED
from console.dialogs.deliberate import Deliberation
from console.dialogs.sending import PLANNED_FIRST, SendingDialog, named
from console.session import Session
from console.widgets.tick import Tick


class CancelManyDialog(SendingDialog):
    """The safe button has the focus; `y` leads to the plan."""

    AUTO_FOCUS = "#keep"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "keep", show=False, priority=True),
        Binding("y", "propose", show=False),
        Binding("f", "toggle_force", show=False),
        Binding("left", "app.focus_previous", show=False),
        Binding("right", "app.focus_next", show=False),
    ]

    def __init__(self, session: Session, selection: Selection) -> None:
        super().__init__()
        self._session = session
        self._selection = selection
        self._deliberation = Deliberation(session.clock)

    def compose(self) -> ComposeResult:
        """Which, consequences, reason, force."""
        with Vertical(classes="dialog danger") as box:
            box.border_title = "cancel many runs"
            box.border_subtitle = "Enter or Esc keeps them running · y shows the plan · f force"
            yield Static(Content.assemble("Cancel ", *named(self._selection)), classes="gap")
            yield Static(id="consequences", classes="gap")
            yield Static(Content(PLANNED_FIRST), classes="label")
            yield Label("Reason, kept in the history of each", classes="label")
            yield Input(placeholder="optional", id="reason")
            yield Tick("Force: end them now, without clean-up", id="force")
            yield Static("", id="problem", classes="problem")
            with Horizontal(classes="buttons"):
                yield Button("Keep running", id="keep", variant="primary")
                yield Button("Look at the plan", id="propose", variant="error")

    def on_mount(self) -> None:
        """Cooperative until told otherwise."""
        self._describe()

    @on(Checkbox.Changed)
    def _describe(self) -> None:
        words = " ".join(FORCED if self._forced else ASKED)
        self.query_one("#consequences", Static).update(Content(f"For each: {words}"))

    @property
    def _forced(self) -> bool:
        return self.query_one("#force", Checkbox).value

    @on(Input.Submitted)
    def _submitted(self) -> None:
        self.query_one("#keep").focus()

    @on(Button.Pressed, "#keep")
    def action_keep(self) -> None:
        """Leave them alone."""
        if not self._deliberation.too_early:
            self.close()

    def action_toggle_force(self) -> None:
        """Switch between asking them to stop and ending them."""
        if not self._deliberation.too_early:
            self.query_one("#force", Checkbox).toggle()

    @on(Button.Pressed, "#propose")
    def action_propose(self) -> None:
        """Make the plan."""
        if self._deliberation.too_early or self.sending:
            return
        reason = self.query_one("#reason", Input).value.strip() or None
        bulk, given = self._session.source.bulk, {"force": self._forced}
        self.propose(bulk.plan("cancel", self._selection, given, reason))

    def refused(self, why: str) -> None:
        """Above the buttons."""
        self.query_one("#problem", Static).update(Content(why))
