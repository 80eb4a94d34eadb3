"""What activities and workflows check alike about the function they decorate."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import Any, Final

from continuum.codec.hints import caller_location
from continuum.errors import DefinitionError

MAX_NAME: Final = 255


def registered_name(fn: Callable[..., Any], name: object, at: str) -> str:
    """The explicit name, or `module:qualname`.

    A script run with `python -m shop` is `shop`, not `__main__`, so that its runs are found by
    workers that import it; a plain `python shop.py` has no importable name and stays `__main__`.

    Raises:
        DefinitionError: a lambda without a name, or a name that cannot be registered.
    """
    if name is None:
        if fn.__name__ == "<lambda>":
            raise DefinitionError(f"{at}: a lambda needs an explicit name=")
        return f"{module_name(fn.__module__)}:{fn.__qualname__}"
    if not isinstance(name, str) or not name or len(name) > MAX_NAME or not name.isprintable():
        raise DefinitionError(f"{at}: a name is 1 to {MAX_NAME} printable characters, not {name!r}")
    return name


def module_name(module: str) -> str:
    """The importable name of a module, also for `python -m`."""
    if module != "__main__":
        return module
    spec = getattr(sys.modules.get("__main__"), "__spec__", None)
    name: str | None = getattr(spec, "name", None)
    return name or module


def refuse_non_functions(fn: object, decorator: str, at: str) -> None:
    """Only plain functions have a signature, a source and a stable name.

    Raises:
        DefinitionError: a class, a method object, a generator function or anything else.
    """
    if not inspect.isfunction(fn):
        raise DefinitionError(f"{at}: @{decorator} decorates a function, not {fn!r:.80}")
    if inspect.isgeneratorfunction(fn) or inspect.isasyncgenfunction(fn):
        raise DefinitionError(
            f"{at}: @{decorator} cannot decorate a generator: {fn.__qualname__}",
            hint="return a list; a generator's position cannot be journaled",
        )


def refuse_unknown(decorator: str, given: Iterable[str], known: Iterable[str]) -> None:
    """An option that does not exist is no option that is ignored.

    Raises:
        DefinitionError: with file and line, and the option that may be meant.
    """
    known = list(known)
    for name in given:
        if name not in known:
            near = get_close_matches(name, known, 1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
            raise misplaced(f"@{decorator} has no option {name!r}", hint)


def misplaced(text: str, hint: str | None = None) -> DefinitionError:
    """The error of a wrong value in a call, with the place of that call."""
    at = caller_location()
    return DefinitionError(f"{at}: {text}" if at else text, hint=hint)
