"""The version hash of a workflow function.

Exact: two functions have one hash if and only if their normalised trees are equal. Helpers that
the function calls are not followed here.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
from collections.abc import Callable, Iterator
from functools import lru_cache
from types import CodeType
from typing import Any

from continuum.versions.normalise import find_function, normalised


def version_hash(fn: Callable[..., Any]) -> str:
    """SHA-256 (hex) of what the function does, equal on every supported Python.

    Without source (a REPL, `exec`, byte code only) the byte code is hashed, which is the same
    only on one Python minor.
    """
    text = "\n".join(map(_text, _wrapped(fn)))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _wrapped(fn: Any) -> Iterator[Callable[..., Any]]:
    """The function and what it wraps: both decide (`functools.wraps` tells of the inner one)."""
    while fn is not None:
        yield fn
        fn = getattr(fn, "__wrapped__", None)


def _text(fn: Callable[..., Any]) -> str:
    text = _normalised_source(fn)
    return "bytecode " + _bytecode(fn.__code__, fn.__doc__) if text is None else text


def _normalised_source(fn: Callable[..., Any]) -> str | None:
    try:
        lines, _ = inspect.findsource(fn)
        tree = _parsed("".join(lines))
    except (OSError, TypeError, SyntaxError, ValueError):
        return None
    code = fn.__code__
    function = find_function(tree, code.co_name, code.co_firstlineno)
    return None if function is None else normalised(function)


@lru_cache(maxsize=4)
def _parsed(source: str) -> ast.Module:
    """One module defines many workflows, decorated one after the other."""
    return ast.parse(source)


def _bytecode(code: CodeType, docstring: str | None) -> str:
    constants = [each for each in code.co_consts if docstring is None or each != docstring]
    return repr((
        code.co_code.hex(),
        [_constant(each) for each in constants],
        code.co_names,
        code.co_varnames,
        code.co_freevars,
    ))  # fmt: skip


def _constant(value: Any) -> str:
    if isinstance(value, CodeType):
        return _bytecode(value, None)
    if isinstance(value, frozenset):  # its order differs between processes
        return f"frozenset{sorted(map(repr, value))}"  # pyright: ignore[reportUnknownArgumentType]
    return repr(value)
