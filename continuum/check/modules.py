"""Finds and parses the application's modules; imports none of them."""

from __future__ import annotations

import ast
import re
import sys
import tokenize
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Final

from continuum.check.names import Scope, module_scope

_SKIPPED: Final = frozenset({
    "__pycache__", "node_modules", "site-packages", "dist-packages", "build", "dist", "venv", "env",
})  # fmt: skip
_NOQA: Final = re.compile(r"#\s*noqa(?!\w)(?P<codes>\s*:\s*[A-Z]+\d+(?:[,\s]+[A-Z]+\d+)*)?", re.I)


class Module:
    """One parsed source file.

    Attributes:
        path: as it is shown in findings.
        file: absolute, for imports.
    """

    def __init__(self, path: str, file: Path, source: str) -> None:
        self.path = path
        self.file = file
        self.lines = source.splitlines()
        self.tree = ast.parse(source)

    @cached_property
    def scope(self) -> Scope:
        """Its globals."""
        return module_scope(self, self.tree)

    def silences(self, code: str, first: int, last: int) -> bool:
        """Whether `# noqa` on the first or last line of a node covers a rule."""
        for number in {first, last}:
            line = self.lines[number - 1] if 0 < number <= len(self.lines) else ""
            if "noqa" not in line.lower():
                continue
            for match in _NOQA.finditer(line):
                codes = match["codes"]
                if codes is None or code in re.findall(r"[A-Z]+\d+", codes.upper()):
                    return True
        return False


class Project:
    """The application: files by import name, each parsed once.

    Args:
        roots: directories from which it imports.
        installed: whether what lies below `site-packages` belongs to it.
    """

    def __init__(self, roots: Iterable[Path] = (), *, installed: bool = False) -> None:
        self._installed = installed
        self._roots = list(dict.fromkeys(root.resolve() for root in roots))
        self._modules: dict[Path, Module | None] = {}
        self.broken: dict[str, SyntaxError] = {}

    def open(self, file: Path, *, shown: str | None = None) -> Module | None:
        """The module in a file; None when it cannot be read or parsed."""
        file = file.resolve()
        if file not in self._modules:
            self._modules[file] = self._parse(file, shown or _shown(file))
            self.add_root(import_root(file))
        return self._modules[file]

    def add_root(self, root: Path) -> None:
        """Import from this directory, too."""
        if root not in self._roots:
            self._roots.append(root)

    def find(self, name: str) -> Module | None:
        """The application's module of this dotted name; None for everything else."""
        top = name.partition(".")[0]
        if top in sys.builtin_module_names or top == "continuum":
            return None
        parts = name.split(".")
        for root in self._roots:
            file = _file_of(root, parts)
            if file is not None and (self._installed or "site-packages" not in file.parts):
                return self.open(file)
        return None

    def is_package(self, name: str) -> bool:
        """Whether it is a directory of the application without `__init__.py`."""
        parts = name.split(".")
        if parts[0] in sys.stdlib_module_names or parts[0] == "continuum":
            return False
        return any(root.joinpath(*parts).is_dir() for root in self._roots)

    def absolute(self, module: Module, node: ast.ImportFrom) -> str:
        """The dotted name that `from NAME import ...` means in this module."""
        if not node.level:
            return node.module or ""
        folder = module.file.parent
        for _ in range(node.level - 1):
            folder = folder.parent
        for root in sorted(self._roots, key=lambda each: -len(each.parts)):
            if folder.is_relative_to(root):
                base = ".".join(folder.relative_to(root).parts)
                return ".".join(filter(None, (base, node.module)))
        return node.module or ""

    def _parse(self, file: Path, shown: str) -> Module | None:
        try:
            with tokenize.open(file) as opened:
                return Module(shown, file, opened.read())
        except SyntaxError as error:
            self.broken[shown] = error
        except (OSError, ValueError) as error:
            self.broken[shown] = SyntaxError(str(error))
        return None


def python_files(path: Path) -> Iterator[Path]:
    """A file itself, or all Python files below a directory that are the application's own."""
    if path.is_file():
        yield path
        return
    for each in sorted(path.iterdir()):
        if each.is_dir():
            if each.name not in _SKIPPED and not each.name.startswith("."):
                yield from python_files(each)
        elif each.suffix == ".py":
            yield each


def import_root(file: Path) -> Path:
    """The directory from which this file's package is imported."""
    folder = file.parent
    while (folder / "__init__.py").is_file():
        folder = folder.parent
    return folder


def _file_of(root: Path, parts: list[str]) -> Path | None:
    base = root.joinpath(*parts)
    for candidate in (base / "__init__.py", base.with_name(f"{base.name}.py")):
        if candidate.is_file():
            return candidate
    return None


def _shown(file: Path) -> str:
    here = Path.cwd()
    return str(file.relative_to(here)) if file.is_relative_to(here) else str(file)
