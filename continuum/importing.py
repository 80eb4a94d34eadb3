"""Importing what a setting or an option names, with errors for people."""

from __future__ import annotations

import importlib
import sys
import traceback
from pathlib import Path
from types import ModuleType

from continuum.errors import ConfigurationError, DefinitionError


def import_named(name: str) -> ModuleType:
    """A module of the user, looked for in the current directory, then in PYTHONPATH.

    Raises:
        ConfigurationError: there is none, or it raises while it is imported; always one line.
        DefinitionError: it declares something wrongly.
    """
    here = str(Path.cwd())
    if here not in sys.path and "" not in sys.path:
        sys.path.insert(0, here)
    importlib.invalidate_caches()
    try:
        return importlib.import_module(name)
    except DefinitionError:
        raise
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if name == missing or name.startswith(f"{missing}."):
            raise ConfigurationError(
                f"no module named {missing!r}",
                hint=f"looked in {here}, PYTHONPATH and the installed packages",
            ) from None
        raise _broken(name, error) from error
    except (Exception, SystemExit) as error:
        raise _broken(name, error) from error


def _broken(name: str, error: BaseException) -> ConfigurationError:
    """One line that names the user's own file and line, not the import machinery's."""
    if isinstance(error, SyntaxError):
        return ConfigurationError(f"{error.filename}:{error.lineno}: {error.msg}")
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith("<frozen ")
        and frame.filename != __file__
        and "importlib" not in frame.filename
    ]
    text = " ".join(str(error).split())
    at = f"{frames[-1].filename}:{frames[-1].lineno}: " if frames else f"module {name}: "
    return ConfigurationError(f"{at}{type(error).__name__}: {text}")
