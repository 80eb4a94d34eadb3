"""What belongs to the application, and what comes from Python or from an installed distribution."""

from __future__ import annotations

import sys
import sysconfig
from functools import cache
from pathlib import Path
from typing import Final

ENGINE: Final = "continuum"


def is_application(module: str, file: str | None, near: str) -> bool:
    """Whether code of a module is the application's own, seen from code of another module.

    Args:
        module: dotted name.
        file: its source, None for built-in modules.
        near: the module that mentions it; code of one package belongs together wherever it is
            installed.
    """
    top = module.partition(".")[0]
    if top == ENGINE:  # of the engine only what lies beside the workflow, as in the demo
        package = near.rpartition(".")[0]
        return module == near or ("." in package and module.rpartition(".")[0] == package)
    if top == near.partition(".")[0]:
        return True
    if file is None:
        return top not in sys.builtin_module_names and top not in sys.stdlib_module_names
    return not is_installed(Path(file))


def is_installed(file: Path) -> bool:
    """Whether it belongs to Python itself or to an installed distribution."""
    if {"site-packages", "dist-packages"} & set(file.parts):
        return True
    return any(file.is_relative_to(folder) for folder in _library())


def distribution(top: str) -> str:
    """Name and version of the distributions that a top-level module comes from.

    Empty for Python's own modules and for the engine: the runtime tag stands for both.
    """
    if top == ENGINE or top in sys.stdlib_module_names or top in sys.builtin_module_names:
        return ""
    from importlib import metadata

    found = sorted(set(_distributions().get(top, ())))
    return ",".join(f"{name.lower()} {metadata.version(name)}" for name in found)


@cache
def _distributions() -> dict[str, list[str]]:
    """It reads the record of every installed distribution, so only when one is reached."""
    from importlib import metadata

    return dict(metadata.packages_distributions())


@cache
def _library() -> tuple[str, ...]:
    paths = sysconfig.get_paths()
    return paths["stdlib"], paths["platstdlib"]
