"""The build fingerprint: has any application source changed since a run drifted?

It covers the modules that define the workflows and every application module reachable from
their global names, so it does not depend on what else a process happens to have imported.
"""

from __future__ import annotations

import hashlib
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

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
    for workflow in sorted(workflows, key=lambda each: each.name):
        digest.update(f"\nworkflow {workflow.name} {workflow.version_hash}".encode())
    for name, module in sorted(_application_modules(workflows).items()):
        source = Path(module.__file__ or "").read_bytes()
        digest.update(f"\nmodule {name} {hashlib.sha256(source).hexdigest()}".encode())
    return digest.hexdigest()


def _application_modules(workflows: Iterable[Versioned]) -> dict[str, ModuleType]:
    roots = {workflow.fn.__module__ for workflow in workflows}
    own = {root.partition(".")[0] for root in roots} - {"continuum"}
    found: dict[str, ModuleType] = {}
    todo = sorted(roots)
    while todo:
        name = todo.pop()
        module = sys.modules.get(name)
        if module is None or name in found or not (name in roots or _is_application(module, own)):
            continue
        if _has_source(module):
            found[name] = module
        todo.extend(_referenced(module))
    return found


def _referenced(module: ModuleType) -> set[str]:
    names = {module.__name__.rpartition(".")[0]}
    for value in list(vars(module).values()):
        name = value.__name__ if isinstance(value, ModuleType) else _module_of(value)
        if name:
            names.add(name)
    names.discard("")
    return names


def _module_of(value: object) -> str | None:
    try:
        name = getattr(value, "__module__", None)
    except Exception:  # lazy proxies run user code on attribute access
        return None
    return name if isinstance(name, str) else None


def _is_application(module: ModuleType, own: set[str]) -> bool:
    if not _has_source(module):
        return False
    top = module.__name__.partition(".")[0]
    return top in own or (top != "continuum" and not _is_installed(Path(module.__file__ or "")))


def _has_source(module: ModuleType) -> bool:
    file = getattr(module, "__file__", None)
    return isinstance(file, str) and file.endswith(".py") and Path(file).is_file()


def _is_installed(file: Path) -> bool:
    """Whether it belongs to Python itself or to an installed distribution."""
    if {"site-packages", "dist-packages"} & set(file.parts):
        return True
    library = sysconfig.get_paths()
    return any(file.is_relative_to(library[key]) for key in ("stdlib", "platstdlib"))
