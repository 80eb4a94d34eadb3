"""The canonical text of one definition, with places where the texts of others belong."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from types import CodeType, FunctionType
from typing import Any, cast

from continuum.versions.naming import Names, loaded, module_name, names_of
from continuum.versions.schemas import Boundary
from continuum.versions.source import FunctionNode


@dataclass(frozen=True, slots=True)
class Definition:
    """A function, class or global expression of the application; equal when it is the same one.

    Attributes:
        key: what tells it from others.
        value: the function or class, None for an expression.
        names: of the module that it belongs to.
        name: qualified name within that module.
    """

    key: tuple[str, Any]
    value: Any = field(compare=False)
    names: Names = field(compare=False)
    name: str = field(compare=False)

    def function_nodes(self) -> Sequence[FunctionNode | ast.Lambda]:
        """Where a function is defined; of a lambda all on its line; nothing without source."""
        source = self.names.source
        found = None if source is None else source.function(self.value.__code__)
        return found if isinstance(found, list) else [] if found is None else [found]

    def class_node(self) -> ast.ClassDef | None:
        """Where a class is defined."""
        source = self.names.source
        return None if source is None else source.class_(self.name)


@dataclass(frozen=True, slots=True, order=True)
class Site:
    """A place in the source."""

    name: str
    file: str
    line: int


class Mention(str):
    """The text of an activity or workflow that is mentioned, and which it is."""

    __slots__ = ("declared",)
    declared: Any

    @classmethod
    def of(cls, kind: str, declared: Any) -> Mention:
        """An activity or a workflow, known by its registered name."""
        mention = cls(f"{kind} {declared.name!r}")
        mention.declared = declared
        return mention


@dataclass(slots=True)
class Text:
    """What is written of one definition.

    Attributes:
        pieces: text, and the definitions that it mentions.
        declared: the activities and workflows that it mentions.
        typed: the values that it takes from outside by a type of its own, such as signals.
        sites: its mentions of patches, decided or not.
        branched: by name of an undecided patch, the statements and expressions that it decides.
        opaque: what decides but cannot be seen.
        unknown: attributes of objects whose class is not known.
        complete: whether every name in it has a value.
    """

    pieces: list[str | Definition] = field(default_factory=list)
    declared: list[Mention] = field(default_factory=list)
    typed: list[Boundary] = field(default_factory=list)
    sites: list[Site] = field(default_factory=list)
    branched: dict[str, list[list[str | Definition]]] = field(
        default_factory=dict[str, list[list["str | Definition"]]]
    )
    opaque: list[Site] = field(default_factory=list)
    unknown: list[Site] = field(default_factory=list)
    complete: bool = True

    def join(self) -> None:
        """Make one piece of adjacent ones."""
        self.declared = [each for each in self.pieces if isinstance(each, Mention)]
        joined: list[str | Definition] = []
        for is_text, group in groupby(self.pieces, lambda each: isinstance(each, str)):
            together = list(group)
            joined += ["".join(cast("list[str]", together))] if is_text else together
        self.pieces = joined


def of_function(fn: FunctionType) -> Definition:
    """The definition of a loaded function, with the values of the names around it."""
    cells: dict[str, Any] = {}
    add_cells(cells, fn)
    names = Names(
        module_name(fn.__globals__), fn.__globals__, file_of(fn.__code__, fn.__globals__), cells
    )
    return Definition(("object", _Identity(fn)), fn, names, fn.__qualname__)


def of_class(cls: type) -> Definition | None:
    """The definition of a class; None when its module is unknown."""
    module = loaded(cls.__module__)
    if module is None:
        return None
    names = names_of(module)
    cells: dict[str, Any] = {}
    for member in vars(cls).values():
        inner = getattr(member, "__func__", getattr(member, "fget", member))
        if isinstance(inner, FunctionType):
            add_cells(cells, inner)
    cells.pop("__class__", None)
    known = Names(names.module, names.values, names.file, cells)
    return Definition(("object", _Identity(cls)), cls, known, cls.__qualname__)


def of_expression(names: Names, name: str) -> Definition:
    """The expression that a global is assigned."""
    return Definition(("expression", (names.module, name)), None, names, name)


def add_cells(cells: dict[str, Any], fn: FunctionType) -> None:
    """Add the values of a function's free names; one that has none yet is left out."""
    for name, cell in zip(fn.__code__.co_freevars, fn.__closure__ or (), strict=True):
        try:
            cells[name] = cell.cell_contents
        except ValueError:
            continue


def file_of(code: CodeType, values: Any) -> str | None:
    """Where code was read; a name in angle brackets is no file."""
    file = code.co_filename
    return None if file.startswith("<") else file


class _Identity:
    """Tells objects apart by identity, and keeps them alive while it does."""

    __slots__ = ("_of",)

    def __init__(self, of: object) -> None:
        self._of = of

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Identity) and self._of is other._of

    def __hash__(self) -> int:
        return id(self._of)
