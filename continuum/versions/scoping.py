"""Which names of a definition are its own, and what the others mean."""

from __future__ import annotations

import ast
from typing import Any, Final, cast

from continuum.check.names import Scope
from continuum.versions.naming import Found, Names, kind_of

_PARAMETERS: Final = frozenset({"parameter", "self"})


class Scoping:
    """The scopes around the place that is being written.

    Args:
        names: what the names mean that the definition does not bind.
    """

    def __init__(self, names: Names) -> None:
        self._names = names
        self.scope = Scope(cast("Any", None), ast.Module([], []), None, "module")

    def resolve(self, node: ast.expr) -> tuple[Found, list[str]] | None:
        """What a name or a chain of attributes means, and the attributes that are left over.

        None for local names and for everything that is no name.
        """
        rest: list[str] = []
        while isinstance(node, ast.Attribute):
            rest.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name) or not isinstance(node.ctx, ast.Load):
            return None
        found = self._meaning(node.id)
        while found is not None and rest:
            inner = _attribute(found, rest[-1])
            if inner is None:
                break
            found = inner
            rest.pop()
        return None if found is None else (found, rest[::-1])

    def home(self, name: str) -> Scope | None:
        """The scope within the definition that binds a name."""
        at: Scope | None = self.scope
        while at is not None:
            if name in at.outer:
                if _is_global(at.node, name):
                    return None
            elif name in at.bindings and (at.kind != "class" or at is self.scope):
                return at
            at = at.parent
        return None

    def is_bound(self, name: str) -> bool:
        """Whether a name always has a value: that of a parameter."""
        home = self.home(name)
        return home is not None and all(each.kind in _PARAMETERS for each in home.bindings[name])

    def _meaning(self, name: str) -> Found | None:
        home = self.home(name)
        if home is None:
            return self._names.find(name)
        found = [self._names.imported(each, name) for each in home.bindings[name]]
        return found[0] if None not in found else None


def _attribute(found: Found, name: str) -> Found | None:
    """An attribute that means something of its own."""
    if found.dotted is not None:
        return Found(f"{found.dotted}.{name}")
    value = found.value
    if kind_of(value) is not None:
        return Found(value=value.fn) if name in ("fn", "__wrapped__") else None
    return found.member(name)


def _is_global(node: ast.AST, name: str) -> bool:
    return any(isinstance(each, ast.Global) and name in each.names for each in ast.walk(node))
