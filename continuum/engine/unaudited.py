"""Gives an audit event to the two effects that CPython before 3.13 does without one.

`time.sleep` and the start of a thread raise no audit event on older releases, so a guard that
listens to events would miss them. Both functions are replaced by a wrapper that reports first,
in their own module and wherever a loaded module has imported them by name.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any, Final

_FUNCTIONS: Final = (("time", "sleep"), ("_thread", "start_new_thread"))


def report_unaudited(hook: Callable[[str, tuple[Any, ...]], None]) -> None:
    """Make the functions call `hook(event, args)` before they act.

    Args:
        hook: as for `sys.addaudithook`; what it raises reaches the caller.
    """
    if sys.version_info >= (3, 13):
        return
    wrappers = {
        id(original): _reporting(original, f"{module}.{name}", hook)
        for module, name in _FUNCTIONS
        if (original := getattr(sys.modules.get(module), name, None)) is not None
    }
    for module in list(sys.modules.values()):
        names: dict[str, Any] = getattr(module, "__dict__", None) or {}
        for name, value in list(names.items()):
            if id(value) in wrappers:
                names[name] = wrappers[id(value)]


def _reporting(
    original: Callable[..., Any], event: str, hook: Callable[[str, tuple[Any, ...]], None]
) -> Callable[..., Any]:
    @functools.wraps(original)
    def function(*args: Any, **options: Any) -> Any:
        hook(event, args)
        return original(*args, **options)

    return function
