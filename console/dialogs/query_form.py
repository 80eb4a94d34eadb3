"""The query form: the expression above, the same as rows below; each follows the other."""

# pyright: reportUnknownMemberType=false
# Textual leaves the type of `Widget.app` open.

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from console.form import edits, picks, rows
from console.form.draft import Draft, Place
from console.form.rows import ORDER, Form, Group, OrderRow, Path, Row
from console.present import query_form as present
from console.present.query_form import Key
from console.run_facts import RunFacts
from console.session import Session
from console.source import RunsQuery
from console.widgets.bars import palette_of
from console.widgets.expression_line import ExpressionLine
from console.widgets.form_keys import FormKeys
from console.widgets.form_rows import FormRows
from continuum.errors import QueryError

_ROW_KEYS: Final = (
    Key("↑↓←→", "move"), Key("Enter", "edit", "edit"), Key("a", "add row", "add"),
    Key("A", "add group", "add_group"), Key("n", "negate", "negate"),
    Key("d", "remove", "remove"), Key("c", "all/any", "turn"), Key("o", "order", "order"),
    Key("u", "undo", "undo"), Key("/", "text", "text"), Key("r", "run it", "run"),
    Key("Esc", "leave", "leave"),
)  # fmt: skip
_TEXT_KEYS: Final = (
    Key("Enter", "run it", "run"), Key("Tab", "take the choice"), Key("↑↓", "choose"),
    Key("Esc", "to the rows", "leave"),
)  # fmt: skip
_CELL_KEYS: Final = (
    Key("Enter", "take"), Key("Tab", "complete"), Key("↑↓", "choose"),
    Key("Esc", "leave the cell", "leave"),
)  # fmt: skip


class QueryFormDialog(ModalScreen[str | None]):
    """Dismissed with the expression to ask, None to leave everything as it was.

    Args:
        session: whose runs are asked for keys and values.
        query: what the list answers.
        expression: what to edit, if that is not the expression of the query; it may be wrong.
    """

    AUTO_FOCUS = "FormRows"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", show=False, priority=True),
        Binding("a", "add", show=False),
        Binding("A", "add_group", show=False),
        Binding("n", "negate", show=False),
        Binding("d,delete,backspace", "remove", show=False),
        Binding("c", "turn", show=False),
        Binding("o", "order", show=False),
        Binding("u", "undo", show=False),
        Binding("slash", "text", show=False),
        Binding("r", "run", show=False),
    ]

    def __init__(self, session: Session, query: RunsQuery, expression: str | None = None) -> None:
        super().__init__()
        self._facts = RunFacts(session, self._learned)
        self._namespace = query.namespace
        text = query.expression if expression is None else expression
        self._draft = Draft(text, otherwise=query.expression)
        self._cell: picks.Cell | None = None

    def compose(self) -> ComposeResult:
        """Text, cell or what is missing, rows, keys."""
        with Vertical(classes="dialog form") as box:
            box.border_title = "query form"
            yield ExpressionLine(self._facts, id="text")
            yield Static("", id="status", markup=False)
            yield ExpressionLine(self._facts, id="cell")
            yield FormRows()
            yield FormKeys()

    def on_mount(self) -> None:
        """Begin on the first row."""
        self._facts.look_at(self._namespace)
        self.line.put(self.text)
        self.rows.put(self.form)
        self.rows.action_move(1)
        self._show_cell(False)
        self._show_fault()
        self._redraw()

    def on_unmount(self) -> None:
        """Nothing is read for it any more."""
        self._facts.stop()

    # its parts

    @property
    def line(self) -> ExpressionLine:
        """The text of the whole."""
        return self.query_one("#text", ExpressionLine)

    @property
    def cell_line(self) -> ExpressionLine:
        """The text of a cell."""
        return self.query_one("#cell", ExpressionLine)

    @property
    def rows(self) -> FormRows:
        """The rows."""
        return self.query_one(FormRows)

    @property
    def text(self) -> str:
        """The expression as it stands above the rows."""
        return self._draft.text

    @property
    def form(self) -> Form:
        """The rows below it."""
        return self._draft.form

    @property
    def _place(self) -> Place:
        return self.rows.line.path, self.rows.cell

    def _learned(self) -> None:
        if self.is_mounted:
            self.line.complete()
            self.cell_line.complete()

    def _redraw(self) -> None:
        shown = present.status(self.form, self.rows.index, palette_of(self))
        self.query_one("#status", Static).update(shown)
        self.rows.stale = self._draft.fault is not None
        keys = _ROW_KEYS
        if self._cell is not None:
            keys = _CELL_KEYS
        elif self.focused is self.line.input:
            keys = _TEXT_KEYS
        self.query_one(FormKeys).keys = keys

    def on_descendant_focus(self) -> None:
        """Other keys work."""
        self._redraw()

    def on_form_rows_moved(self) -> None:
        """Another row may lack something else."""
        self._redraw()

    # text and rows follow each other

    def on_expression_line_typed(self, event: ExpressionLine.Typed) -> None:
        """The rows of what is typed, as soon as it can be read."""
        if event.line is not self.line:
            return
        self._draft.type(event.text, self._place)
        if self._draft.fault is None:
            self.rows.put(self.form)
        self._show_fault()
        self._redraw()

    def _show_fault(self) -> None:
        self.line.complain(self._draft.fault, beside_typing=True)

    def _change(self, form: Form, path: Path | None = None, cell: int | None = None) -> None:
        """Another form, and where its cursor is."""
        self._draft.change(form, self._place)
        self._show_draft(path, cell)

    def _show_draft(self, path: Path | None, cell: int | None) -> None:
        self.line.put(self.text)
        self._show_fault()
        self.rows.put(self.form, path, cell)
        self._redraw()

    def _edit(self, change: Callable[[Form, Path], Form], path: Path) -> None:
        self._change(change(self.form, path), path)

    def _refused(self) -> bool:
        """Rows of a text that cannot be read are not changed: the text would be lost."""
        if self._draft.fault is None or self._cell is not None:
            return self._cell is not None
        self.notify("the text cannot be read: / corrects it, u takes it back", severity="warning",
                    timeout=4, markup=False)  # fmt: skip
        return True

    # keys of the rows

    @property
    def _path(self) -> Path:
        return self.rows.line.path

    def action_add(self) -> None:
        """One row more, to be filled at once."""
        self._add(lambda form, path: Row())

    def action_add_group(self) -> None:
        """One group more, with a row to be filled at once."""
        self._add(edits.group_for)

    def _add(self, make: Callable[[Form, Path], Row | Group]) -> None:
        if self._refused():
            return
        node = make(self.form, self._path)
        form, path = edits.added(self.form, self._path, node)
        inside = path if isinstance(node, Row) else (*path, 0)
        self._change(form, inside, rows.FIELD)
        self._open(rows.FIELD)

    def action_negate(self) -> None:
        """The opposite."""
        if not self._refused():
            self._edit(edits.negated, self._path)

    def action_remove(self) -> None:
        """The row, the group or the order goes."""
        if not self._refused():
            self._change(edits.removed(self.form, self._path))

    def action_turn(self) -> None:
        """All for any; the order the other way."""
        if not self._refused():
            self._edit(edits.turned, self._path)

    def action_order(self) -> None:
        """To the order; if there is none, one more row."""
        if self._refused():
            return
        if self.form.order is None:
            self._change(Form(self.form.root, OrderRow()), ORDER, rows.FIELD)
            self._open(rows.FIELD)
        else:
            self._change(self.form, ORDER, rows.FIELD)

    def action_undo(self) -> None:
        """As before the last change, of a row or of the text."""
        if self._cell is None and (place := self._draft.undo()) is not None:
            self._show_draft(*place)

    def action_text(self) -> None:
        """Edit the text."""
        if self._cell is None:
            self.line.edit(self.text)
            self._show_fault()

    def action_edit(self) -> None:
        """Edit the cell under the cursor."""
        self.on_form_rows_wanted()

    # cells

    def on_form_rows_wanted(self) -> None:
        """Edit a cell; the first that is empty when that comes before."""
        if self._refused():
            return
        node, cell = self.rows.line.node, self.rows.cell
        fault = rows.lack(node)
        self._open(cell if fault is None else min(cell, fault.cell))

    def _open(self, number: int) -> None:
        cell = picks.cell(self.form, self._path, number, self._facts.known)
        self.rows.put(self.form, cell.path, number)
        self._cell = cell
        self._show_cell(True)
        choose = None if cell.before is not None else partial(picks.matching, cell.choices)
        self.cell_line.edit_piece(cell.label, cell.content, cell.before, choose)
        fault = rows.lack(self.rows.line.node)
        if fault is not None and fault.error is not None and fault.cell == number:
            self.cell_line.complain(fault.error, beside_typing=True)
        self._redraw()

    def _show_cell(self, shown: bool) -> None:
        self.cell_line.display = shown
        self.query_one("#status").display = not shown

    def _close_cell(self) -> None:
        self._cell = None
        self.cell_line.leave()
        self.cell_line.complain(None)
        self._show_cell(False)
        self.set_focus(self.rows)
        self._redraw()

    def on_expression_line_entered(self, event: ExpressionLine.Entered) -> None:
        """Run the text; take what a cell says."""
        event.stop()
        if event.line is self.line:
            self.action_run()
        elif self._cell is not None:
            self._take(self._cell, event.line)

    def _take(self, cell: picks.Cell, line: ExpressionLine) -> None:
        """The choice that was marked, else what is typed, else the choice that goes on from it."""
        if line.untouched and not line.marked_by_hand and cell.content:
            self._close_cell()
            return
        chosen, typed = line.with_choice, line.input.value
        meant = line.marked_by_hand or line.untouched
        if chosen is not None and meant and picks.is_list(cell):
            line.accept()  # another may follow
            return
        wanted = [typed] if chosen is None else [chosen[0]] if meant else [typed, chosen[0]]
        try:
            form = self._first_taken(cell, wanted)
        except QueryError as error:
            line.complain(error)
            return
        self._cell = None
        self._change(form, cell.path, cell.number)
        following = picks.next_cell(form, cell.path)
        if following is None:
            self._close_cell()
        else:
            self._open(following)

    def _first_taken(self, cell: picks.Cell, wanted: list[str]) -> Form:
        """The form with the first of these that the cell takes.

        Raises:
            QueryError: it takes none of them; says why not the first.
        """
        first: QueryError | None = None
        for each in wanted:
            try:
                return picks.taken(self.form, cell, each, self._facts.known)
            except QueryError as error:
                first = first or error
        assert first is not None
        raise first

    def on_expression_line_left(self, event: ExpressionLine.Left) -> None:
        """From the text down to the rows; a cell is not left so."""
        event.stop()
        if event.line is self.line:
            self._leave_text()

    def _leave_text(self) -> None:
        self.line.leave()
        self._draft.typed()
        self.set_focus(self.rows)

    # leaving

    def action_run(self) -> None:
        """Ask for the text, unless it or a row is not finished."""
        if self._draft.fault is not None:
            self.line.edit(self.text)
            self.line.complain(self._draft.fault)
            return
        left = rows.unfinished(self.form)
        if left is not None:
            path, fault = left
            self.rows.put(self.form, path, fault.cell)
            self.set_focus(self.rows)
            self._redraw()
            self.notify("a row is not finished: Enter goes on with it, d removes it",
                        severity="warning", timeout=4, markup=False)  # fmt: skip
            return
        self.dismiss(self.text.strip())

    def action_leave(self) -> None:
        """Out of the cell, out of the text, out of the form."""
        if self._cell is not None:
            self._close_cell()
        elif self.focused is self.line.input:
            self._leave_text()
        else:
            self.dismiss(None)
