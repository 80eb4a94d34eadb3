"""Patches: their names must be literals, and one workflow should not have many."""

from __future__ import annotations

import ast
from typing import Final

from continuum.check.names import Scope
from continuum.check.sets import Report

MANY: Final = 16


class PatchSites:
    """Which patches a function mentions, and which functions it reaches.

    Functions go by the `id` of their node; their modules keep the nodes alive.
    """

    def __init__(self) -> None:
        self._names: dict[int, set[str]] = {}
        self._calls: dict[int, set[int]] = {}

    def add_call(self, caller: int, called: int) -> None:
        """One function reaches another."""
        self._calls.setdefault(caller, set()).add(called)

    def add_name(self, function: int, name: str) -> None:
        """A function mentions a patch."""
        self._names.setdefault(function, set()).add(name)

    def names_below(self, root: int) -> set[str]:
        """The patches of a function and of everything it reaches."""
        if not self._names:
            return set()
        seen, todo, names = {root}, [root], set[str]()
        while todo:
            function = todo.pop()
            names |= self._names.get(function, set())
            following = self._calls.get(function, set()) - seen
            seen |= following
            todo += following
        return names


def check_call(node: ast.Call, foldable: bool, scope: Scope, report: Report) -> str | None:
    """Report a call of `patched` that nothing can decide; answers the name of the patch."""
    given = [*node.args, *(each.value for each in node.keywords)]
    first = given[0] if given else None
    if not isinstance(first, ast.Constant) or not isinstance(first.value, str):
        shown = "" if first is None else ast.unparse(first)
        report(scope, node, "CTM016", f"patched({shown:.60})")
        return None
    if not foldable:
        report(scope, node, "CTM102", f"patched({first.value!r:.60})")
    return first.value
