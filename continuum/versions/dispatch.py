"""Which classes of the application an object may belong to, as far as annotations tell.

Annotations do not count in a hash; the methods that are called because of them do.
"""

from __future__ import annotations

import ast
import typing
from collections.abc import Callable, Iterator
from types import FunctionType, MemberDescriptorType
from typing import Any

from continuum.check.names import Binding
from continuum.versions.describing import is_own_class
from continuum.versions.naming import Found, kind_of
from continuum.versions.text import of_function

Resolve = Callable[[ast.expr], tuple[Found, list[str]] | None]


def classes_of(binding: Binding, resolve: Resolve) -> Iterator[type]:
    """The classes that a local name may have objects of.

    Args:
        binding: how the name gets its value.
        resolve: the meaning of a name or a chain of attributes where it stands.
    """
    if binding.kind in ("parameter", "typed"):
        yield from _annotated(binding.node, resolve)
    elif binding.kind == "value":
        node = binding.node.value if isinstance(binding.node, ast.Await) else binding.node
        if isinstance(node, ast.Call):
            yield from _made(resolve(node.func))


def has_code(cls: type, name: str, near: str) -> bool:
    """Whether an attribute of an object is code of the application, not a field."""
    for base in cls.__mro__:
        if name in vars(base):
            member = vars(base)[name]
            is_code = hasattr(member, "__get__") and not isinstance(member, MemberDescriptorType)
            return is_code and is_own_class(base, near)
    return False


def _made(resolved: tuple[Found, list[str]] | None) -> Iterator[type]:
    """What a call gives."""
    if resolved is None or resolved[1]:
        return
    value = resolved[0].value
    if isinstance(value, type):
        yield value
        return
    fn = value.fn if kind_of(value) is not None else value
    if not isinstance(fn, FunctionType):
        return
    try:
        annotation = fn.__annotations__.get("return")
    except Exception:  # evaluated only now, and it names what exists for type checkers only
        return
    if isinstance(annotation, str):
        names = of_function(fn).names

        def resolve(node: ast.expr) -> tuple[Found, list[str]] | None:
            found = names.find(node.id) if isinstance(node, ast.Name) else None
            return None if found is None else (found, [])

        yield from _annotated(ast.Constant(annotation), resolve)
    else:
        yield from _classes(annotation)


def _annotated(annotation: ast.expr | None, resolve: Resolve) -> Iterator[type]:
    """Every class that an annotation mentions: `Order | None`, `list[Order]`."""
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        try:
            annotation = ast.parse(annotation.value, mode="eval").body
        except SyntaxError:
            return
    if isinstance(annotation, ast.Name | ast.Attribute):
        found = resolve(annotation)
        if found is not None and not found[1]:
            yield from _classes(found[0].value)
        return
    for each in ast.iter_child_nodes(annotation) if annotation is not None else ():
        if isinstance(each, ast.expr):
            yield from _annotated(each, resolve)


def _classes(annotation: Any) -> Iterator[type]:
    if isinstance(annotation, type):
        yield annotation
    for each in typing.get_args(annotation):
        yield from _classes(each)
