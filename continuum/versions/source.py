"""Parsed source files, each parsed once, and where in them a function or class is defined."""

from __future__ import annotations

import ast
import linecache
from collections.abc import Mapping
from functools import cached_property
from types import CodeType
from typing import Any, Final, cast

from continuum.check.names import Scope, module_scope

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
_DEFINITIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


class Source:
    """One parsed file.

    Attributes:
        file: its path.
        tree: its syntax tree.
        rebound: globals that some function of it declares with `global`.
    """

    def __init__(self, file: str, lines: list[str]) -> None:
        self.file = file
        self.tree = ast.parse("".join(lines))
        self._functions: dict[tuple[str, int], FunctionNode] = {}
        self._lambdas: dict[int, list[ast.Lambda]] = {}
        self._classes: dict[str, ast.ClassDef] = {}
        self.rebound: set[str] = set()
        self._index(self.tree, "")

    def function(self, code: CodeType) -> FunctionNode | list[ast.Lambda] | None:
        """The definition of loaded code; of a lambda all that begin on its line."""
        if code.co_name == "<lambda>":
            return self._lambdas.get(code.co_firstlineno)
        return self._functions.get((code.co_name, code.co_firstlineno))

    def class_(self, qualname: str) -> ast.ClassDef | None:
        """The definition of a class; of several with one name the last one."""
        return self._classes.get(qualname)

    @cached_property
    def methods(self) -> frozenset[str]:
        """The names of the methods of all its classes."""
        return frozenset(
            each.name
            for cls in self._classes.values()
            for each in cls.body
            if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)
        )

    @cached_property
    def scope(self) -> Scope:
        """Its globals."""
        return module_scope(cast("Any", self), self.tree)

    def _index(self, tree: ast.AST, prefix: str) -> None:
        todo: list[tuple[ast.AST, str]] = [(tree, prefix)]
        while todo:
            node, prefix = todo.pop()
            inner = prefix
            if isinstance(node, _DEFINITIONS):
                name = f"{prefix}{node.name}"
                if isinstance(node, ast.ClassDef):
                    self._classes.setdefault(name, node)  # the last comes first here
                    inner = f"{name}."
                else:
                    first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
                    self._functions[node.name, first] = node
                    inner = f"{name}.<locals>."
            elif isinstance(node, ast.Lambda):
                self._lambdas.setdefault(node.lineno, []).append(node)
            elif isinstance(node, ast.Global):
                self.rebound.update(node.names)
            todo += [(each, inner) for each in ast.iter_child_nodes(node)]


_parsed: Final[dict[str, tuple[list[str], Source | None]]] = {}


def source_of(file: str, names: Mapping[str, Any]) -> Source | None:
    """The parsed source of a loaded module; None when there is none, or it cannot be parsed.

    Args:
        file: as in its code objects.
        names: the module's globals, whose loader may have the source of a file in an archive.
    """
    linecache.checkcache(file)
    lines = linecache.getlines(file, dict(names) if file not in linecache.cache else None)
    known = _parsed.get(file)
    if known is not None and known[0] == lines:
        return known[1]
    try:
        source = Source(file, lines) if lines else None
    except (SyntaxError, ValueError):
        source = None
    _parsed[file] = lines, source
    return source
