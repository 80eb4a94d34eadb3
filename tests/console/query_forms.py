"""The query form as tests see it."""

from __future__ import annotations

from console.dialogs.query_form import QueryFormDialog
from console.widgets.expression_line import ExpressionLine
from console.widgets.form_rows import FormRows
from tests.console.driving import Driver, wait_until


def form(ui: Driver) -> QueryFormDialog:
    """The dialog on top."""
    found = ui.app.screen
    assert isinstance(found, QueryFormDialog)
    return found


def cell(ui: Driver) -> ExpressionLine:
    """The line of the cell that is edited."""
    return form(ui).cell_line


async def offered(ui: Driver, text: str) -> None:
    """The marked choice of the cell is this one."""
    await wait_until(lambda: cell(ui).chosen and cell(ui).chosen.text == text, f"choice {text}")


async def opened(ui: Driver, key: str = "f2") -> None:
    """The form is on top."""
    await ui.settled()
    await ui.press(key)
    await ui.on_screen("QueryFormDialog")


def lines(ui: Driver) -> list[str]:
    """What stands in the rows."""
    found = form(ui).query_one(FormRows)
    shown = [found.render_line(y).text.rstrip() for y in range(found.size.height)]
    return [" ".join(line.split()) for line in shown if line]


async def answered(ui: Driver, expression: str) -> None:
    """The list answers this expression."""
    await ui.on_screen("RunsScreen")
    assert ui.runs.runs_query.expression == expression
    await wait_until(lambda: ui.runs.page is not None, "an answer")
    assert ui.runs.focused is ui.runs.list
