"""Where values enter or leave the runs of a version, and the types that they have there."""

from __future__ import annotations

import ast
import builtins
import typing
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from continuum.errors import DefinitionError
from continuum.versions.naming import Found, loaded
from continuum.versions.schemas import Boundary, Unresolved
from continuum.versions.text import Text

Resolve = Callable[[ast.expr], tuple[Found, list[str]] | None]

_COMPUTED: Final = "signals of computed names"
_SIGNAL: Final = "signal "
_WAITS: Final = {
    "continuum.wait_signal": "signal",
    "continuum.engine.api.wait_signal": "signal",
    "continuum.wait_question": "question",
    "continuum.engine.asking.wait_question": "question",
}
_EFFECTS: Final = frozenset({"continuum.side_effect", "continuum.engine.api.side_effect"})


def boundaries_of(workflow: Any, texts: Iterable[Text]) -> Iterator[Boundary]:
    """Every boundary of a workflow.

    Args:
        workflow: as declared.
        texts: of everything that it reaches.
    """
    yield from _call_boundaries("workflow", workflow)
    for text in texts:
        yield from text.typed
        for mention in text.declared:
            kind = "child" if mention.startswith("workflow ") else "activity"
            yield from _call_boundaries(f"{kind} {mention.declared.name}", mention.declared)


def boundary_of_call(node: ast.Call, dotted: str | None, resolve: Resolve) -> Boundary | None:
    """What a call of the engine takes from outside by a type that is given there.

    Args:
        node: the call.
        dotted: what is called, if it lies outside the application.
        resolve: the meaning of a name or a chain of attributes where the call stands.
    """
    given = {each.arg: each.value for each in node.keywords}
    if dotted in _WAITS:
        name = node.args[0] if node.args else given.get("name")
        label = f"{_WAITS[dotted]}s of computed names"
        if isinstance(name, ast.Constant) and isinstance(name.value, str):
            label = f"{_WAITS[dotted]} {name.value}"
        if None in given:  # **options
            return Boundary(label, [Unresolved(f"**{ast.unparse(given[None])}")])
        return Boundary(label, [_annotation(given.get("type"), resolve)])
    if dotted in _EFFECTS:
        fn = node.args[0] if node.args else given.get("fn")
        found = None if fn is None else resolve(fn)
        value = None if found is None or found[1] else found[0].value
        return Boundary("side effects", [_returned(value)])
    return None


def awaited_signals(texts: Iterable[Text]) -> Iterator[tuple[str | None, Any]]:
    """The name and type of every wait for a signal; no name where it is computed.

    Args:
        texts: of everything that a workflow reaches.
    """
    for text in texts:
        for each in text.typed:
            if each.label == _COMPUTED:
                yield None, each.types[0]
            elif each.label.startswith(_SIGNAL):
                yield each.label.removeprefix(_SIGNAL), each.types[0]


def _call_boundaries(label: str, declared: Any) -> Iterator[Boundary]:
    try:
        types, optional = declared.signature.annotations
        returned = declared.returns.annotation
    except DefinitionError as error:  # a name that does not exist; the worker will say so
        yield Boundary(label, [Unresolved(error.message)])
        return
    yield Boundary(f"{label} arguments", types, optional)
    yield Boundary(f"{label} result", [returned])


def _returned(fn: Any) -> Any:
    try:
        return typing.get_type_hints(fn, include_extras=True).get("return", Any)
    except Exception:  # no function, or it names what does not exist
        return Any


def _annotation(node: ast.expr | None, resolve: Resolve) -> Any:
    """The type that an expression means where it stands."""
    if node is None:
        return Any
    try:
        return _evaluated(node, resolve)
    except Exception:  # whatever a subscript raises
        return Unresolved(ast.unparse(node))


def _evaluated(node: ast.expr, resolve: Resolve) -> Any:
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name | ast.Attribute):
        found = resolve(node)
        if found is None:
            raise LookupError
        value = found[0].value if found[0].dotted is None else _imported(found[0].dotted)
        for attribute in found[1]:
            value = getattr(value, attribute)
        return value
    if isinstance(node, ast.Subscript):
        return _evaluated(node.value, resolve)[_evaluated(node.slice, resolve)]
    if isinstance(node, ast.Tuple):
        return tuple(_evaluated(each, resolve) for each in node.elts)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return _evaluated(node.left, resolve) | _evaluated(node.right, resolve)
    raise LookupError


def _imported(dotted: str) -> Any:
    """What a dotted name outside the application stands for."""
    module, _, rest = dotted.partition(".")
    value: Any = builtins if module == "builtins" else loaded(module)
    for part in rest.split("."):
        value = getattr(value, part)
    return value
