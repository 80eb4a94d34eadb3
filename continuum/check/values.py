"""What an expression can mean, as far as the source tells."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import Any, Final

from continuum.check.forbidden import code_of
from continuum.check.modules import Module
from continuum.check.names import Scope


@dataclass(frozen=True, slots=True)
class External:
    """Something outside the application, by its dotted name; `made`: an object it made."""

    name: str
    made: bool = False


@dataclass(frozen=True, slots=True)
class Function:
    """A function of the application."""

    scope: Scope
    node: Any
    owner: ast.ClassDef | None = None


@dataclass(frozen=True, slots=True)
class Class:
    """A class of the application."""

    scope: Scope
    node: ast.ClassDef


@dataclass(frozen=True, slots=True)
class Instance:
    """An object of a class of the application."""

    of: Class


@dataclass(frozen=True, slots=True)
class Package:
    """A module of the application, or (without one) a directory of modules."""

    name: str
    module: Module | None


@dataclass(frozen=True, slots=True)
class Container:
    """A list, dict, set or frozenset; `unordered` for the last two."""

    unordered: bool = False


@dataclass(frozen=True, slots=True)
class Declared:
    """An activity or a workflow."""

    function: Function


Value = External | Function | Class | Instance | Package | Container | Declared

SET: Final = Container(unordered=True)
LIST: Final = Container()
_UNREPEATABLE: Final = frozenset({"CTM001", "CTM002", "CTM003"})


def is_import_time(value: Value) -> bool:
    """Whether it was read from clock, chance or environment when its module was imported."""
    return isinstance(value, External) and value.made and code_of(value.name) in _UNREPEATABLE
