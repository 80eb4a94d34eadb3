"""The `:` line: the command line's verbs, completed as they are typed."""

# pyright: reportUnknownMemberType=false
# Textual leaves the type of `Widget.app` open.

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.suggester import Suggester
from textual.widget import Widget
from textual.widgets import Input, Static

from console import verbs
from console.actions import Action
from console.session import Session
from console.widgets.problem_line import ProblemLine

Choices = dict[str, Callable[[], Sequence[str]]]


class _Completions(Suggester):
    """Completes the line from verbs, and from what can follow them."""

    def __init__(self, line: CommandLine) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._line = line

    async def get_suggestion(self, value: str) -> str | None:
        """The line completed."""
        return self._line.complete(value)


class CommandLine(Widget):
    """Hidden until opened; `Enter` obeys, `Esc` leaves things as they were.

    Args:
        session: keeps what was typed, for `↑`.
        actions: those of the screen.
        choices: what the screen knows that can follow a verb.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", show=False),
        Binding("tab", "accept", show=False, priority=True),
        Binding("up", "recall(-1)", show=False, priority=True),
        Binding("down", "recall(1)", show=False, priority=True),
    ]

    class Closed(Message):
        """The line is closed, with an order or without."""

        def __init__(self, order: verbs.Order | None) -> None:
            self.order = order
            super().__init__()

    def __init__(
        self,
        session: Session,
        actions: Callable[[], Sequence[Action]],
        choices: Callable[[], Choices],
    ) -> None:
        super().__init__()
        self.display = False
        self._session = session
        self._actions = actions
        self._choices = choices
        self._namespaces: Sequence[str] = ()
        self._profiles: Sequence[str] = ()
        self._recalled = 0

    def compose(self) -> ComposeResult:
        """Prompt, text, problem."""
        with Horizontal():
            yield Static(":", classes="prompt")
            yield Input(suggester=_Completions(self), compact=True)
        yield ProblemLine()

    def open(self) -> None:
        """Show the empty line, and read the namespaces meanwhile."""
        self.display = True
        self._recalled = len(self._session.commands)
        self._profiles = self._session.profiles()
        line = self.query_one(Input)
        line.value = ""
        self.query_one(ProblemLine).clear()
        self.screen.set_focus(line)  # at once: the next key may be on its way already
        self.run_worker(self._read(), group="namespaces", exclusive=True, exit_on_error=False)

    async def _read(self) -> None:
        """They only complete what is typed: without an answer nothing is completed."""
        self._namespaces = await self._session.source.namespaces()

    def complete(self, value: str) -> str | None:
        """The line completed, or None."""
        found = {name: give() for name, give in self._choices().items()}
        found[verbs.NAMESPACE] = self._namespaces
        found[verbs.CONTEXT] = self._profiles
        return verbs.suggest(value, self._actions(), found)

    def on_input_changed(self) -> None:
        """A problem is about text that is no longer there."""
        self.query_one(ProblemLine).clear()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Obey what can be understood; an empty line closes."""
        event.stop()
        line = event.value
        if not line.strip():
            self.action_close()
            return
        try:
            order = verbs.parse(line, self._actions())
        except verbs.CommandError as error:
            at = error.position - int(self.query_one(Input).scroll_offset.x)
            self.query_one(ProblemLine).say(error.message, at)
            return
        self._session.commands[:] = [*(c for c in self._session.commands if c != line), line]
        self._close(order)

    def action_accept(self) -> None:
        """Take the suggestion."""
        self.query_one(Input).action_cursor_right()

    def action_recall(self, step: int) -> None:
        """A line that was typed before."""
        commands = self._session.commands
        self._recalled = max(0, min(len(commands), self._recalled + step))
        line = self.query_one(Input)
        line.value = commands[self._recalled] if self._recalled < len(commands) else ""
        line.cursor_position = len(line.value)

    def action_close(self) -> None:
        """Leave things as they were."""
        self._close(None)

    def _close(self, order: verbs.Order | None) -> None:
        self.display = False
        self.post_message(self.Closed(order))
