"""Saved views: named queries, those that are built in and those of a user's `views.toml`.

    [[view]]
    name = "Region eu"
    expression = "attributes.region = 'eu'"
    namespace = "billing"      # or all_namespaces = true; without either: where one looks already

Text in, views out, and the other way round: an edit changes only the lines of its view, so comments
and whatever else stands in the file stay.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, cast

from console import expressions
from console.scope import Scope
from console.source import RunsQuery
from continuum.errors import ContinuumError, QueryError

LONGEST_NAME: Final = 40
EVERYTHING: Final = "All"


class ViewsError(ContinuumError):
    """the views cannot be changed"""


@dataclass(frozen=True, slots=True)
class View:
    """A named query.

    Attributes:
        name: on its tab.
        expression: in the query language; may be empty.
        scope: where to look; None leaves that as it is.
        own: whether it is of the user's file.
    """

    name: str
    expression: str = ""
    scope: Scope | None = None
    own: bool = False

    def query(self, namespace: str | None) -> RunsQuery:
        """The question, asked from this namespace."""
        return RunsQuery(namespace if self.scope is None else self.scope.name, self.expression)

    def shows(self, query: RunsQuery) -> bool:
        """Whether this is the query of the view, however it is spelled."""
        mine = self.query(query.namespace)
        same = expressions.parse(mine.expression) == expressions.parse(query.expression)
        return same and mine.namespace == query.namespace


BUILT_IN: Final = (
    View(EVERYTHING),
    View("Needs attention", "stuck or state = 'failed' and completed_at > -24h"),
    View("Running", "state = 'running'"),
    View("Failed 24h", "state = 'failed' and completed_at > -24h"),
)


@dataclass(frozen=True, slots=True)
class Written:
    """What a file says: its views, and what is wrong with it first, with the line."""

    views: tuple[View, ...] = ()
    fault: tuple[int, str] | None = None


def read(text: str) -> Written:
    """The views of a file's text; one that means nothing is left out and is the fault."""
    try:
        document: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"\(at line (\d+), column \d+\)", str(error))
        what = re.sub(r" \(at .*\)$", "", str(error))
        last = max(1, len(text.splitlines()))
        return Written((), (int(place[1]) if place else last, what[:1].lower() + what[1:]))
    unknown = [key for key in document if key != "view"]
    tables = document.get("view", [])
    fault: tuple[int, str] | None = None
    if unknown:
        fault = (_line_of(text, unknown[0]), f"unknown key {unknown[0]!r}: a view is [[view]]")
    elif not isinstance(tables, list):
        return Written((), (_line_of(text, "view"), "a view is [[view]], in double brackets"))
    views: list[View] = []
    for index, table in enumerate(cast("list[Any]", tables)):
        try:
            views.append(_view(table, [*BUILT_IN, *views]))
        except _Fault as wrong:
            fault = fault or (_place(text, index, wrong.key), wrong.message)
    return Written(tuple(views), fault)


class _Fault(Exception):
    def __init__(self, key: str, message: str) -> None:
        self.key, self.message = key, message
        super().__init__(message)


_TYPES: Final[Mapping[str, tuple[type, str]]] = {
    "name": (str, "text"),
    "expression": (str, "text"),
    "namespace": (str, "text"),
    "all_namespaces": (bool, "true or false"),
}


def _view(table: Any, others: Sequence[View]) -> View:
    if not isinstance(table, dict):
        raise _Fault("view", "a view is [[view]] with a name and an expression")
    given = cast("dict[str, Any]", table)
    for key, value in given.items():
        if key not in _TYPES:
            raise _Fault(key, f"unknown key {key!r}: there are {', '.join(_TYPES)}")
        kind, words = _TYPES[key]
        if not isinstance(value, kind):
            raise _Fault(key, f"{key} is {words}")
    if "name" not in given:
        raise _Fault("view", "the view has no name")
    if wrong := refuse_name(given["name"], others):
        raise _Fault("name", wrong)
    if given.get("all_namespaces") and "namespace" in given:
        raise _Fault("all_namespaces", "namespace and all_namespaces exclude each other")
    scope = Scope(given["namespace"]) if "namespace" in given else None
    if given.get("all_namespaces"):
        scope = Scope(None)
    try:
        expressions.parse(given.get("expression", ""))
    except QueryError as error:
        hint = f" ({error.hint})" if error.hint else ""
        raise _Fault("expression", f"{error.message}{hint}") from None
    return View(given["name"], given.get("expression", ""), scope, own=True)


def refuse_name(name: str, others: Sequence[View]) -> str | None:
    """Why a view cannot have this name beside the others, or None."""
    if not name.strip():
        return "a view needs a name"
    if not name.isprintable() or name != name.strip():
        return "a name is printable, without blanks around it"
    if len(name) > LONGEST_NAME:
        return f"a name has at most {LONGEST_NAME} characters"
    if any(each.name.casefold() == name.casefold() for each in others):
        return f"there is a view {name!r} already"
    return None


# editing text

_HEADER: Final = re.compile(r"\s*\[\[\s*view\s*\]\]")
_TABLE: Final = re.compile(r"\s*\[")


def added(text: str, view: View) -> str:
    """With the view at the end."""
    before = text if not text or text.endswith("\n") else text + "\n"
    return before + ("\n" if before.strip() else "") + block(view)


def removed(text: str, index: int) -> str:
    """Without the view of that number."""
    return _replaced(text, index, lambda _: [])


def changed(text: str, index: int, view: View) -> str:
    """With another view in its place."""
    return _replaced(text, index, lambda _: block(view).splitlines(keepends=True))


def renamed(text: str, index: int, name: str) -> str:
    """With another name; every other line stays."""

    def rename(lines: list[str]) -> list[str]:
        return [f"name = {_quoted(name)}\n" if _assigns(line, "name") else line for line in lines]

    return _replaced(text, index, rename)


def block(view: View) -> str:
    """The lines of a view."""
    lines = ["[[view]]", f"name = {_quoted(view.name)}", f"expression = {_quoted(view.expression)}"]
    if view.scope is not None:
        named = view.scope.name
        lines.append("all_namespaces = true" if named is None else f"namespace = {_quoted(named)}")
    return "".join(f"{line}\n" for line in lines)


def checked(text: str, views: Sequence[View]) -> str:
    """The text, which says exactly this.

    Raises:
        ViewsError: it does not, because the file is written in a way that is not understood here.
    """
    own = tuple(replace(view, own=True) for view in views)
    if read(text) != Written(own):
        raise ViewsError("the file is laid out in a way that only an editor can change")
    return text


def _replaced(text: str, index: int, edit: Callable[[list[str]], list[str]]) -> str:
    lines = text.splitlines(keepends=True)
    starts = [number for number, line in enumerate(lines) if _HEADER.match(line)]
    if index >= len(starts):
        return text  # `checked` refuses it
    begin = starts[index]
    later = (n for n in range(begin + 1, len(lines)) if _TABLE.match(lines[n]))
    end = next(later, len(lines))
    while end > begin + 1 and (not lines[end - 1].strip() or lines[end - 1].lstrip()[:1] == "#"):
        end -= 1  # what stands right above the next view belongs to that
    return "".join([*lines[:begin], *edit(lines[begin:end]), *lines[end:]])


def _assigns(line: str, key: str) -> bool:
    return re.match(rf'\s*"?{re.escape(key)}"?\s*=', line) is not None


def _line_of(text: str, key: str) -> int:
    lines = text.splitlines()
    names = (n for n, line in enumerate(lines, 1) if key in line.partition("=")[0])
    return next(names, 1)


def _place(text: str, index: int, key: str) -> int:
    """The line of a key of the view of that number; the head of the view when it is not there."""
    lines = text.splitlines()
    starts = [number for number, line in enumerate(lines) if _HEADER.match(line)]
    if index >= len(starts):
        return _line_of(text, "view")
    begin = starts[index]
    end = starts[index + 1] if index + 1 < len(starts) else len(lines)
    found = (n for n in range(begin, end) if _assigns(lines[n], key))
    return next(found, begin) + 1


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
