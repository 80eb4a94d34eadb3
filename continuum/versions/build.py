"""The build fingerprint: has any application source changed since a run drifted?

It covers the modules that define the workflows and every application module that these import,
directly or not, so it does not depend on what else a process happens to have imported.
"""

from __future__ import annotations

import ast
import hashlib
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

from continuum.versions.belonging import is_installed
from continuum.versions.runtime import runtime_tag


class Versioned(Protocol):
    """What the fingerprint needs of a workflow."""

    @property
    def name(self) -> str: ...
    @property
    def version_hash(self) -> str: ...
    @property
    def fn(self) -> Any: ...


def build_fingerprint(workflows: Iterable[Versioned]) -> str:
    """SHA-256 (hex) of the application's source as loaded; the same wherever it is installed.

    Args:
        workflows: every workflow the node has loaded.
    """
    workflows = list(workflows)
    digest = hashlib.sha256(runtime_tag().encode())
    for workflow in sorted(workflows, key=lambda each: (each.name, each.version_hash)):
        digest.update(f"\nworkflow {workflow.name} {workflow.version_hash}".encode())
    for name, module in sorted(
        application_modules({each.fn.__module__ for each in workflows}).items()
    ):
        source = Path(module.__file__ or "").read_bytes()
        digest.update(f"\nmodule {name} {hashlib.sha256(source).hexdigest()}".encode())
    return digest.hexdigest()


def application_modules(roots: set[str]) -> dict[str, ModuleType]:
    """These modules and every application module that they import when loaded, by name."""
    own = {root.partition(".")[0] for root in roots} - {"continuum"}
    found: dict[str, ModuleType] = {}
    todo = sorted(roots)
    while todo:
        name = todo.pop()
        module = sys.modules.get(name)
        if module is None or name in found or not _has_source(module):
            continue
        if name in roots or _is_application(module, own):
            found[name] = module
            todo.extend(_imported(name, module))
    return found


def _imported(name: str, module: ModuleType) -> set[str]:
    """Names that the module's source imports when it is loaded, and its own package.

    The source is asked, not the module's attributes: a package's attributes include every
    submodule that anybody has imported.
    """
    package = name if hasattr(module, "__path__") else name.rpartition(".")[0]
    names = {name.rpartition(".")[0]}
    try:
        tree = ast.parse(Path(module.__file__ or "").read_bytes())
    except (SyntaxError, ValueError):  # changed since it was loaded
        return names
    for statement in _loaded_statements(tree.body):
        if isinstance(statement, ast.Import):
            for alias in statement.names:
                names.update(_with_parents(alias.name))
        elif isinstance(statement, ast.ImportFrom):
            base = _absolute(statement, package)
            names.update(_with_parents(base))
            names.update(f"{base}.{alias.name}" for alias in statement.names)
    return names


def _loaded_statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements that run when the module is loaded."""
    for statement in body:
        yield statement
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            continue
        if isinstance(statement, ast.If) and "TYPE_CHECKING" in ast.unparse(statement.test):
            yield from _loaded_statements(statement.orelse)
            continue
        for field in ("body", "orelse", "finalbody"):
            yield from _loaded_statements(getattr(statement, field, []))
        for handler in getattr(statement, "handlers", []):
            yield from _loaded_statements(handler.body)


def _absolute(statement: ast.ImportFrom, package: str) -> str:
    if not statement.level:
        return statement.module or ""
    parts = package.split(".")
    parts = parts[: len(parts) - statement.level + 1]
    return ".".join([*parts, statement.module] if statement.module else parts)


def _with_parents(name: str) -> Iterator[str]:
    """`a.b.c`, `a.b`, `a`."""
    while name:
        yield name
        name = name.rpartition(".")[0]


def _is_application(module: ModuleType, own: set[str]) -> bool:
    top = module.__name__.partition(".")[0]
    return top in own or (top != "continuum" and not is_installed(Path(module.__file__ or "")))


def _has_source(module: ModuleType) -> bool:
    file = getattr(module, "__file__", None)
    return isinstance(file, str) and file.endswith(".py") and Path(file).is_file()
