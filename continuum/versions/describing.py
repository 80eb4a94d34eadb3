"""Values as text: immutable ones by their contents, the application's code by its definition."""

from __future__ import annotations

import dataclasses
import enum
import functools
import re
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from types import (
    BuiltinFunctionType,
    EllipsisType,
    FunctionType,
    GenericAlias,
    MappingProxyType,
    MethodType,
    ModuleType,
    NoneType,
)
from typing import Any, Final, cast
from uuid import UUID
from zoneinfo import ZoneInfo

from continuum.versions.belonging import distribution, is_application
from continuum.versions.naming import Found, kind_of, loaded, module_name
from continuum.versions.text import Definition, Mention, of_class, of_expression, of_function

Pieces = list[str | Definition]

_BY_REPR: Final = frozenset({
    bool, int, float, complex, str, bytes, range, NoneType, EllipsisType, date, datetime, time,
    timedelta, timezone, Decimal, Fraction, UUID, ZoneInfo,
})  # fmt: skip


def found_pieces(found: Found, near: str) -> tuple[Pieces, str | None]:
    """What a name means, as text, and what of it cannot be seen.

    Args:
        found: the meaning.
        near: the module that mentions it.
    """
    if found.dotted is not None:
        return [_foreign(found.dotted)], None
    if isinstance(found.value, ModuleType):
        return [f"module {found.value.__name__!r}"], "a module whose attribute is not known"
    if found.rebound:
        written = [] if found.written is None else [of_expression(*found.written)]
        return ["global ", *written], "which functions assign"
    if found.written is None or not _is_made(found.value, near):
        known = value_pieces(found.value, near)
        if known is not None:
            return known, None
    value = found.value
    kind = cast("type[Any]", type(value))
    changes = _may_change(value, near)
    if found.written is not None:
        names, name = found.written
        cls = of_class(kind) if is_own_class(kind, near) else None
        pieces: Pieces = [of_expression(names, name)]
        return ([*pieces, " of ", cls] if cls else pieces), changes
    if is_own_class(kind, near):
        cls = of_class(kind)
        return ["object of ", cls or kind.__qualname__], changes or f"a {kind.__qualname__}"
    return [f"object of {_foreign(f'{kind.__module__}.{kind.__qualname__}')}"], (
        changes or f"a {kind.__qualname__}"
    )


def value_pieces(value: Any, near: str) -> Pieces | None:
    """A value that cannot change, or a function or class; None for everything else."""
    kind = cast("type[Any]", type(value))
    if kind in _BY_REPR:
        return [f"{kind.__name__}:{value!r}"]
    declared = kind_of(value)
    if declared is not None:
        return [Mention.of(declared, value)]
    if issubclass(kind, type):
        return _class(value, near)
    if kind is FunctionType:
        return _function(value, near)
    if issubclass(kind, enum.Enum):
        return _joined("enum", [_class(kind, near), [repr(value.name or value.value)]])
    if issubclass(kind, tuple):
        items = cast("tuple[Any, ...]", value)
        made = _class(cast("type[Any]", kind), near)
        return _joined("tuple", [made, *(value_pieces(v, near) for v in items)])
    if kind is frozenset:
        return _unordered([value_pieces(each, near) for each in value])
    if kind is MappingProxyType:
        return _joined("mapping", [value_pieces(pair, near) for pair in value.items()])
    if kind is re.Pattern:
        return [f"pattern:{value.pattern!r}:{value.flags}"]
    if kind is functools.partial:
        parts = (value.func, value.args, tuple(value.keywords.items()))
        return _joined("partial", [value_pieces(each, near) for each in parts])
    if kind is MethodType:
        return _joined("method", [value_pieces(e, near) for e in (value.__func__, value.__self__)])
    if issubclass(kind, ModuleType):
        return [f"module {value.__name__!r}"]
    if kind is GenericAlias:
        return _joined(
            "generic", [value_pieces(e, near) for e in (value.__origin__, value.__args__)]
        )
    if dataclasses.is_dataclass(kind) and kind.__dataclass_params__.frozen:
        fields = [getattr(value, each.name, None) for each in dataclasses.fields(kind)]
        return _joined("object", [_class(kind, near), *(value_pieces(v, near) for v in fields)])
    inner = wrapped(value)
    if isinstance(inner, FunctionType):
        top = kind.__module__.partition(".")[0]
        return [f"wrapped {_foreign(top)} ", *_function(inner, near)]
    if kind is BuiltinFunctionType and isinstance(value.__self__, ModuleType | NoneType):
        return [_foreign(f"{value.__module__}.{value.__qualname__}")]
    return None


def _function(fn: FunctionType, near: str) -> Pieces:
    if _is_own_function(fn, near):
        return [of_function(fn)]
    inner = wrapped(fn)
    if isinstance(inner, FunctionType):  # such as contextlib.contextmanager makes
        top = module_name(fn.__globals__).partition(".")[0]
        return [f"wrapped {_foreign(top)} ", *_function(inner, near)]
    return [_foreign(f"{fn.__module__}.{fn.__qualname__}")]


def _is_own_function(fn: FunctionType, near: str) -> bool:
    return is_application(module_name(fn.__globals__), fn.__code__.co_filename, near)


def _class(cls: type, near: str) -> Pieces:
    known = of_class(cls) if is_own_class(cls, near) else None
    return [_foreign(f"{cls.__module__}.{cls.__qualname__}") if known is None else known]


def _is_made(value: object, near: str) -> bool:
    """Whether a call made it that tells more than it does: a named tuple, a cached function."""
    kind = cast("type[Any]", type(value))
    if issubclass(kind, type):
        cls = cast("type[Any]", value)
        known = of_class(cls) if is_own_class(cls, near) else None
        return known is not None and known.class_node() is None
    if kind is FunctionType:
        return not _is_own_function(cast("FunctionType", value), near) and _wraps(value)
    return kind_of(value) is None and _wraps(value)


def _wraps(value: object) -> bool:
    return isinstance(wrapped(value), FunctionType)


def wrapped(value: object) -> object:
    """What a decorated function stands for, as `functools.wraps` tells."""
    try:
        return getattr(value, "__wrapped__", None)
    except Exception:  # a proxy that is bound to nothing now
        return None


def is_own_class(cls: type, near: str) -> bool:
    """Whether it is a class of the application, seen from a module of it."""
    module = loaded(cls.__module__)
    file = getattr(module, "__file__", None)
    return module is not None and is_application(cls.__module__, file, near)


def _foreign(dotted: str) -> str:
    """Of other packages also the version counts: it stands for their code."""
    version = distribution(dotted.partition(".")[0])
    return f"foreign {dotted!r} {version}" if version else f"foreign {dotted!r}"


def _may_change(value: Any, near: str) -> str | None:
    kind = cast("type[Any]", type(value))
    if issubclass(kind, list | dict | set | bytearray) or is_own_class(kind, near):
        return f"a {kind.__qualname__}, which can change"
    return None


def _joined(word: str, parts: Iterable[Pieces | None]) -> Pieces | None:
    pieces: Pieces = [f"{word}("]
    for part in parts:
        if part is None:
            return None
        pieces += [*part, ","]
    return [*pieces, ")"]


def _unordered(parts: list[Pieces | None]) -> Pieces | None:
    """In an order that is the same in every process."""
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        return None
    return _joined("frozenset", sorted(known, key=_sortable))


def _sortable(pieces: Pieces) -> list[str]:
    return [
        each if isinstance(each, str) else f"{each.names.module}:{each.name}" for each in pieces
    ]
