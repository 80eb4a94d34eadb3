"""What the names in code mean: resolved in the loaded application, written as its source says.

A name of another package is known by the import that brought it ("asyncio.gather"), whatever
alias it has and wherever that package keeps it. Everything else is known by its value.
"""

from __future__ import annotations

import builtins
import importlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import ModuleType
from typing import Any, Final

from continuum.check.names import Binding
from continuum.versions.belonging import is_application
from continuum.versions.source import Source, source_of

_DEPTH: Final = 32
_DECLARE: Final = "continuum.declare."


@dataclass(frozen=True, slots=True)
class Found:
    """The meaning of a name.

    Attributes:
        dotted: of something outside the application, its dotted name.
        value: of everything else.
        written: the module and global name under which a value is assigned exactly once.
        rebound: whether functions assign another value to the global.
    """

    dotted: str | None = None
    value: Any = None
    written: tuple[Names, str] | None = None
    rebound: bool = False

    def member(self, name: str) -> Found | None:
        """What a name of a module of the application means."""
        return names_of(self.value).member(name) if isinstance(self.value, ModuleType) else None


class Names:
    """The names that code of one module can mention.

    Args:
        module: dotted name of that module.
        values: its globals.
        file: its source.
        cells: names of the functions around the code, with their values.
    """

    def __init__(
        self,
        module: str,
        values: Mapping[str, Any],
        file: str | None,
        cells: Mapping[str, Any] | None = None,
    ) -> None:
        self.module = module
        self.values = values
        self.file = file
        self.cells = cells or {}

    @cached_property
    def source(self) -> Source | None:
        """The parsed source of the module."""
        return None if self.file is None else source_of(self.file, self.values)

    def find(self, name: str) -> Found | None:
        """What a name means that the code does not bind itself; None when it has no value."""
        if name in self.cells:
            return Found(value=self.cells[name])
        if name in self.values:
            return self.member(name)
        if hasattr(builtins, name):
            return Found(f"builtins.{name}")
        return None

    def member(self, name: str, depth: int = 0) -> Found | None:
        """What a global of the module means, also seen from another module."""
        if name not in self.values:
            inner = sys.modules.get(f"{self.module}.{name}")
            return self._lazy(name) if inner is None else self._of_module(inner.__name__)
        value = self.values[name]
        if name.startswith("__") and name.endswith("__"):
            return Found(f"builtins.{name}")
        if is_declared(value):
            return Found(value=value)
        source = self.source
        bindings = () if source is None else source.scope.bindings.get(name, ())
        if source is not None and depth < _DEPTH:
            for binding in (*bindings, *source.scope.stars):
                found = self.imported(binding, name, depth + 1)
                if found is not None and (found.dotted or found.value is value):
                    return found
        if isinstance(value, ModuleType):
            return self._of_module(value.__name__)
        if source is None:
            return Found(value=value)
        once = len(bindings) == 1 and bindings[0].kind in ("value", "typed")
        written = (self, name) if once else None
        return Found(value=value, written=written, rebound=name in source.rebound)

    def _lazy(self, name: str) -> Found | None:
        """What a module's `__getattr__` makes of a name."""
        make = self.values.get("__getattr__")
        try:
            return None if make is None else Found(value=make(name))
        except Exception:  # whatever it raises
            return None

    def expression(self, name: str) -> Any:
        """The expression that a global is assigned."""
        source = self.source
        assert source is not None
        (binding,) = source.scope.bindings[name]
        return binding.other if binding.kind == "typed" else binding.node

    def imported(self, binding: Binding, name: str, depth: int = 0) -> Found | None:
        """What an import statement brings; None when it is none, or brings nothing."""
        if binding.kind == "import":
            return self._of_module(binding.name)
        if binding.kind != "from":
            return None
        base = self._absolute(binding.node.level, binding.node.module)
        member = name if binding.name == "*" else binding.name
        module = loaded(base)
        if module is None or not self._is_ours(module):
            if binding.name == "*" and not hasattr(module, member):
                return None
            return Found(f"{base}.{member}")
        others = names_of(module)
        if member not in others.values and binding.name != "*":
            loaded(f"{base}.{member}")
        return others.member(member, depth)

    def _of_module(self, name: str) -> Found:
        module = loaded(name)
        return Found(value=module) if module and self._is_ours(module) else Found(name)

    def _is_ours(self, module: ModuleType) -> bool:
        return is_application(module.__name__, getattr(module, "__file__", None), self.module)

    def _absolute(self, level: int, module: str | None) -> str:
        if not level:
            return module or ""
        package = self.values.get("__package__") or self.module.rpartition(".")[0]
        parts = str(package).split(".")
        parts = parts[: len(parts) - level + 1]
        return ".".join([*parts, module] if module else parts)


def names_of(module: ModuleType) -> Names:
    """The names of a loaded module."""
    values = vars(module)
    return Names(module_name(values), values, values.get("__file__"))


def module_name(values: Mapping[str, Any]) -> str:
    """The importable name of the module with these globals, also under `python -m`."""
    name = str(values.get("__name__", ""))
    spec = values.get("__spec__") if name == "__main__" else None
    return getattr(spec, "name", name)


def loaded(name: str) -> ModuleType | None:
    """A module, imported if it is not yet: the code that mentions it would import it, too."""
    module = sys.modules.get(name)
    if module is None and name:
        try:
            module = importlib.import_module(name)
        except Exception:  # whatever a module raises
            return None
    return module


def is_declared(value: object) -> bool:
    """Whether it is an activity or a workflow."""
    return kind_of(value) is not None


def kind_of(value: object) -> str | None:
    """ "activity" or "workflow" of what is declared as one."""
    kind = type(value)
    return getattr(kind, "declared_as", None) if kind.__module__.startswith(_DECLARE) else None
