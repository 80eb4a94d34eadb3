"""JSON as a tree that is opened branch by branch: nothing is walked that is not shown.

A string is cut, a branch shows its first members and then says how many are left, and a search
stops at a budget: fifty megabytes open as fast as fifty bytes.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from rich.text import Text

from console.actions import RUN, key
from console.present.columns import Column
from console.present.plain import one_line
from console.present.shapes import is_array, is_object
from console.present.values import preview, scalar, size
from console.themes import Palette
from continuum.model import Omitted

MEMBERS: Final = 200
"""Members of a branch that are shown at once; `Enter` on the rest shows as many more."""
LONGEST: Final = 500
"""Characters of a string on its line; `Enter` shows more."""
SEARCHED: Final = 200_000
"""Nodes that a search looks at."""

Path = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Node:
    """One line of the tree.

    Attributes:
        path: keys and indexes from the root; ends with `MORE` for members that are not shown.
        opened: whether the members follow; None when there are none to open.
        left: members that are not shown, on the line that says so.
    """

    path: Path
    key: str
    value: Any
    opened: bool | None = None
    left: int = 0

    @property
    def depth(self) -> int:
        """Steps from the roots."""
        return len(self.path) - 1


MORE: Final = object()


class JsonTree:
    """Some named values, each a root.

    Attributes:
        roots: by name, in order.
    """

    def __init__(self) -> None:
        self.roots: dict[str, Any] = {}
        self._opened: set[Path] = set()
        self._shown: dict[Path, int] = {}
        self.found: Path | None = None

    def set_roots(self, roots: dict[str, Any]) -> None:
        """Other values; what was open stays open, a new root opens once."""
        for name in roots:
            if name not in self.roots:
                self._opened.add((name,))
        self.roots = roots

    def nodes(self) -> list[Node]:
        """Every line that is shown."""
        return [node for name, value in self.roots.items() for node in self._of((name,), value)]

    def _of(self, path: Path, value: Any) -> Iterator[Node]:
        key = "" if path[-1] is MORE else str(path[-1])
        members = _count(value)
        opened = None if not members else path in self._opened
        yield Node(path, key, value, opened)
        if not opened:
            return
        shown = self._shown.get(path, MEMBERS)
        for name, member in _members(value, shown):
            yield from self._of((*path, name), member)
        if members > shown:
            yield Node((*path, MORE), "", None, left=members - shown)

    def toggle(self, node: Node) -> bool:
        """Open or close a branch, or show more of it; False when there is nothing to open."""
        if node.left:
            path = node.path[:-1]
            self._shown[path] = self._shown.get(path, MEMBERS) + MEMBERS
            return True
        if node.opened is None:
            return False
        self._opened ^= {node.path}
        return True

    def open_all(self, node: Node, most: int = 1_000) -> None:
        """Open a branch and what is in it, up to so many branches."""
        for path, value in _walk(node.path, node.value):
            if _count(value):
                self._opened.add(path)
                most -= 1
                if most == 0:
                    return

    def search(self, words: str, after: Path | None) -> Path | None:
        """The next place with these words after `after`, around the end; its branches open.

        Args:
            words: casefolded, in a key or a scalar.
            after: where the search begins; None at the top.
        """
        first: Path | None = None
        passed = after is None
        looked = 0
        for name, root in self.roots.items():
            for path, value in _walk((name,), root):
                looked += 1
                if looked > SEARCHED:
                    break
                if words in _searched(path, value):
                    first = first or path
                    if passed:
                        return self._reveal(path)
                passed = passed or path == after
        return None if first is None else self._reveal(first)

    def _reveal(self, path: Path) -> Path:
        value: Any = self.roots[path[0]]
        for depth in range(1, len(path)):
            above = path[:depth]
            self._opened.add(above)
            place = _place(value, path[depth])
            if place >= self._shown.get(above, MEMBERS):
                self._shown[above] = (place // MEMBERS + 1) * MEMBERS
            value = value[path[depth]]
        self.found = path
        return path


def _count(value: object) -> int:
    return len(value) if is_object(value) or is_array(value) else 0


def _members(value: Any, most: int) -> Iterator[tuple[Any, Any]]:
    members = value.items() if is_object(value) else enumerate(value)
    for index, member in enumerate(members):
        if index == most:
            return
        yield member


def _place(value: Any, key: Any) -> int:
    """Which member of its branch a key is."""
    if is_object(value):
        return next(index for index, name in enumerate(value) if name == key)
    return key


def _walk(path: Path, value: Any) -> Iterator[tuple[Path, Any]]:
    waiting: list[tuple[Path, Any]] = [(path, value)]
    while waiting:
        here, found = waiting.pop()
        yield here, found
        if _count(found):
            members = [((*here, name), member) for name, member in _members(found, SEARCHED)]
            waiting.extend(reversed(members))


def _searched(path: Path, value: object) -> str:
    key = str(path[-1]) if isinstance(path[-1], str) else ""
    if is_object(value) or is_array(value):
        return key.casefold()
    text = value if isinstance(value, str) else scalar(value)
    return f"{key}\n{text}".casefold()


class TreeRows:
    """The tree as rows of a list."""

    def __init__(self, tree: JsonTree) -> None:
        self.tree = tree

    def key(self, row: Node) -> Hashable:
        """Its path."""
        return row.path

    def marker(self, row: Node) -> Hashable:
        """Opening is no change."""
        return row.path

    def columns(self, width: int) -> tuple[Column, ...]:
        """Only one."""
        return (Column("value", "VALUE", max(8, width - 2)),)

    def cell(self, row: Node, column: Column, palette: Palette, *, changed: bool) -> Text:
        """A line of the tree."""
        del column, changed
        line = Text("  " * row.depth, palette.faint)
        if row.left:
            more = f"… {row.left:,} more, {key('expand', RUN)} shows them"
            return line.append(more, palette.warn)
        mark = " " if row.opened is None else "-" if row.opened else "+"
        line.append(f"{mark} ", palette.accent)
        root = row.depth == 0
        ink = palette.strong if root else palette.info
        if row.path == self.tree.found:
            ink += palette.warn
        line.append(one_line(row.key, 200), ink)
        line.append("  " if root else ": ", palette.faint)
        return line.append_text(value_text(row, palette))


def value_text(node: Node, palette: Palette) -> Text:
    """A scalar, or how many members a branch has and how they begin."""
    value = node.value
    if is_object(value) or is_array(value):
        count = len(value)
        unit = ("field" if count == 1 else "fields") if is_object(value) else "in all"
        inside = "" if node.opened else f"  {preview(value, 200)}"
        return Text(f"{count:,} {unit}", palette.faint).append(inside, palette.muted)
    if isinstance(value, Omitted):
        loads = f"{key('expand', RUN)} loads it"
        return Text(f"{size(value.size)}, not loaded: {loads}", palette.warn)
    if isinstance(value, str):
        shown = one_line(value[: LONGEST + 1], LONGEST)
        line = Text(f'"{shown}"', palette.good)
        if len(value) > LONGEST:
            line.append(f"  {len(value):,} characters", palette.warn)
        return line
    return Text(scalar(value), palette.accent)
