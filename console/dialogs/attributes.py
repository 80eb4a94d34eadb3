"""Change the attributes of a run, or of many."""

from __future__ import annotations

import json
from typing import Any, ClassVar, cast

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Button, Input, Label, Static, TextArea

from console.bulk_source import Selection
from console.dialogs.sending import PLANNED_FIRST, SendingDialog, named
from console.dialogs.signal import BadPayload, parse_payload
from console.present.plain import short_id
from console.present.plan import changes
from console.session import Session
from continuum.model import Run

Change = tuple[dict[str, Any], list[str]]


def change(before: dict[str, Any] | None, text: str, removed: str) -> Change:
    """What a text asks for: keys to set, and keys to remove.

    Args:
        before: the attributes that were edited; None when the text only names what to set.
        text: a JSON object.
        removed: keys to remove besides, separated by blanks.

    Raises:
        BadPayload: it is not a JSON object, or says two things of one key.
    """
    found = parse_payload(text)
    if found is None:
        found = {}
    if not isinstance(found, dict):
        raise BadPayload('attributes are a JSON object: {"plan": "pro"}')
    wanted = cast("dict[str, Any]", found)
    unset = list(dict.fromkeys(removed.split()))
    if both := [key for key in unset if key in wanted]:
        raise BadPayload(f"{both[0]} is to be set and removed at once")
    if before is not None:
        unset += [key for key in before if key not in wanted and key not in unset]
        wanted = {k: v for k, v in wanted.items() if k not in before or not _same(before[k], v)}
    return wanted, unset


def _same(one: Any, other: Any) -> bool:
    """Whether two JSON values are the same; `1` and `true` are not."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


class AttributesDialog(SendingDialog):
    """For one run all of its attributes are there to be edited; for many what to set and remove."""

    AUTO_FOCUS = "#object"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", show=False, priority=True),
    ]

    def __init__(self, session: Session, target: Run | Selection) -> None:
        super().__init__()
        self._session = session
        self._target = target
        self._before = dict(target.attributes) if isinstance(target, Run) else None

    def compose(self) -> ComposeResult:
        """An object to edit; for many the keys to remove, and a reason."""
        many = self._before is None
        text = "" if many else json.dumps(self._before, ensure_ascii=True, indent=2)
        with Vertical(classes="dialog many" if many else "dialog") as box:
            box.border_title = "attributes"
            box.border_subtitle = "Tab moves · Esc changes nothing"
            yield Static(Content.assemble("of ", *named(self._target)), classes="gap")
            if many:
                yield Static(Content(PLANNED_FIRST), classes="label")
            label = "Set, as a JSON object" if many else "All of them, as a JSON object"
            yield Label(label, classes="label")
            yield TextArea(text, id="object", tab_behavior="focus", compact=True)
            if many:
                yield Label("Remove these keys", classes="label")
                yield Input(placeholder="region plan", id="removed")
            yield Label("Reason, kept in the operator journal", classes="label")
            yield Input(placeholder="optional", id="reason")
            yield Static("", id="verdict")
            with Horizontal(classes="buttons"):
                yield Button("Close", id="close")
                words = "Look at the plan" if many else "Change"
                yield Button(words, id="send", variant="primary")

    def on_mount(self) -> None:
        """Nothing is changed yet."""
        self._judge()

    def _change(self) -> Change:
        removed = self.query("#removed")
        keys = cast("Input", removed.first()).value if removed else ""
        return change(self._before, self.query_one("#object", TextArea).text, keys)

    @on(Input.Changed)
    @on(TextArea.Changed)
    def _judge(self) -> None:
        """Say what would be changed, or why it cannot be."""
        send = self.query_one("#send", Button)
        try:
            wanted, unset = self._change()
        except BadPayload as error:
            send.disabled = True
            self._verdict(f"not JSON: {error}" if "JSON" not in str(error) else f"{error}", "✗ ")
            return
        send.disabled = not wanted and not unset
        if send.disabled:
            self._verdict("nothing to change", "")
        else:
            self._verdict(changes(wanted, unset), "✓ ")

    @on(Input.Submitted)
    def _submitted(self) -> None:
        self.query_one("#send").focus()

    @on(Button.Pressed, "#close")
    def action_close(self) -> None:
        """Change nothing."""
        self.close()

    @on(Button.Pressed, "#send")
    def _send_pressed(self) -> None:
        try:
            wanted, unset = self._change()
        except BadPayload:
            return
        if self.sending or not (wanted or unset):
            return
        reason = self.query_one("#reason", Input).value.strip() or None
        target, bulk = self._target, self._session.source.bulk
        if isinstance(target, Run):
            write = bulk.set_attributes(target.id, wanted, unset, reason)
            self.send(write, f"attributes of {short_id(target.id)}: {changes(wanted, unset)}")
        else:
            given = {"attributes": wanted, "unset": unset}
            self.propose(bulk.plan("attributes", target, given, reason))

    def refused(self, why: str) -> None:
        """The verdict line says why."""
        self._verdict(why, "✗ ")

    def _verdict(self, text: str, sign: str) -> None:
        style = {"✓ ": "$text-success", "✗ ": "$text-error"}.get(sign, "$foreground 60%")
        self.query_one("#verdict", Static).update(Content.assemble((sign, style), (text, style)))
