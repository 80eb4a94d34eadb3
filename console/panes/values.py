"""Input, result, error, published values and attributes of a run, as one tree."""

# pyright: reportUnknownMemberType=false
# Textual leaves the type of `Widget.app` open.

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar
from uuid import UUID

from rich.text import Text
from textual.content import Content

from console.dialogs.value import ValueDialog
from console.panes.list_pane import ListPane
from console.present.facts import value
from console.present.json_tree import JsonTree, Node, TreeRows
from console.present.plain import lines, one_line
from console.present.values import pretty, size
from console.run_source import LARGEST_PAYLOAD
from console.session import Session
from console.widgets.bars import palette_of
from continuum.errors import PayloadSealed
from continuum.model import Omitted, Run

TRACEBACK = 200
"""Lines of a traceback that are shown."""


class ValuesPane(ListPane[Node]):
    """`Enter` opens a branch, loads what was left in the store, or shows a long text."""

    tab: ClassVar[str] = "values"
    finds: ClassVar[bool] = True

    def __init__(self, session: Session, run_id: UUID) -> None:
        self.json = JsonTree()
        super().__init__(session, run_id, TreeRows(self.json))
        self._words = ""
        self._whole: Run | None = None
        self._published: Mapping[str, Any] = {}

    async def read(self, run: Run) -> Callable[[], None]:
        """What it publishes; the rest the run has already."""
        try:
            published = await self.reads.published(run.id)
        except PayloadSealed as error:
            published = {"sealed": one_line(error.message, 300)}
        whole = self._whole
        if whole is not None and whole.updated_at == run.updated_at:
            run = whole
        roots = roots_of(run, published)

        def show() -> None:
            self._published = published
            self.json.set_roots(roots)
            self._fill()

        return show

    def _fill(self) -> None:
        self.list.set_rows(self.json.nodes())
        parts = ["values"]
        if self._words:
            parts.append(f'"{one_line(self._words, 40)}", n goes on, Esc clears')
        self.list.border_title = Content(" · ".join(parts))

    def enter(self) -> None:
        """Open or close a branch; load a value; show a long text in full."""
        node = self.list.cursor_row
        if node is None:
            return
        if isinstance(node.value, Omitted):
            self._load(node.value)
        elif self.json.toggle(node):
            self._fill()
        else:
            palette = palette_of(self)
            shown = pretty(node.value, palette)
            if isinstance(node.value, str):
                shown = [Text(line, palette.text) for line in lines(node.value)]
            self.app.push_screen(ValueDialog(one_line(node.key, 100), shown))

    def _load(self, left: Omitted) -> None:
        if left.size > LARGEST_PAYLOAD:
            self.post_message(
                self.Said(
                    f"{size(left.size)} is more than the {size(LARGEST_PAYLOAD)} that are shown"
                    f" here: continuum result {self.run_id}"
                )
            )
            return
        self.run_worker(self._fetch(), group="values", exclusive=True, exit_on_error=False)

    async def _fetch(self) -> None:
        try:
            self._whole = await self.reads.whole(self.run_id)
        except Exception as error:
            self.post_message(self.Said(f"cannot read the value: {error}"))
            return
        self.json.set_roots(roots_of(self._whole, self._published))
        self._fill()

    def find(self, words: str) -> None:
        """Go to the next place with the words."""
        self._words = words.casefold()
        self.find_next()

    def find_next(self) -> None:
        """The next one, around the end."""
        if not self._words:
            return
        path = self.json.search(self._words, self.json.found)
        self._fill()
        if path is None:
            self.post_message(self.Said(f"nothing here has {self._words}"))
            return
        for index, node in enumerate(self.list.rows):
            if node.path == path:
                self.list.to_row(index)
                return

    @property
    def words(self) -> str:
        """What was looked for."""
        return self._words

    def clear(self) -> bool:
        """Forget the words."""
        if not self._words:
            return False
        self._words, self.json.found = "", None
        self._fill()
        return True


def roots_of(run: Run, published: Mapping[str, Any]) -> dict[str, Any]:
    """What a run was given, what it shows, and what came of it."""
    roots: dict[str, Any] = {"input": value(run.stored_input)}
    if run.error is not None:
        error: dict[str, Any] = {
            "type": run.error.type,
            "message": run.error.message.splitlines() or [""],
        }
        if len(error["message"]) == 1:
            error["message"] = error["message"][0]
        roots["error"] = error
        if run.error.details:
            roots["traceback"] = lines(run.error.details, TRACEBACK)
    elif run.stored_output is not None:
        roots["result"] = value(run.stored_output)
    if published:
        roots["published"] = dict(published)
    roots["attributes"] = dict(run.attributes)
    return roots
