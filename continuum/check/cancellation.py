"""Where a cancellation would be swallowed."""

from __future__ import annotations

import ast
from typing import Any

from continuum.check.names import Scope
from continuum.check.resolve import Resolver
from continuum.check.sets import Report
from continuum.check.values import External


def check_try(resolver: Resolver, node: Any, scope: Scope, report: Report) -> None:
    """Report handlers around an await that catch everything and do not raise it again."""
    if not _awaits(node.body):
        return
    for handler in node.handlers:
        if _is_base(resolver, handler.type, scope):
            if not _raises_again(handler):
                what = "except BaseException" if handler.type else "bare except"
                report(scope, handler, "CTM012", f"{what} around an await")
            break
        cancelled = _catches(resolver, "asyncio.CancelledError", handler.type, scope)
        if cancelled and _raises_again(handler):
            break
    for each in node.finalbody:
        if isinstance(each, ast.Return):
            report(scope, each, "CTM012", "return in finally")


def check_with(resolver: Resolver, node: Any, scope: Scope, report: Report) -> None:
    """Report `suppress(BaseException)` around an await."""
    for item in node.items:
        call = item.context_expr
        if not isinstance(call, ast.Call) or not _awaits(node.body):
            continue
        suppresses = External("contextlib.suppress") in resolver.value(call.func, scope)
        if suppresses and any(_is_base(resolver, each, scope) for each in call.args):
            report(scope, call, "CTM012", "suppress(BaseException) around an await")


def _is_base(resolver: Resolver, node: Any, scope: Scope) -> bool:
    return node is None or _catches(resolver, "builtins.BaseException", node, scope)


def _catches(resolver: Resolver, name: str, node: Any, scope: Scope) -> bool:
    parts = node.elts if isinstance(node, ast.Tuple) else [node]
    return any(External(name) in resolver.value(each, scope) for each in parts)


def _awaits(body: list[ast.stmt]) -> bool:
    todo: list[ast.AST] = list(body)
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Await | ast.AsyncFor | ast.AsyncWith):
            return True
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            todo.extend(ast.iter_child_nodes(node))
    return False


def _raises_again(handler: ast.ExceptHandler) -> bool:
    last = handler.body[-1]
    if not isinstance(last, ast.Raise):
        return False
    return last.exc is None or (isinstance(last.exc, ast.Name) and last.exc.id == handler.name)
