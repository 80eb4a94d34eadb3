"""The views of a session: those that are built in, and those of the user's file.

The file is read anew before each change and replaced as a whole, so neither a second console nor an
editor nor a crash loses a line of it. One that cannot be understood is never written to.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

from console import views
from console.source import RunsQuery
from console.views import BUILT_IN, View, ViewsError, Written
from continuum.settings import user_file

FILE_VARIABLE: Final = "CONTINUUM_VIEWS"
"""Another file than the one in the user's configuration directory."""


def views_file(environ: Mapping[str, str] | None = None) -> Path:
    """Where the user's views are.

    Example:
        >>> str(views_file({"XDG_CONFIG_HOME": "/etc/ann"}))
        '/etc/ann/continuum/views.toml'
    """
    return user_file(FILE_VARIABLE, "views.toml", environ)


class Shelf:
    """All views, in the order of their tabs.

    Args:
        path: of the file; None keeps what is saved for this session only.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self.fault: str | None = None
        self._text = ""
        self._own: tuple[View, ...] = ()
        self.load()

    @property
    def views(self) -> tuple[View, ...]:
        """Those that are built in, then the user's."""
        return (*BUILT_IN, *self._own)

    def load(self) -> None:
        """Read the file again; `fault` says what is wrong with it, and where."""
        try:
            written = views.read(self._read())
        except ViewsError as error:
            self._own, self.fault = (), error.message
            return
        self._own, self.fault = written.views, self._told(written)

    def named(self, text: str) -> View | None:
        """The view of this name, or of this number, or the one whose name begins so."""
        folded = text.casefold()
        exact = [view for view in self.views if view.name.casefold() == folded]
        if not exact and text.isdecimal() and 0 < int(text) <= len(self.views):
            return self.views[int(text) - 1]
        begun = [view for view in self.views if view.name.casefold().startswith(folded)]
        found = exact or begun
        return found[0] if len(found) == 1 else None

    def of(self, query: RunsQuery, preferred: str = "") -> View | None:
        """The view that the query is: the preferred one, or else the first."""
        found = [view for view in self.views if view.shows(query)]
        return next((view for view in found if view.name == preferred), found[0] if found else None)

    def save(self, view: View) -> None:
        """Add a view, or put it in the place of the user's view of the same name.

        Raises:
            ViewsError: the name will not do, or the file cannot be changed.
        """
        view = replace(view, own=True)

        def edit(text: str, own: list[View]) -> str:
            index = _index(own, view.name)
            others = [each for number, each in enumerate(own) if number != index]
            if wrong := views.refuse_name(view.name, [*BUILT_IN, *others]):
                raise ViewsError(wrong)
            if index is None:
                own.append(view)
                return views.added(text, view)
            own[index] = view
            return views.changed(text, index, view)

        self._change(edit)

    def rename(self, name: str, to: str) -> None:
        """Give a view of the user's another name. Raises `ViewsError`."""

        def edit(text: str, own: list[View]) -> str:
            index = self._known(own, name)
            others = [each for number, each in enumerate(own) if number != index]
            if wrong := views.refuse_name(to, [*BUILT_IN, *others]):
                raise ViewsError(wrong)
            own[index] = replace(own[index], name=to)
            return views.renamed(text, index, to)

        self._change(edit)

    def delete(self, name: str) -> None:
        """Remove a view of the user's. Raises `ViewsError`."""

        def edit(text: str, own: list[View]) -> str:
            index = self._known(own, name)
            del own[index]
            return views.removed(text, index)

        self._change(edit)

    @staticmethod
    def _known(own: list[View], name: str) -> int:
        index = _index(own, name)
        if index is None:
            raise ViewsError(f"there is no view {name!r} of yours any more")
        return index

    def _change(self, edit: Callable[[str, list[View]], str]) -> None:
        text = self._read()
        written = views.read(text)
        if fault := self._told(written):
            raise ViewsError(f"{fault}; nothing was written")
        own = list(written.views)
        changed = edit(text, own)
        try:
            views.checked(changed, own)
        except ViewsError as error:
            raise ViewsError(f"{self.path}: {error.message}; nothing was written") from None
        self._write(changed)
        self._own, self.fault = tuple(own), None

    def _told(self, written: Written) -> str | None:
        if written.fault is None:
            return None
        line, what = written.fault
        return f"{self.path}, line {line}: {what}"

    def _read(self) -> str:
        if self.path is None:
            return self._text
        try:
            return self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return ""
        except UnicodeDecodeError as error:
            line = error.object[: error.start].count(b"\n") + 1
            raise ViewsError(f"{self.path}, line {line}: not UTF-8") from None
        except OSError as error:
            raise ViewsError(f"cannot read {self.path}: {error.strerror}") from None

    def _write(self, text: str) -> None:
        self._text = text
        if self.path is None:
            return
        try:
            replace_file(self.path.resolve(), text)
        except OSError as error:
            raise ViewsError(f"cannot write {self.path}: {error.strerror}") from None


def _index(own: list[View], name: str) -> int | None:
    folded = name.casefold()
    return next((n for n, view in enumerate(own) if view.name.casefold() == folded), None)


def replace_file(path: Path, text: str) -> None:
    """Put a text in the place of a file: whoever looks sees the whole old one or the whole new."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    new = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileNotFoundError):
            new.chmod(path.stat().st_mode & 0o7777)
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
