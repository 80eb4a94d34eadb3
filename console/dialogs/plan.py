"""A plan: what it will do to which runs, the count to repeat, its progress and its outcome."""

# pyright: reportUnknownMemberType=false
# Textual leaves the type of `Widget.app` open.

from __future__ import annotations

from typing import ClassVar, Final, Literal

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Static

from console.bulk_source import Selection, Stopped
from console.dialogs.deliberate import Deliberation, LateInput
from console.present import plan as present
from console.present.notices import explain
from console.session import Session
from console.widgets.bars import palette_of
from continuum.operators.plans import BulkPlan, PlanRun

BAR: Final = 60
PREVIEW: Final = 26
"""Of a hundred lines of the screen, for what the runs are."""


class PlanDialog(ModalScreen[BulkPlan | None]):
    """Dismissed with the plan as far as it was applied, None when nothing was done.

    Args:
        session: where it is applied.
        plan: frozen before this opened: runs that match later are not part of it.
        selection: what was asked for.
    """

    AUTO_FOCUS = "#count"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", show=False, priority=True),
        Binding("y", "confirm", show=False),
        Binding("c", "copy", show=False),
        Binding("pageup,up", "scroll(-1)", show=False),
        Binding("pagedown,down", "scroll(1)", show=False),
    ]

    def __init__(self, session: Session, plan: BulkPlan, selection: Selection) -> None:
        super().__init__()
        self._session = session
        self.plan = plan
        self._selection = selection
        self._deliberation = Deliberation(session.clock)
        self._stopping = False
        self._looking = False
        self._outcomes: list[PlanRun] = []
        self.phase: Literal["asking", "applying", "done"] = "asking"

    @property
    def _asks_place(self) -> str | None:
        """The namespace to be repeated, where mistakes are dear."""
        return self._selection.namespace if self._session.danger else None

    def compose(self) -> ComposeResult:
        """Where, what, how many, the first of them; the count; the safe button first."""
        plan, palette = self.plan, palette_of(self)
        with Vertical(classes="dialog danger plan") as box:
            box.border_title = f"plan: {present.verb(plan)} {present.runs(plan.count)}"
            yield Static(
                present.target(plan, self._selection, self._session.server, palette), id="target"
            )
            yield Static(present.numbers(plan, palette), id="numbers", classes="gap")
            with VerticalScroll(id="preview", can_focus=False):
                yield Static(id="groups")
            yield Static(Content(present.consequences(plan)), id="consequences", classes="gap")
            with Horizontal(classes="proof"):
                yield Static(Content(f"Type how many runs: {plan.count}"), classes="prompt")
                yield LateInput(id="count", type="integer", max_length=9)
            with Horizontal(classes="proof", id="place-line"):
                yield Static(Content(f"and the namespace: {self._asks_place}"), classes="prompt")
                yield LateInput(id="place")
            yield Static("", id="problem", classes="problem")
            with Horizontal(classes="buttons"):
                yield Button("Do nothing", id="keep", variant="primary")
                yield Button(Content(f"{self._verb} {plan.count:,}"), id="apply", variant="error")

    @property
    def _verb(self) -> str:
        words = present.verb(self.plan)
        return words[:1].upper() + words[1:]

    def on_mount(self) -> None:
        """Read what the runs are."""
        for line in self.query(LateInput):
            line.deliberation = self._deliberation
        self.query_one("#place-line").display = self._asks_place is not None
        if not self.plan.count:
            for each in self.query(".proof"):
                each.display = False
            self.query_one("#consequences").display = False
            self.query_one("#keep").focus()
        self._judge()
        self._hint()
        self.run_worker(self._describe(), group="describe", exclusive=True, exit_on_error=False)

    async def _describe(self) -> None:
        palette, bulk = palette_of(self), self._session.source.bulk
        try:
            counted = present.groups(await bulk.groups(self.plan), palette)
            self._preview(counted)
            first = present.sample(await bulk.sample(self.plan), self.plan, palette)
            self._preview([*counted, Text(), *first] if first else counted)
        except Exception as error:
            self._preview([Text(f"cannot count them: {explain(error)}", palette.warn)])

    def _preview(self, lines: list[Text]) -> None:
        """As much of it as leaves room for the question."""
        self.query_one("#groups", Static).update(Text("\n").join(lines))
        room = self.size.height * PREVIEW // 100
        self.query_one("#preview").styles.height = max(1, min(len(lines), room))

    def _hint(self) -> None:
        box = self.query_one(".dialog")
        if self.phase == "asking":
            answer = "count, Enter, then y · " if self.plan.count else ""
            box.border_subtitle = f"{answer}Esc does nothing"
        elif self.phase == "applying":
            box.border_subtitle = "Esc stops after this batch"
        else:
            box.border_subtitle = "c copies the ids · Esc closes"

    # asking

    @property
    def _proven(self) -> bool:
        typed = self.query_one("#count", Input).value.strip()
        place = self._asks_place
        same = place is None or self.query_one("#place", Input).value == place
        return bool(self.plan.count) and typed == str(self.plan.count) and same

    @on(Input.Changed)
    def _judge(self) -> None:
        self.query_one("#apply", Button).disabled = not self._proven

    @on(Input.Submitted)
    def _submitted(self) -> None:
        """On to what is missing; the safe button when nothing is."""
        typed = self.query_one("#count", Input).value.strip()
        if typed != str(self.plan.count):
            self._problem(f"the plan is for {present.runs(self.plan.count)}, not {typed or 'none'}")
            return
        self._problem("")
        if not self._proven:
            self.query_one("#place").focus()
        else:
            self._deliberation.again()
            self.query_one("#keep").focus()

    def _problem(self, text: str) -> None:
        self.query_one("#problem", Static).update(Content(text))

    @on(Button.Pressed, "#keep")
    def action_leave(self) -> None:
        """Do nothing; while it is applied, stop; afterwards, close."""
        if self.phase == "applying":
            self._stopping = True
            self._problem("stopping after this batch…")
        elif self.phase == "done":
            self.dismiss(self.plan)
        elif not self._deliberation.too_early:
            self.dismiss(None)

    @on(Button.Pressed, "#apply")
    def action_confirm(self) -> None:
        """Apply it, if the count was repeated."""
        if self.phase != "asking" or self._deliberation.too_early or not self._proven:
            return
        self.phase = "applying"
        for each in self.query(".proof, #preview, #consequences, #apply"):
            each.display = False
        self.query_one("#keep", Button).label = "Stop"
        self._hint()
        self._progress(self.plan.matched - self.plan.pending)
        self.run_worker(self._apply(), group="apply", exclusive=True, exit_on_error=False)

    # applying

    async def _apply(self) -> None:
        bulk = self._session.source.bulk
        try:
            self.plan = await bulk.apply(self.plan, self._went_on)
            self._outcomes = list(await bulk.outcomes(self.plan.id))
        except Exception as error:
            self._problem(f"{explain(error)}; go on with: continuum apply {self.plan.id}"
                          f" --count {self.plan.count}")  # fmt: skip
            self._ended()
            return
        self._problem("")
        self._ended()

    def _went_on(self, behind: int, total: int) -> None:
        del total
        self._progress(behind)
        if not self._looking:
            self._looking = True
            self.run_worker(self._look(), group="look", exit_on_error=False)
        if self._stopping:
            raise Stopped

    async def _look(self) -> None:
        """How many of them were done, skipped, refused."""
        try:
            plan = await self._session.source.bulk.look(self.plan.id)
        finally:
            self._looking = False
        if self.phase == "applying":
            self.plan = plan
            self._progress(plan.matched - plan.pending)

    def _progress(self, behind: int) -> None:
        shown = present.bar(self.plan, behind, BAR, palette_of(self))
        self.query_one("#numbers", Static).update(shown)

    def _ended(self) -> None:
        """The report."""
        self.phase = "done"
        palette = palette_of(self)
        lines = [present.outcome(self.plan, palette), *present.report(self._outcomes, palette)]
        lines.append(Text(f"continuum plan show {self.plan.id} --runs", palette.faint))
        self.query_one("#numbers", Static).update(Text("\n").join(lines))
        keep = self.query_one("#keep", Button)
        keep.label = "Close"
        keep.focus()
        self._hint()

    def action_scroll(self, step: int) -> None:
        """The sorts and the first runs, where there are more than fit."""
        self.query_one("#preview").scroll_relative(y=3 * step, animate=False)

    def action_copy(self) -> None:
        """The ids of its runs, one a line."""
        if self.phase == "done":
            ids = "\n".join(str(run.run_id) for run in self._outcomes)
            self.app.copy_to_clipboard(ids)
            self.notify(f"copied {len(self._outcomes):,} ids", timeout=4, markup=False)
