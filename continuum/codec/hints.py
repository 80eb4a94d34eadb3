"""Reads a function's annotations, also those whose names do not exist yet.

Annotations are resolved when the function is decorated, with the names of its module and of the
functions around it. What the module defines further down is looked up again at first use.
"""

from __future__ import annotations

import inspect
import sys
import typing
from collections import abc
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from types import CodeType
from typing import Any, Final, NamedTuple

import msgspec

from continuum.codec.models import dec_hook, is_model
from continuum.errors import DefinitionError

_PACKAGE: Final = str(Path(__file__).parent.parent)
_ASYNCIO: Final = str(Path(inspect.__file__).parent / "asyncio")

_ABSTRACT: Final = frozenset({
    abc.Sequence, abc.MutableSequence, abc.Collection, abc.Iterable, abc.Set, abc.MutableSet,
})  # fmt: skip
_STRUCTURED: Final = (
    "__dataclass_fields__", "_fields", "__struct_fields__", "__attrs_attrs__",
)  # fmt: skip


class Hints:
    """The resolved annotations of one function.

    Args:
        fn: the function.
        where: "file.py:12", for errors.
    """

    __slots__ = ("_fn", "_locals", "_resolved", "where")

    def __init__(self, fn: Callable[..., Any], where: str) -> None:
        self._fn = fn
        self.where = where
        self._locals: Mapping[str, Any] = {}
        self._resolved: dict[str, Any] | None = None
        try:
            self._resolved = typing.get_type_hints(fn, include_extras=True)
        except NameError:
            self._locals = _enclosing_names(fn)
            self._resolved = self._try_again()
        except Exception as error:
            raise DefinitionError(f"{where}: bad annotation: {error}") from error

    @property
    def ready(self) -> bool:
        """Whether every name exists."""
        return self._resolved is not None

    def resolve(self) -> dict[str, Any]:
        """Parameter name (or "return") to annotation.

        Raises:
            DefinitionError: a name still does not exist.
        """
        if self._resolved is None:
            try:
                self._resolved = self._get()
            except NameError as error:
                raise DefinitionError(
                    f"{self.where}: annotation names {error.name!r}, which does not exist",
                    hint="import it at run time, not only under TYPE_CHECKING",
                ) from error
            self._locals = {}
        return self._resolved

    def _try_again(self) -> dict[str, Any] | None:
        try:
            return self._get()
        except NameError:
            return None

    def _get(self) -> dict[str, Any]:
        return typing.get_type_hints(self._fn, localns=dict(self._locals), include_extras=True)


def where_of(fn: Callable[..., Any]) -> str:
    """File and line of a function, relative to the current directory when below it."""
    code = getattr(inspect.unwrap(fn), "__code__", None)
    if code is None:
        return getattr(fn, "__qualname__", repr(fn))
    file = Path(code.co_filename)
    if file.is_relative_to(Path.cwd()):
        file = file.relative_to(Path.cwd())
    return f"{file}:{code.co_firstlineno}"


def caller_location() -> str | None:
    """ "file.py:12" of the innermost frame that is neither ours nor asyncio's."""
    frame = sys._getframe(1)
    while frame is not None:
        if not is_internal(frame.f_code):
            return f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}"
        frame = frame.f_back
    return None


def is_internal(code: CodeType) -> bool:
    """Whether code is ours, asyncio's, or the import machinery's."""
    return code.co_filename.startswith((_ASYNCIO, _PACKAGE, "<frozen"))


def source_of(fn: Callable[..., Any]) -> str:
    """ "shop/flows.py:12": where a function is declared, the same on every machine."""
    code = inspect.unwrap(fn).__code__
    file = Path(code.co_filename)
    depth = fn.__module__.count(".") + (2 if file.name == "__init__.py" else 1)
    return f"{'/'.join(file.parts[-depth:])}:{code.co_firstlineno}"


class Restorer(NamedTuple):
    """How values of one annotation are restored.

    `loose` says that the annotation names an abstract sequence somewhere, for which a list and a
    tuple are the same.
    """

    decode: Callable[[bytes], Any]
    loose: bool


def restorer(annotation: Any, where: str) -> Restorer:
    """The restorer for JSON of this annotation.

    Raises:
        DefinitionError: the annotation cannot be restored from plain JSON.
    """
    try:
        return _known_restorer(annotation)
    except _Unsupported as error:
        raise DefinitionError(
            f"{where}: {error}", hint="use types that plain JSON can hold and tell apart"
        ) from error
    except TypeError:  # unhashable: metadata of an Annotated
        return _known_restorer.__wrapped__(annotation)


class _Unsupported(Exception):
    """An annotation that nothing can restore."""


@lru_cache(maxsize=1024)
def _known_restorer(annotation: Any) -> Restorer:
    """Kept, since a workflow may ask for the same type again and again."""
    try:
        decoder = msgspec.json.Decoder(annotation, dec_hook=dec_hook)
    except (TypeError, NameError) as error:
        raise _Unsupported(error) from error
    for part in _parts(annotation):
        if _is_foreign(part):
            name = getattr(part, "__name__", part)
            raise _Unsupported(f"values of type {name} cannot be stored")
    loose = any((typing.get_origin(part) or part) in _ABSTRACT for part in _parts(annotation))
    return Restorer(decoder.decode, loose)


def _enclosing_names(fn: Callable[..., Any]) -> Mapping[str, Any]:
    """Local names of the functions around the definition of `fn`, which are running now."""
    scopes: set[str] = set()
    scope = fn.__qualname__
    while ".<locals>." in scope:
        scope = scope.rpartition(".<locals>.")[0]
        scopes.add(scope)
    names: dict[str, Any] = {}
    frame = sys._getframe(1)
    while frame is not None and scopes:
        if frame.f_code.co_qualname in scopes and frame.f_globals is fn.__globals__:
            names = {**frame.f_locals, **names}
        frame = frame.f_back
    return names


def _parts(annotation: Any) -> typing.Iterator[Any]:
    """The annotation and everything it is made of, each once."""
    seen: list[Any] = []
    todo = [annotation]
    while todo:
        part = todo.pop()
        if any(part is known for known in seen):
            continue
        seen.append(part)
        origin = typing.get_origin(part)
        if not isinstance(part, list):
            yield part
        if origin is typing.Literal or isinstance(part, list):  # values; parameters of a Callable
            continue
        if origin is typing.Annotated:
            todo.append(typing.get_args(part)[0])
            continue
        todo.extend(typing.get_args(part))
        todo.extend(_field_types(part if origin is None else origin))


def _field_types(declared: Any) -> list[Any]:
    if not isinstance(declared, type) or is_model(declared):
        return []
    cls: Any = declared
    if not typing.is_typeddict(cls) and not any(hasattr(cls, mark) for mark in _STRUCTURED):
        return []
    try:
        return list(typing.get_type_hints(declared).values())
    except NameError:
        return []


def _is_foreign(part: Any) -> bool:
    """Whether msgspec knows this class only as "some custom type"."""
    if is_model(part):
        return False
    try:
        return isinstance(msgspec.inspect.type_info(part), msgspec.inspect.CustomType)
    except Exception:  # a part that makes sense only within its whole
        return False
