"""A query that is being worked at, as text and as rows, and every state it was in before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from console import expressions
from console.form import rows
from console.form.rows import Form, Path
from continuum.errors import QueryError

Place: TypeAlias = tuple[Path, int]
"""A row and a cell of it."""


@dataclass(frozen=True, slots=True)
class _State:
    text: str
    form: Form
    place: Place


class Draft:
    """Text and rows say the same, unless the text cannot be read: then the rows stay as they were.

    Args:
        text: to begin with.
        otherwise: an expression whose rows are shown if that cannot be read.

    Attributes:
        fault: why the text cannot be read.
    """

    def __init__(self, text: str, otherwise: str) -> None:
        self.text = text
        self.fault: QueryError | None = None
        self._before: list[_State] = []
        self._typing = False
        try:
            self.form = rows.read(text)
        except QueryError as error:
            self.fault = error
            self.form = rows.read(otherwise)

    def type(self, text: str, place: Place) -> None:
        """Another text, typed: the rows follow. What is typed in one go is one change."""
        if not self._typing:
            self._remember(place)
        self._typing = True
        self.text = text
        try:
            self.form = rows.read(text)
        except QueryError as error:
            self.fault = error
        else:
            self.fault = None

    def typed(self) -> None:
        """What is typed from now on is another change."""
        self._typing = False

    def change(self, form: Form, place: Place) -> None:
        """Other rows: the text follows. As long as it means the same it stays as it was written."""
        self._typing = False
        if form == self.form:
            return
        self._remember(place)
        meant, self.form = rows.text(self.form), form
        if rows.text(form) != meant:
            self.text = rows.text(form)
            self.fault = _fault_of(self.text)

    def undo(self) -> Place | None:
        """As before the last change; says where that was made, None when there was none."""
        self._typing = False
        if not self._before:
            return None
        state = self._before.pop()
        self.text, self.form = state.text, state.form
        self.fault = _fault_of(state.text)
        return state.place

    def _remember(self, place: Place) -> None:
        self._before.append(_State(self.text, self.form, place))


def _fault_of(text: str) -> QueryError | None:
    """Rows can make a text that is longer or deeper than one may be."""
    try:
        expressions.parse(text)
    except QueryError as error:
        return error
    return None
