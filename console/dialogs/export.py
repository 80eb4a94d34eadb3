"""Export the answer of a query: the file, whether one gives way, progress, and the outcome."""

# pyright: reportUnknownMemberType=false
# Textual leaves the type of `Widget.workers` open.

from __future__ import annotations

from contextlib import aclosing
from pathlib import Path
from typing import ClassVar, Literal

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Label, Static

from console.dialogs.deliberate import Deliberation
from console.export import ExportError, export, format_of, place_of
from console.present.notices import explain
from console.present.plain import one_line
from console.present.values import size
from console.session import Session
from console.source import RunsQuery


class ExportDialog(ModalScreen[str | None]):
    """Dismissed with what was written; None when nothing was.

    Args:
        session: whose source is asked.
        query: as it was when this opened; all of its runs are written, not those in view.
        name: of the file, to begin with.
        expected: how many runs there are, as far as that is known.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", show=False, priority=True),
        Binding("y", "overwrite", show=False),
    ]

    def __init__(
        self, session: Session, query: RunsQuery, name: str, expected: int | None = None
    ) -> None:
        super().__init__()
        self._session = session
        self._query = query
        self._name = name
        self._expected = expected
        self._deliberation = Deliberation(session.clock)
        self._path: Path | None = None
        self.phase: Literal["naming", "asking", "writing"] = "naming"

    def compose(self) -> ComposeResult:
        """What is written, and where to."""
        where = "all namespaces" if self._query.namespace is None else self._query.namespace
        with Vertical(classes="dialog") as box:
            box.border_title = "export the whole answer"
            box.border_subtitle = "Enter writes · Esc does not"
            yield Static(
                Content.assemble(
                    (one_line(self._query.expression, 300) or "every run, newest first", "bold"),
                    (f"  in {one_line(where, 60)}", "$foreground 60%"),
                ),
                classes="gap",
            )
            yield Label("File; its ending says the format: .csv .jsonl .json .ids", classes="label")
            yield Input(self._name, id="file")
            yield Static("", id="verdict", classes="gap")
            with Horizontal(classes="buttons"):
                yield Button("Close", id="close")
                yield Button("Write", id="write", variant="primary")

    def on_mount(self) -> None:
        """Type over the name."""
        self.query_one("#file", Input).focus()
        self._judge()

    @on(Input.Changed)
    def _judge(self) -> None:
        """Say what would be written, or why it cannot be."""
        if self.phase == "writing":
            return
        self.phase = "naming"
        write = self.query_one("#write", Button)
        try:
            path = place_of(self.query_one("#file", Input).value)
        except ExportError as error:
            write.disabled = True
            self._verdict(str(error), "$text-error")
            return
        write.disabled = False
        there = f"{one_line(str(path.absolute()), 300)} is there already, you will be asked"
        new = f"{format_of(path)} to {one_line(str(path.absolute()), 300)}"
        self._verdict(there if path.exists() else new, "$text-warning" if path.exists() else "")

    @on(Button.Pressed, "#write")
    def _pressed(self) -> None:
        if self.phase == "asking":
            self.action_overwrite()
        else:
            self._wanted()

    @on(Input.Submitted)
    def _wanted(self) -> None:
        """Write, or ask first; `Enter` in the line answers no question."""
        if self.phase != "naming":
            return
        try:
            self._path = place_of(self.query_one("#file", Input).value)
        except ExportError as error:
            self._verdict(str(error), "$text-error")
            return
        if self._path.exists():
            self.phase = "asking"
            self._deliberation.again()
            self.query_one("#write", Button).label = "Overwrite"
            self.query_one("#close").focus()
            self.query_one(".dialog").border_subtitle = "y overwrites · Enter or Esc does not"
            path = one_line(str(self._path.absolute()), 300)
            self._verdict(f"Overwrite {path}? What is in it will be gone.", "$text-warning")
        else:
            self._start(overwrite=False)

    def action_overwrite(self) -> None:
        """Yes, when that was asked."""
        if self.phase == "asking" and not self._deliberation.too_early:
            self._start(overwrite=True)

    def _start(self, *, overwrite: bool) -> None:
        assert self._path is not None
        self.phase = "writing"
        self.query_one("#file", Input).disabled = True
        self.query_one("#write").display = False
        close = self.query_one("#close", Button)
        close.label = "Stop"
        close.focus()
        self.query_one(".dialog").border_subtitle = "Esc stops, and leaves no file"
        self._progress(0, 0)
        self.run_worker(
            self._write(self._path, overwrite=overwrite),
            group="export",
            exclusive=True,
            exit_on_error=False,
        )

    async def _write(self, path: Path, *, overwrite: bool) -> None:
        try:
            async with aclosing(self._session.source.stream(self._query)) as runs:
                count = await export(runs, path, self._progress, overwrite=overwrite)
        except Exception as error:
            why = str(error) if isinstance(error, ExportError) else explain(error)
            self._again(why)
            return
        runs_ = "1 run" if count == 1 else f"{count:,} runs"
        self.dismiss(f"{runs_} written to {path}")

    def _again(self, why: str) -> None:
        """It failed: the name can be changed."""
        self.phase = "naming"
        line, write = self.query_one("#file", Input), self.query_one("#write", Button)
        line.disabled, write.display, write.label = False, True, "Write"
        self.query_one("#close", Button).label = "Close"
        self.query_one(".dialog").border_subtitle = "Enter writes · Esc does not"
        line.focus()
        self._verdict(f"nothing was written: {one_line(why, 400)}", "$text-error")

    def _progress(self, count: int, written: int) -> None:
        of = "" if self._expected is None else f" of {self._expected:,}"
        self._verdict(f"{count:,}{of} runs, {size(written)}", "")

    @on(Button.Pressed, "#close")
    def action_leave(self) -> None:
        """Back to the name when that was asked; else close, and stop what is being written."""
        if self.phase == "asking":
            self._again("the file stays")
            self._judge()
            return
        if self.phase == "writing":
            self.workers.cancel_group(self, "export")
            self.dismiss("stopped: no file was written")
            return
        self.dismiss(None)

    def _verdict(self, text: str, style: str) -> None:
        self.query_one("#verdict", Static).update(
            Content.assemble((text, style) if style else text)
        )
