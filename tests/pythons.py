"""The Pythons of this machine, for what must be the same on all of them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def every_python() -> list[str]:
    """Every supported Python of this machine, on PATH or under pyenv, and this one."""
    found = {sys.executable}
    for minor in (11, 12, 13, 14):
        on_path = shutil.which(f"python3.{minor}")
        if on_path is not None and "shims" not in on_path:  # a shim may stand for nothing
            found.add(on_path)
        found.update(map(str, Path.home().glob(f".pyenv/versions/3.{minor}.*/bin/python")))
    return sorted(found)


def ask(python: str, *arguments: str | Path) -> str:
    """What a Python prints that finds the project, but none of its dependencies.

    Raises:
        subprocess.CalledProcessError: it failed.
    """
    return subprocess.run(
        [python, *arguments], capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
    ).stdout  # fmt: skip
