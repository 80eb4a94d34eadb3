"""The keys of a user, from `keys.toml`: which keys do what, on one screen or everywhere.

    [everywhere]
    refresh = ["F5", "r"]      # several keys, the first is the one shown

    [runs]                     # on this screen only
    cancel = "F9"

Names are those that `:` takes with a `-` for each `_`; keys are written as they are printed. A key
that is taken twice on a screen is refused, so nothing is ever out of reach without notice.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, cast

from textual.keys import KEY_NAME_REPLACEMENTS, Keys

from console import actions
from continuum.errors import ConfigurationError
from continuum.settings import user_file

FILE_VARIABLE: Final = "CONTINUUM_KEYS"
"""Another file than the one in the user's configuration directory."""
EVERYWHERE: Final = "everywhere"

Keymap = Mapping[tuple[str, str], tuple[str, ...]]
"""Screen and action -> keys, for the actions whose keys are not the usual ones."""

_MOVES: Final = ("up", "down", "k", "j", "pageup", "pagedown", "home", "end", "g", "G",
                 "left", "right", "h", "l")  # fmt: skip
_TAKEN: Final = {
    **dict.fromkeys(_MOVES, "moves the cursor"),
    "ctrl+p": "opens the palette",
    "ctrl+c": "copies what is selected",
    "ctrl+q": "leaves the console",
}
"""Keys that are not to be had, and why."""
_PRINTED: Final = {printed.lower(): key for key, printed in actions.SHOWN.items()}
_NAMED: Final = frozenset(key.value for key in Keys)


def keys_file(environ: Mapping[str, str] | None = None) -> Path:
    """Where the keys are.

    Example:
        >>> str(keys_file({"XDG_CONFIG_HOME": "/etc/ann"}))
        '/etc/ann/continuum/keys.toml'
    """
    return user_file(FILE_VARIABLE, "keys.toml", environ)


def read_keymap(path: Path) -> Keymap:
    """The keys of a file; none when there is no such file.

    Raises:
        ConfigurationError: it cannot be read, or names what does not exist, or a key is taken
            twice; with file, line and key.
    """
    try:
        text = path.read_text(encoding="utf-8")
        document: dict[str, Any] = tomllib.loads(text)
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"cannot read {path}: {error}") from error
    return _Reader(path, text).keymap(document)


class _Reader:
    """One file; every complaint says where."""

    def __init__(self, path: Path, text: str) -> None:
        self._path = path
        self._lines = text.splitlines()

    def keymap(self, document: Mapping[str, Any]) -> Keymap:
        """What the tables say; a screen's own table goes before `everywhere`."""
        found: dict[tuple[str, str], tuple[str, ...]] = {}
        origin: dict[tuple[str, str], str] = {}
        for table in sorted(document, key=lambda name: name != EVERYWHERE):
            self._check_table(table, document[table])
            for name, value in document[table].items():
                screens = self._screens(table, name)
                keys = self._keys(table, name, value)
                for screen in screens:
                    found[screen, name.replace("-", "_")] = keys
                    origin[screen, name.replace("-", "_")] = table
        self._check_conflicts(found, origin)
        return found

    def _refuse(self, table: str, name: str, what: str) -> ConfigurationError:
        place = f"{self._path}, line {self._line(table, name)}"
        return ConfigurationError(f"{place}: {what}")

    def _line(self, table: str, name: str = "") -> int:
        """Where a name of a table stands, counted from one."""
        inside = False
        for number, line in enumerate(self._lines, 1):
            if heading := re.match(r"\s*\[\s*\"?([\w-]+)\"?\s*\]", line):
                inside = heading[1] == table
                if inside and not name:
                    return number
            elif re.match(rf"\s*\"?{re.escape(name)}\"?\s*=", line) and (inside or not table):
                return number
        return 1

    def _check_table(self, table: str, value: object) -> None:
        known = (EVERYWHERE, *actions.SCREENS)
        if not isinstance(value, dict):
            what = f"{table} stands in no table: put it under [{EVERYWHERE}] or a screen"
            raise self._refuse("", table, what)
        if table not in known:
            raise self._refuse(table, "", f"no screen {table}; there are: {', '.join(known)}")

    def _screens(self, table: str, name: str) -> tuple[str, ...]:
        """The screens on which the action has these keys."""
        places = actions.SCREENS if table == EVERYWHERE else (table,)
        wanted = name.replace("-", "_")
        found = [
            screen for screen in places for action in actions.of_screen(screen)
            if action.name == wanted
        ]  # fmt: skip
        if not found:
            known = {action.name for screen in places for action in actions.of_screen(screen)}
            near = get_close_matches(wanted, known, 1)
            hint = f" (did you mean {near[0]}?)" if near else ""
            where = "the console" if table == EVERYWHERE else f"the screen {table}"
            raise self._refuse(table, name, f"{where} has no action {name}{hint}")
        return tuple(found)

    def _keys(self, table: str, name: str, value: object) -> tuple[str, ...]:
        given = cast("list[object]", value) if isinstance(value, list) else [value]
        if not given or not all(isinstance(each, str) and each for each in given):
            raise self._refuse(table, name, f"{name} takes a key, or a list of keys")
        found: list[str] = []
        for each in map(str, given):
            key = textual_key(each)
            if key is None:
                what = f"{name}: no key {each!r}; write a character, F1 to F12, Enter, Esc, Tab, "
                raise self._refuse(table, name, what + "Space, Backspace, Delete or Ctrl+letter")
            if key in _TAKEN:
                raise self._refuse(table, name, f"{name}: {each!r} {_TAKEN[key]}")
            found.append(key)
        return tuple(dict.fromkeys(found))

    def _check_conflicts(self, found: Keymap, origin: Mapping[tuple[str, str], str]) -> None:
        for screen in actions.SCREENS:
            owner: dict[str, str] = {}
            for action in actions.of_screen(screen):
                for key in found.get((screen, action.name), action.keys):
                    other = owner.setdefault(key, action.name)
                    if other == action.name:
                        continue
                    name = action.name if (screen, action.name) in found else other
                    rest = other if name == action.name else action.name
                    what = f"{name}: {actions.shown(key)!r} is the key of {rest} on {screen}"
                    raise self._refuse(origin[screen, name], name, what)


def textual_key(printed: str) -> str | None:
    """What Textual calls a key that is written as it is printed; None for what is no key."""
    if len(printed) == 1:
        names = {shown: key for key, shown in actions.SHOWN.items()}
        if printed in names or printed.isalnum():
            return names.get(printed, printed)
        return _character(printed)
    lowered = printed.lower().replace("control+", "ctrl+")
    if lowered in _PRINTED:
        return _PRINTED[lowered]
    return lowered if lowered in _NAMED else None


def _character(character: str) -> str | None:
    import unicodedata

    if not character.isprintable() or character.isspace():
        return None
    name = unicodedata.name(character, "").lower().replace("-", "_").replace(" ", "_")
    return KEY_NAME_REPLACEMENTS.get(name, name) or None
