"""Choose another database of profiles.toml, and wait until it answers."""

# pyright: reportUnknownMemberType=false
# Textual leaves the type of `Widget.workers` open.

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from console.connections import Connections, Opened
from console.dialogs.narrowing import NarrowingDialog
from console.present.notices import explain
from console.present.plain import one_line
from console.refresh import NO_ANSWER_AFTER
from continuum.profiles import Profile


class ContextDialog(NarrowingDialog[Opened | str]):
    """Dismissed with the database that answers, or why it does not; None when it is left.

    It stays open until then, so nothing can be begun on the old database meanwhile.

    Args:
        connections: opens them.
        profiles: to choose from; one alone is not asked about.
        current: the profile that is looked at.
    """

    HEADING = "database"
    HINT = "Enter goes there · Esc stays"

    def __init__(
        self, connections: Connections, profiles: Sequence[Profile], current: str | None
    ) -> None:
        super().__init__()
        self._connections = connections
        self._profiles = profiles
        self._current = current
        self._shown = list(profiles)
        self._connecting = False

    def compose_below(self) -> ComposeResult:
        """What it waits for."""
        yield Static(id="note", classes="label")

    def on_mount(self) -> None:
        """Connect at once where there is nothing to choose."""
        self.query_one("#note").display = False
        self.fill()
        if len(self._profiles) == 1:
            self._connect(self._profiles[0])

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Connect to it."""
        self._connect(self._shown[event.option_index])

    def action_leave(self) -> None:
        """Stay; a connection that is being made is given up."""
        self.workers.cancel_group(self, "connect")
        super().action_leave()

    def _connect(self, profile: Profile) -> None:
        if self._connecting:
            return
        self._connecting = True
        for widget in self.query("Input, OptionList"):
            widget.display = False
        note = self.query_one("#note", Static)
        note.update(Content(f"connecting to {one_line(profile.name, 40)}…"))
        note.display = True
        self.run_worker(self._open(profile), group="connect", exclusive=True, exit_on_error=False)

    async def _open(self, profile: Profile) -> None:
        name = one_line(profile.name, 40)
        themes = self.app.available_themes
        if profile.theme is not None and profile.theme not in themes:
            self.dismiss(f"{name}: no theme {profile.theme}; there are: {', '.join(themes)}")
            return
        try:
            async with asyncio.timeout(NO_ANSWER_AFTER):
                opened = await self._connections.open(profile)
        except TimeoutError:
            self.dismiss(f"{name}: no answer within {NO_ANSWER_AFTER:.0f} s")
        except Exception as error:
            self.dismiss(f"{name}: {explain(error)}")
        else:
            self.dismiss(opened)

    def matching(self, wanted: str) -> tuple[Iterable[Option], int]:
        """By name; the one that is looked at."""
        self._shown = [each for each in self._profiles if wanted in each.name.lower()]
        names = [each.name for each in self._shown]
        first = names.index(self._current) if self._current in names else 0
        return [self._option(each) for each in self._shown], first

    def _option(self, profile: Profile) -> Option:
        mark = "▸ " if profile.name == self._current else "  "
        where = "" if profile.namespace is None else f"  ns {one_line(profile.namespace, 40)}"
        return Option(
            Content.assemble(
                (mark, "$text-accent"),
                one_line(profile.name, 40),
                (where, "$foreground 60%"),
                ("  read-only" if profile.read_only else "", "$foreground 60%"),
                ("  danger" if profile.danger else "", "$text-error"),
            )
        )
