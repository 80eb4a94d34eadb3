"""Loads modules from text, as an application would load them from files."""

from __future__ import annotations

import itertools
import linecache
import sys
from textwrap import dedent
from types import ModuleType
from typing import Any

from continuum.versions.hashing import VersionedCode

_numbers = itertools.count()


def load(source: str, name: str | None = None) -> ModuleType:
    """A module with this source; without a name it gets one that nobody else has."""
    number = next(_numbers)
    name = name or f"generated_{number}"
    file = f"/generated/{number}/{name.replace('.', '/')}.py"
    source = dedent(source)
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    module = ModuleType(name)
    module.__file__ = file
    sys.modules[name] = module
    exec(compile(source, file, "exec", dont_inherit=True), vars(module))
    return module


def code(source: str, name: str = "flow") -> VersionedCode:
    """The versions of a function of a fresh module with this source."""
    found: Any = getattr(load(source), name)
    return VersionedCode(getattr(found, "fn", found))


def hash_of(source: str, *taken: str) -> str:
    """The hash of `flow` in a fresh module, with these patches taken."""
    return code(source).hash(taken)
