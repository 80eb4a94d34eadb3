"""Screens of which something can be copied."""

# pyright: reportUnknownMemberType=false
# Textual leaves the type of `Widget.app` open.

from __future__ import annotations

from abc import abstractmethod
from typing import TypeVar

from console.dialogs.yank import YankDialog
from console.screens.live import LiveScreen
from console.yank import LARGEST, Copyable, keep

T = TypeVar("T")


class CopyingScreen(LiveScreen[T]):
    """A live screen with a menu of what can be copied."""

    @abstractmethod
    def copyables(self) -> list[Copyable]:
        """What can be copied here."""

    def do_yank(self) -> None:
        """The menu, for what is under the cursor now."""
        self.app.push_screen(YankDialog(self.copyables()), self._copy)

    def _copy(self, item: Copyable | None) -> None:
        """Through the terminal, or to a file when it is too long for one."""
        if item is None or item.text is None:
            return
        text = item.text.encode("utf-8", "replace")
        if len(text) > LARGEST:
            try:
                self.toast(f"too long for a terminal, it is in {keep(item)}")
            except OSError as error:
                self.toast(f"too long for a terminal, and no file: {error.strerror}", "warning")
            return
        self.app.copy_to_clipboard(text.decode())
        size = len(item.text)
        what = item.text if size <= 40 else f"{size:,} characters"
        self.toast(f"copied {item.name}: {what}")
