"""The check at decoration time: the same rules, on the function that was just defined.

Errors are told, each at its own file and line, and that a workflow has many patches. Helpers may
be defined below the workflow: the source decides, not what is loaded so far. Modules are parsed
once in a process, and only those that a workflow reaches.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from continuum.check.modules import Module, Project, import_root
from continuum.check.rules import Finding, Severity
from continuum.check.scan import Scanner, definitions
from continuum.check.values import Function
from continuum.errors import DefinitionError, DeterminismWarning

_project: Final = Project()
_found: Final[dict[int, dict[tuple[str, int], Function]]] = {}
_told: Final[set[Finding]] = set()
_WARNINGS: Final = frozenset({"CTM103"})
"""Warnings that are told at decoration time, too: they are not about what cannot be seen."""


def check_function(fn: Callable[..., Any], *, refuse: bool) -> None:
    """Warn of every error in a function and in what it reaches, once each.

    Raises:
        DefinitionError: there is one, and `refuse`.
    """
    function = _function(fn)
    if function is None:
        return
    scanner = Scanner(_project)
    scanner.check(function, pure=False)
    errors = sorted(f for f in scanner.findings if f.severity is Severity.ERROR)
    if errors and refuse:
        first = errors[0]
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        raise DefinitionError(
            f"{first.path}:{first.line}: {first.code} {first.message}{more}", hint=first.hint
        )
    for each in sorted(f for f in scanner.findings if f in errors or f.code in _WARNINGS):
        if each not in _told:
            _told.add(each)
            text = f"{each.code} {each.message} ({each.hint})"
            warnings.warn_explicit(text, DeterminismWarning, each.path, each.line)


def _function(fn: Callable[..., Any]) -> Function | None:
    code = inspect.unwrap(fn).__code__
    file = Path(code.co_filename)
    if {"site-packages", "dist-packages"} & set(file.parts) or not file.is_file():
        return None
    _project.add_root(import_root(file.resolve()))
    module = _project.open(file)
    return None if module is None else _definitions(module).get((code.co_name, code.co_firstlineno))


def _definitions(module: Module) -> dict[tuple[str, int], Function]:
    """The functions of a module by name and first line, decorators included."""
    known = _found.get(id(module))
    if known is None:
        known = _found[id(module)] = {}
        for each in definitions(module):
            lines = [each.node.lineno, *(d.lineno for d in each.node.decorator_list)]
            known[each.node.name, min(lines)] = each
    return known
