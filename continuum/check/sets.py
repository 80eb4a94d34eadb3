"""Where the order of a set would show."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any, Final

from continuum.check.names import Scope
from continuum.check.resolve import Resolver
from continuum.check.values import SET

Report = Callable[[Scope, Any, str, str], None]

UNORDERED: Final = frozenset(f"builtins.{name}" for name in (
    "sorted", "set", "frozenset", "sum", "min", "max", "any", "all", "len",
))  # fmt: skip
"""They give one answer in whatever order they are fed."""

_ORDERED: Final = frozenset({
    *(f"builtins.{name}" for name in (
        "list", "tuple", "iter", "enumerate", "zip", "map", "filter", "str", "repr", "format")),
    "builtins.dict.fromkeys", "collections.deque", "collections.OrderedDict.fromkeys",
    "functools.reduce", "asyncio.as_completed",
})  # fmt: skip


def check_iteration(resolver: Resolver, node: ast.AST, scope: Scope, report: Report) -> None:
    """Report an iteration over a set."""
    if SET in resolver.value(node, scope):
        report(scope, node, "CTM011", f"iteration over {ast.unparse(node):.60}")


def check_call(
    resolver: Resolver, node: ast.Call, names: list[str], scope: Scope, report: Report
) -> None:
    """Report a call that takes the elements of a set one after another."""
    function = node.func
    if isinstance(function, ast.Attribute):
        if (
            function.attr == "pop"
            and not node.args
            and SET in resolver.value(function.value, scope)
        ):
            report(scope, node, "CTM011", f"{ast.unparse(function):.60}() takes any element")
        if function.attr in ("join", "extend") and node.args:
            check_iteration(resolver, node.args[0], scope, report)
    if any(name in _ORDERED or name.startswith("itertools.") for name in names):
        for argument in node.args:
            check_iteration(resolver, argument, scope, report)
