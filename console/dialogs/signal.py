"""Send a signal: its name and a JSON payload, checked before anything is sent."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.suggester import SuggestFromList
from textual.widgets import Button, Input, Label, Static, TextArea
from textual.widgets.text_area import Selection as Marked

from console.bulk_source import Selection
from console.dialogs.sending import PLANNED_FIRST, SendingDialog, named
from console.present.notices import explain
from console.present.plain import one_line, short_id
from console.present.values import preview
from console.present.waits import awaited_signals
from console.session import Session
from continuum.client.expecting import ExpectedPayload
from continuum.errors import PayloadError
from continuum.model import Run

MAX_PAYLOAD = 2 * 1024 * 1024
LEARNT_WITHIN: Final = 5.0
"""Seconds in which the code of a run must have been read."""
FILL: Final = "null"
"""What stands in a template for what has to be filled in."""


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
    """Name, payload, and a verdict on both at every key press.

    Where the code of the run is loaded, the payload must be what that expects.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", show=False, priority=True),
        Binding("f2", "template", show=False, priority=True),
    ]

    def __init__(self, session: Session, target: Run | Selection) -> None:
        super().__init__()
        self._session = session
        self._target = target
        run = target if isinstance(target, Run) else None
        self._awaited = awaited_signals(run.waiting_on) if run is not None else []
        self._expected: Mapping[str, ExpectedPayload | None] = {}
        self._unknown = ""
        self._learnt = asyncio.Event()
        names = self._names()
        self._offered = names[0] if names else ""

    def _names(self) -> list[str]:
        """What can be completed: what the run waits for now, then what else its code does."""
        known = dict.fromkeys([*self._awaited, *self._expected])
        return [name for name in known if one_line(name) == name]

    def compose(self) -> ComposeResult:
        """Name, payload, verdict, buttons."""
        many = isinstance(self._target, Selection)
        with Vertical(classes="dialog many" if many else "dialog") as box:
            box.border_title = "send a signal"
            box.border_subtitle = "Tab moves · Esc closes"
            yield Static(Content.assemble("to ", *named(self._target)), classes="gap")
            yield Static(self._waits(), id="waits")
            yield Label("Name", classes="label")
            yield Input(
                self._offered,
                placeholder="fraud_review",
                id="name",
                suggester=SuggestFromList(self._names()),
            )
            yield Label("Payload, JSON (empty: null)", classes="label")
            yield TextArea(id="payload", tab_behavior="focus", compact=True)
            yield Static("", id="expects")
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
        quiet = "$foreground 60%"
        later = [name for name in self._names() if name not in self._awaited]
        further = f"; its code also for {one_line(', '.join(later), 80)}" if later else ""
        if self._awaited:
            names = ", ".join(one_line(name, 60) for name in self._awaited)
            return Content.assemble(
                ("it waits for ", quiet), (names, "$text-accent"), (further, quiet)
            )
        kept = "it waits for no signal now; the signal is kept until it asks"
        return Content.assemble((f"{kept}{further}", quiet))

    def on_mount(self) -> None:
        """Start where something is missing."""
        self.query_one("#payload" if self._offered else "#name").focus()
        self._judge()
        self.run_worker(self._learn(), group="learn", exclusive=True, exit_on_error=False)

    async def _learn(self) -> None:
        """What the code of the run waits for; without it a payload may be any JSON."""
        try:
            if isinstance(self._target, Run):
                reads = self._session.source.run_reads
                async with asyncio.timeout(LEARNT_WITHIN):
                    self._expected = await reads.expected(self._target)
        except Exception as error:
            self._unknown = f"its code could not be read: {explain(error)}"
        finally:
            self._learnt.set()
        self.query_one("#name", Input).suggester = SuggestFromList(self._names())
        self.query_one("#waits", Static).update(self._waits())
        self._judge()

    @property
    def _expects(self) -> ExpectedPayload | None:
        """What is known of the payload of a signal of the name that is typed."""
        return self._expected.get(self.query_one("#name", Input).value.strip())

    def action_template(self) -> None:
        """Write what the payload looks like, to be filled in; never over something typed."""
        expects, payload = self._expects, self.query_one("#payload", TextArea)
        if expects is None:
            self._verdict("no type is known for the payload of this signal", good=False)
        elif payload.text.strip():
            self._verdict("the template is for an empty payload: delete what is there", good=False)
        else:
            payload.text = expects.template
            payload.focus()
            lines = enumerate(expects.template.split("\n"))
            at = next(((row, line.index(FILL)) for row, line in lines if FILL in line), None)
            if at is not None:
                payload.selection = Marked(at, (at[0], at[1] + len(FILL)))

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
        target = self._target
        if isinstance(target, Run):
            outcome = f"signal {one_line(name, 60)} sent to {short_id(target.id)}"
            self.send(self._signal(target, name, payload), outcome)
        else:
            reason = self.query_one("#reason", Input).value.strip() or None
            given = {"name": name, "payload": payload}
            self.propose(self._session.source.bulk.plan("signal", target, given, reason))

    async def _signal(self, run: Run, name: str, payload: object) -> None:
        """Send what the run can read; a payload may be typed before its type is known."""
        await self._learnt.wait()
        expects = self._expected.get(name)
        if expects is not None:
            expects.check(payload)
        await self._session.source.signal(run.id, name, payload)

    def refused(self, why: str) -> None:
        """The verdict line says why."""
        self._verdict(why, good=False)

    def _judge(self) -> None:
        """Say what would be sent, or why it cannot be."""
        send = self.query_one("#send", Button)
        name = self.query_one("#name", Input).value.strip()
        text = self.query_one("#payload", TextArea).text
        expects = self._expects
        self._expects_line(expects)
        try:
            payload = parse_payload(text)
            if expects is not None:
                expects.check(payload)
        except BadPayload as error:
            send.disabled = True
            self._verdict(f"not JSON: {error}", good=False)
            return
        except PayloadError as error:
            send.disabled = True
            self._verdict(one_line(error.message, 300), good=False)
            return
        send.disabled = not name
        if not name:
            begun = bool(self._offered or text)
            self._verdict("the signal needs a name" if begun else "", good=False)
        else:
            self._verdict(f"sends {one_line(name, 60)} {preview(payload, 200)}", good=True)

    def _expects_line(self, expects: ExpectedPayload | None) -> None:
        text = one_line(self._unknown, 200)
        if expects is not None:
            text = f"expects {one_line(expects.text, 200)} · F2 template"
        line = self.query_one("#expects", Static)
        line.update(Content.assemble((text, "$foreground 60%")))
        line.display = bool(text)

    def _verdict(self, text: str, *, good: bool) -> None:
        sign, style = ("✓ ", "$text-success") if good else ("✗ " if text else "", "$text-error")
        self.query_one("#verdict", Static).update(Content.assemble((sign, style), (text, style)))
