"""What JSON of a type looks like, for people who have to write some: its shape, and a template."""

from __future__ import annotations

import json
import types
import typing
from collections import abc
from typing import Any, Final

from continuum.versions.schemas import UNIONS, Layout, Types, Unresolved, layout_of

_DEPTH: Final = 4
"""Classes inside one another that are written out; a deeper one is only named."""
_OBJECTS: Final = (dict, abc.Mapping, abc.MutableMapping)
_ARRAYS: Final = (
    list, tuple, set, frozenset, abc.Sequence, abc.MutableSequence, abc.Collection, abc.Iterable,
    abc.Set, abc.MutableSet,
)  # fmt: skip


def shape(annotation: Any) -> str:
    """A type as people read it.

    Example:
        >>> shape(list[int] | None)
        'None | list[int]'
    """
    inner = _Shape()
    text = inner.text(annotation)
    named = isinstance(annotation, type) and text.startswith(("{", "["))
    return f"{annotation.__name__}: {text}" if named else text


def template(annotation: Any) -> Any:
    """A JSON value of a type in which null stands for whatever must be filled in.

    Fields with a default are left out.

    Example:
        >>> template(tuple[int, list[str]])
        [None, []]
    """
    return _filled(annotation, ())


class _Shape(Types):
    """Classes as JSON objects and arrays of what they hold."""

    def __init__(self) -> None:
        self._inside: list[type] = []

    def text(self, annotation: Any) -> str:
        """One annotation; of literals the values as JSON has them."""
        if typing.get_origin(annotation) is typing.Literal:
            return _values(typing.get_args(annotation))
        return super().text(annotation)

    def _structured(self, cls: type, layout: Layout) -> str:
        if layout.word.startswith("enum"):
            of: Any = cls
            return _values([each.value for each in of])
        if cls in self._inside or len(self._inside) >= _DEPTH:
            return cls.__qualname__
        self._inside.append(cls)
        parts = [f"{_json(name)}: {_json(value)}" if name else _json(value)
                 for name, value in _tag(cls)]  # fmt: skip
        for each in layout.fields:
            default = "" if each.required else " = default"
            name = f"{_json(each.name)}: " if each.name else ""
            parts.append(f"{name}{self.text(each.type)}{default}")
        self._inside.pop()
        left, right = "[]" if layout.word.startswith("array") else "{}"
        return f"{left}{', '.join(parts)}{right}"


def _filled(annotation: Any, inside: tuple[type, ...]) -> Any:
    if annotation is None or isinstance(annotation, str | Unresolved):
        return None
    inner = getattr(annotation, "__supertype__", None)  # of a NewType
    if inner is None and type(annotation).__name__ == "TypeAliasType":
        inner = annotation.__value__
    if inner is not None:
        return _filled(inner, inside)
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in UNIONS:
        if types.NoneType in arguments:
            return None
        filled = [_filled(each, inside) for each in arguments]
        return next((each for each in filled if each is not None), None)
    if origin is typing.Literal:
        return arguments[0] if len(arguments) == 1 else None
    if origin is typing.Annotated or str(getattr(origin, "_name", "")).endswith("Required"):
        return _filled(arguments[0], inside)
    if origin is tuple and Ellipsis not in arguments:
        return [_filled(each, inside) for each in arguments]
    cls = annotation if origin is None else origin
    layout = layout_of(cls)
    return _plain(cls) if layout is None else _structured(cls, layout, inside)


def _plain(cls: Any) -> Any:
    return {} if cls in _OBJECTS else [] if cls in _ARRAYS else None


def _structured(cls: Any, layout: Layout, inside: tuple[type, ...]) -> Any:
    if layout.word.startswith("enum"):
        members = [each.value for each in cls]
        return members[0] if len(members) == 1 else None
    if cls in inside:
        return None
    inside = (*inside, cls)
    fields = [(each.name, _filled(each.type, inside)) for each in layout.fields if each.required]
    parts = [*_tag(cls), *fields]
    if layout.word.startswith("array"):
        return [value for _, value in parts]
    return dict(parts)


def _tag(cls: Any) -> list[tuple[str, Any]]:
    """By what JSON tells a class from others of a union."""
    config = getattr(cls, "__struct_config__", None)
    if config is None or config.tag is None:
        return []
    return [("" if config.array_like else config.tag_field, config.tag)]


def _values(values: typing.Iterable[Any]) -> str:
    return " | ".join(map(_json, values))


def _json(value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError):  # the value of an enum's member may be anything
        return str(value)
