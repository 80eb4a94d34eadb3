"""A syntax tree in a text form that is the same on every Python and for every formatting.

Left out: positions, comments, docstrings, annotations, decorators, the name of the function
itself. `ast.dump` is of no use: its text changes between Python releases.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from typing import Any, Final, cast

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
_WITH_DOCSTRING: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_SKIPPED: Final = frozenset({
    "ctx", "kind", "type_comment", "type_ignores", "type_params", "decorator_list", "returns",
    "annotation", "simple",
})  # fmt: skip


def normalised(function: FunctionNode) -> str:
    """The canonical text of a function's parameters and body."""
    pieces = ["async def" if isinstance(function, ast.AsyncFunctionDef) else "def"]
    pieces.append(canonical(function.args))
    pieces.append(canonical(_without_docstring(function.body)))
    return "".join(pieces)


def canonical(part: Any) -> str:
    """The canonical text of a node, a list of nodes or a plain value inside a node."""
    if isinstance(part, list):
        items = cast("list[Any]", part)
        return "[" + ",".join(filter(None, map(canonical, items))) + "]"
    if not isinstance(part, ast.AST):
        return f"{type(part).__name__}:{part!r}"
    special = _SPECIAL.get(type(part))
    if special is not None:
        return special(part)
    return f"{type(part).__name__}({','.join(_fields(part))})"


def find_function(tree: ast.Module, name: str, first_line: int) -> FunctionNode | None:
    """The definition that starts (with its decorators) at this line."""
    for node in ast.walk(tree):
        if isinstance(node, FunctionNode) and node.name == name:
            starts = min([node.lineno, *(each.lineno for each in node.decorator_list)])
            if starts == first_line:
                return node
    return None


def _fields(node: ast.AST) -> Iterator[str]:
    for field in node._fields:
        value: Any = getattr(node, field, None)
        if field in _SKIPPED or value is None or value == []:
            continue
        if field == "body" and isinstance(node, _WITH_DOCSTRING):
            value = _without_docstring(value)
        yield f"{field}={canonical(value)}"


def _without_docstring(body: list[ast.stmt]) -> list[ast.stmt]:
    match body:
        case [ast.Expr(value=ast.Constant(value=str())), *rest]:
            return rest
        case _:
            return body


def _constant(node: ast.Constant) -> str:
    return f"{type(node.value).__name__}:{node.value!r}"


def _annotated_assignment(node: ast.AnnAssign) -> str:
    """`x: int = 1` is `x = 1`; a bare `x: int` is nothing."""
    if node.value is None:
        return ""
    return f"Assign(targets=[{canonical(node.target)}],value={canonical(node.value)})"


def _formatted_string(node: ast.JoinedStr) -> str:
    """Releases split the literal text of f-strings differently: join it again."""
    pieces: list[str] = []
    text = ""
    for value in node.values:
        if isinstance(value, ast.Constant):
            text += str(value.value)
            continue
        if text:
            pieces.append(f"str:{text!r}")
            text = ""
        pieces.append(canonical(value))
    if text:
        pieces.append(f"str:{text!r}")
    return f"JoinedStr({','.join(pieces)})"


_SPECIAL: Final[dict[type[ast.AST], Callable[[Any], str]]] = {
    ast.Constant: _constant,
    ast.AnnAssign: _annotated_assignment,
    ast.JoinedStr: _formatted_string,
}
