"""Checks files and directories."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from continuum.check.installed import Installed
from continuum.check.modules import Project, import_root, python_files
from continuum.check.rules import Finding
from continuum.check.scan import Scanner


def check_paths(
    paths: Iterable[Path],
    trusted: Iterable[str] = (),
    installed: Iterable[Path] | None = None,
) -> list[Finding]:
    """The findings in all workflows below these paths, in the order of files and lines.

    Args:
        paths: files or directories.
        trusted: dotted names that the check need not see into.
        installed: directories of installed packages; default those of this interpreter.
    """
    paths = list(paths)
    files = list(dict.fromkeys(file for path in paths for file in python_files(path)))
    roots = [path if path.is_dir() else import_root(path) for path in paths]
    project = Project([*roots, *map(import_root, files), Path.cwd()])
    scanner = Scanner(project, trusted, Installed(installed))
    for file in files:
        module = project.open(file, shown=str(file))
        if module is not None:
            scanner.check_module(module)
    broken = {
        Finding(path, error.lineno or 1, error.offset or 1, "CTM000", error.msg or str(error))
        for path, error in project.broken.items()
    }
    return sorted(scanner.findings | broken)
