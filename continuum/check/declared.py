"""Where `@workflow` asks for the check, which is loaded only when it is wanted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from continuum.settings import check_mode


def check_declared(fn: Callable[..., Any]) -> None:
    """Warn of what the function, or a helper it reaches, does that cannot be repeated.

    Does nothing without source, for installed packages, and with CONTINUUM_CHECK=off.

    Raises:
        DefinitionError: something was found and CONTINUUM_CHECK=error.
    """
    mode = check_mode()
    if mode != "off":
        from continuum.check.declaring import check_function

        check_function(fn, refuse=mode == "error")
