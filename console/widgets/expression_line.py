"""A line in which an expression, or a piece of one, is typed: choices and problem below it."""

# pyright: reportUnknownMemberType=false
# Textual leaves the type of `Widget.app` open.

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, Final

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, Static

from console import completion
from console.completion import Offer, Take
from console.present import asking
from console.present.plain import one_line
from console.run_facts import RunFacts
from console.widgets.choice_list import ChoiceList
from console.widgets.plain_input import PlainInput
from console.widgets.problem_line import ProblemLine
from continuum.errors import QueryError

Choose = Callable[[str], Sequence[Offer]]
"""What there is to choose for what is typed."""
_PIECE: Final = frozenset({Take.VALUE, Take.LOW, Take.PATTERN, Take.COMMA, Take.ORDER})
"""What a piece of an expression goes on with; anything else would go beyond it."""
_LONGEST_PROMPT: Final = 34
_PADDING: Final = 3
"""Cells left of a problem, as wide as the usual prompt."""


class ExpressionLine(Widget):
    """`Tab`, and `→` at the end, take the marked choice; `↑` and `↓` mark another.

    Args:
        facts: what is known of the runs; `complete` is to be called when that is more.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "accept", show=False, priority=True),
        Binding("right", "right", show=False, priority=True),
        Binding("up", "choose(-1)", show=False, priority=True),
        Binding("down", "choose(1)", show=False, priority=True),
    ]

    class Typed(Message):
        """The text is another."""

        def __init__(self, line: ExpressionLine, text: str) -> None:
            self.line = line
            self.text = text
            super().__init__()

    class Entered(Message):
        """`Enter`, or a click on a choice of a line that takes one."""

        def __init__(self, line: ExpressionLine, text: str) -> None:
            self.line = line
            self.text = text
            super().__init__()

    class Left(Message):
        """`Tab`, `↑` or `↓` where there is nothing to choose."""

        def __init__(self, line: ExpressionLine) -> None:
            self.line = line
            super().__init__()

    def __init__(self, facts: RunFacts, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._facts = facts
        self._place: completion.Expected | None = None
        self._before = ""
        self._choose: Choose | None = None
        self._indent = _PADDING
        self._quiet = True
        self._refused = False
        self.untouched = False
        """Whether the text is as it was given, and all choices are offered beside it."""
        self.marked_by_hand = False
        """Whether a choice was marked since the text was last typed in."""

    def compose(self) -> ComposeResult:
        """Prompt and text; problem and choices below."""
        with Horizontal():
            yield Static("/", classes="prompt", markup=False)
            yield PlainInput(select_on_focus=True, compact=True)
        yield ProblemLine()
        yield ChoiceList()

    @property
    def input(self) -> Input:
        """Where the text is."""
        return self.query_one(Input)

    @property
    def chosen(self) -> Offer | None:
        """The marked choice."""
        return self.query_one(ChoiceList).chosen

    # what is edited

    def put(self, text: str) -> None:
        """Another text, which nobody typed."""
        with self.input.prevent(Input.Changed):
            self.input.value = text

    def edit(self, text: str) -> None:
        """Edit this text, all of it selected."""
        self.put(text)
        self._quiet = False
        self.complain(None)
        self.screen.set_focus(self.input)  # at once: the next key may be on its way already
        self.input.cursor_position = len(text)
        self.complete()

    def edit_piece(self, prompt: str, text: str, before: str | None, choose: Choose | None) -> None:
        """Edit a piece of an expression; as long as nothing is typed, all choices are offered.

        Args:
            prompt: says what is wanted.
            text: what there is of it.
            before: what stands before it in the expression.
            choose: what else it is chosen from.
        """
        prompt = one_line(prompt, _LONGEST_PROMPT)
        self.query_one(".prompt", Static).update(Content(f"{prompt} "))
        self._indent = cell_len(prompt) + 2
        self._before, self._choose = before or "", choose
        self.untouched = not (before or "").endswith("(") or not text
        self.edit(text)

    def leave(self) -> None:
        """It is not edited any more."""
        self._quiet = True
        self.query_one(ChoiceList).offers = ()

    def complain(self, error: QueryError | None, *, beside_typing: bool = False) -> None:
        """Show or clear a problem, with a mark under the place it is at.

        Args:
            error: what is wrong; None for nothing.
            beside_typing: leave cursor and choices alone.
        """
        shown = self.query_one(ProblemLine)
        self._refused = error is not None and not beside_typing
        if error is None:
            shown.clear()
            return
        line = self.input
        at = None
        if error.position is not None:
            at = error.position - int(line.scroll_offset.x) + self._indent - _PADDING
        shown.say(asking.problem(error), at)
        if beside_typing:
            return
        self.query_one(ChoiceList).offers = ()
        if error.position is not None:
            line.cursor_position = error.position

    # completion

    def on_input_changed(self, event: Input.Changed) -> None:
        """A problem is about text that is no longer there; offer what can follow."""
        event.stop()
        self.untouched = False
        self.complain(None)
        self.complete()
        self.post_message(self.Typed(self, event.value))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Up to who shows the line."""
        event.stop()
        self.post_message(self.Entered(self, event.value))

    def complete(self) -> None:
        """Offer what is known by now, and have more read if that would help."""
        if self._quiet or self._refused:
            return
        self.marked_by_hand = False
        line, choices = self.input, self.query_one(ChoiceList)
        typed = "" if self.untouched else line.value[: line.cursor_position]
        if self._choose is not None:
            choices.show(self._choose(typed), self._indent)
            choices.mark(line.value if self.untouched else "")
            return
        self._place = completion.expected(self._before + typed)
        if self._place is None or (self._before and self._place.take not in _PIECE):
            choices.offers = ()
            return
        known = self._facts.known
        self._facts.want(completion.worth_counting(self._place, known))
        offers = completion.offers(self._place, known)
        if self._before:
            offers = [each for each in offers if each.text != ")"]
        if not offers and self._before.endswith("("):  # a whole value: another may follow
            following = completion.expected(f"{self._before}{typed} ")
            if following is not None and following.take is Take.COMMA:
                self._place, offers = following, [Offer(",", "another value")]
        begin = max(0, self._place.start - len(self._before)) - int(line.scroll_offset.x)
        choices.show(offers, begin + self._indent, self._facts.note)
        choices.mark(line.value if self.untouched else "")

    def action_choose(self, step: int) -> None:
        """Another choice."""
        choices = self.query_one(ChoiceList)
        if choices.offers:
            choices.move(step)
            self.marked_by_hand = True
        else:
            self.post_message(self.Left(self))

    def action_right(self) -> None:
        """Take the choice at the end of the text, else go on in it."""
        line = self.input
        if line.cursor_position < len(line.value) or not line.selection.is_empty:
            line.action_cursor_right()
        else:
            self.accept()

    def action_accept(self) -> None:
        """Put the marked choice into the text; with none, the line may be left."""
        if not self.accept():
            self.post_message(self.Left(self))

    @property
    def with_choice(self) -> tuple[str, int] | None:
        """The text as it would be with the marked choice, and the cursor in it."""
        offer, line = self.chosen, self.input
        if offer is None:
            return None
        if self._choose is not None:
            return offer.text, len(offer.text)
        if self._place is None:
            return None
        typed, at = ("", 0) if self.untouched else (line.value, line.cursor_position)
        head = self._before
        made, cursor = completion.accept(head + typed, len(head) + at, self._place, offer)
        return made[len(head) :], cursor - len(head)

    def accept(self) -> bool:
        """Put the marked choice into the text; whether there was one."""
        found = self.with_choice
        if found is None:
            return False
        self.input.value, self.input.cursor_position = found
        self.untouched = False
        self.complete()
        return True

    def on_choice_list_picked(self, event: ChoiceList.Picked) -> None:
        """A click on a choice takes it."""
        event.stop()
        self.screen.set_focus(self.input)
        if self.accept() and (self._choose is not None or self._piece_ends):
            self.post_message(self.Entered(self, self.input.value))

    @property
    def _piece_ends(self) -> bool:
        """Whether the piece takes one word only."""
        return bool(self._before) and not self._before.endswith("(")
