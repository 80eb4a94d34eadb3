"""Looks into installed packages for one thing: functions that are marked `@continuum.pure`.

A package is read where Python would import it from, and never imported. Such a function is checked
like one of the application, together with what it reaches in its own package; other packages stay
unseen, for its author vouches for them.
"""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Final

from continuum.check.modules import Module, Project
from continuum.check.resolve import Resolver
from continuum.check.values import Function, Value

_PURE: Final = {"continuum.pure"}


class Installed:
    """The installed packages, each read when a workflow first calls into it.

    Args:
        folders: where packages lie; default where this interpreter looks for them.
    """

    def __init__(self, folders: Iterable[Path] | None = None) -> None:
        self._folders = list(_folders() if folders is None else folders)
        self._packages: dict[str, Resolver] = {}
        self._found: dict[str, tuple[Resolver, Function] | None] = {}

    def pure_function(self, name: str) -> tuple[Resolver, Function] | None:
        """The function of a dotted name if it is marked, and what resolves the names in it."""
        if name not in self._found:
            self._found[name] = self._find(name)
        return self._found[name]

    def _find(self, name: str) -> tuple[Resolver, Function] | None:
        top = name.partition(".")[0]
        resolver = self._packages.get(top)
        if resolver is None:
            resolver = self._packages[top] = Resolver(_OnePackage(top, self._folders))
        first, *rest = name.split(".")
        values: list[Value] = [resolver.module(first)]
        for part in rest:
            values = [each for value in values for each in resolver.attribute(value, part)]
        for value in values:
            if isinstance(value, Function) and resolver.decorated(value, _PURE):
                return resolver, value
        return None


class _OnePackage(Project):
    """The modules of one installed package."""

    def __init__(self, top: str, folders: Iterable[Path]) -> None:
        super().__init__(folders, installed=True)
        self._top = top

    def add_root(self, root: Path) -> None:
        """Nothing else belongs to it."""

    def find(self, name: str) -> Module | None:
        """Only what is below the package."""
        return super().find(name) if name.partition(".")[0] == self._top else None

    def is_package(self, name: str) -> bool:
        """Only what is below the package."""
        return name.partition(".")[0] == self._top and super().is_package(name)


@cache
def _folders() -> tuple[Path, ...]:
    """The directories of `sys.path`, without the standard library's."""
    own = {Path(sysconfig.get_path(each)).resolve() for each in ("stdlib", "platstdlib")}
    paths = dict.fromkeys(Path(each or ".").resolve() for each in sys.path)
    return tuple(
        path for path in paths
        if path.is_dir() and path not in own and path.name != "lib-dynload"
    )  # fmt: skip
