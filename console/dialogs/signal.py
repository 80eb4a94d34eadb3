"""Send a signal: its name and a JSON payload, checked before anything is sent."""

from __future__ import annotations

import json
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Button, Input, Label, Static, TextArea

from console.bulk_source import Selection
from console.dialogs.sending import PLANNED_FIRST, SendingDialog, named
from console.present.plain import one_line, short_id
from console.present.values import preview
from console.present.waits import awaited_signals
from console.session import Session
from continuum.model import Run

MAX_PAYLOAD = 2 * 1024 * 1024


class BadPayload(ValueError):
    """The text is not one JSON value; says where."""


def parse_payload(text: str) -> object:
    """The JSON value of the text; blank means null. Raises `BadPayload` with line and column."""
    if not text.strip():
        return None
    if len(text.encode("utf-8", "surrogatepass")) > MAX_PAYLOAD:
        raise BadPayload("larger than 2 MiB")

    def refuse(name: str) -> object:
        raise BadPayload(f"{name} is not JSON")

    try:
        return json.loads(text, parse_constant=refuse)
    except json.JSONDecodeError as error:
        what = error.msg[:1].lower() + error.msg[1:]
        raise BadPayload(f"line {error.lineno}, column {error.colno}: {what}") from None
    except RecursionError:
        raise BadPayload("nested too deeply") from None


class SignalDialog(SendingDialog):
    """Name, payload, and a verdict on both at every key press."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", show=False, priority=True),
    ]

    def __init__(self, session: Session, target: Run | Selection) -> None:
        super().__init__()
        self._session = session
        self._target = target
        run = target if isinstance(target, Run) else None
        self._awaited = awaited_signals(run.waiting_on) if run is not None else []
        safe = [name for name in self._awaited if one_line(name) == name]
        self._offered = safe[0] if safe else ""

    def compose(self) -> ComposeResult:
        """Name, payload, verdict, buttons."""
        many = isinstance(self._target, Selection)
        with Vertical(classes="dialog many" if many else "dialog") as box:
            box.border_title = "send a signal"
            box.border_subtitle = "Tab moves · Esc closes"
            yield Static(Content.assemble("to ", *named(self._target)), classes="gap")
            yield Static(self._waits())
            yield Label("Name", classes="label")
            yield Input(self._offered, placeholder="fraud_review", id="name")
            yield Label("Payload, JSON (empty: null)", classes="label")
            yield TextArea(id="payload", tab_behavior="focus", compact=True)
            if many:
                yield Label("Reason, kept in the operator journal", classes="label")
                yield Input(placeholder="optional", id="reason")
            yield Static("", id="verdict")
            with Horizontal(classes="buttons"):
                yield Button("Close", id="close")
                words = "Look at the plan" if many else "Send signal"
                yield Button(words, id="send", variant="primary")

    def _waits(self) -> Content:
        if isinstance(self._target, Selection):
            return Content.assemble((PLANNED_FIRST, "$foreground 60%"))
        if self._awaited:
            names = ", ".join(one_line(name, 60) for name in self._awaited)
            return Content.assemble(("it waits for ", "$foreground 60%"), (names, "$text-accent"))
        return Content.assemble(
            ("it waits for no signal now; the signal is kept until it asks", "$foreground 60%")
        )

    def on_mount(self) -> None:
        """Start where something is missing."""
        self.query_one("#payload" if self._offered else "#name").focus()
        self._judge()

    @on(Input.Changed)
    @on(TextArea.Changed)
    def _changed(self) -> None:
        self._judge()

    @on(Input.Submitted, "#reason")
    def _reasoned(self) -> None:
        self.query_one("#send").focus()

    @on(Input.Submitted, "#name")
    def _submitted(self) -> None:
        self.query_one("#payload").focus()

    @on(Button.Pressed, "#close")
    def action_close(self) -> None:
        """Send nothing; not while something is being sent."""
        self.close()

    @on(Button.Pressed, "#send")
    def _send_pressed(self) -> None:
        name = self.query_one("#name", Input).value.strip()
        try:
            payload = parse_payload(self.query_one("#payload", TextArea).text)
        except BadPayload:
            return
        if not name or self.sending:
            return
        target, source = self._target, self._session.source
        if isinstance(target, Run):
            outcome = f"signal {one_line(name, 60)} sent to {short_id(target.id)}"
            self.send(source.signal(target.id, name, payload), outcome)
        else:
            reason = self.query_one("#reason", Input).value.strip() or None
            given = {"name": name, "payload": payload}
            self.propose(source.bulk.plan("signal", target, given, reason))

    def refused(self, why: str) -> None:
        """The verdict line says why."""
        self._verdict(why, good=False)

    def _judge(self) -> None:
        """Say what would be sent, or why it cannot be."""
        send = self.query_one("#send", Button)
        name = self.query_one("#name", Input).value.strip()
        try:
            payload = parse_payload(self.query_one("#payload", TextArea).text)
        except BadPayload as error:
            send.disabled = True
            self._verdict(f"not JSON: {error}", good=False)
            return
        send.disabled = not name
        if not name:
            begun = bool(self._offered or self.query_one("#payload", TextArea).text)
            self._verdict("the signal needs a name" if begun else "", good=False)
        else:
            self._verdict(f"sends {one_line(name, 60)} {preview(payload, 200)}", good=True)

    def _verdict(self, text: str, *, good: bool) -> None:
        sign, style = ("✓ ", "$text-success") if good else ("✗ " if text else "", "$text-error")
        self.query_one("#verdict", Static).update(Content.assemble((sign, style), (text, style)))
