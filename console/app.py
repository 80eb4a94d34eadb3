"""The Textual app: themes, modes, palette, and where commands lead. No business logic."""

# pyright: reportUnknownMemberType=false
# Textual leaves the type of `Widget.app` open.

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final, cast
from uuid import UUID

from textual import events
from textual.app import App
from textual.filter import LineFilter
from textual.screen import Screen
from textual.theme import BUILTIN_THEMES

from console import actions, acts_query, verbs
from console.connections import Connections, Opened
from console.dialogs.context import ContextDialog
from console.dialogs.namespace import NamespaceDialog
from console.key_queue import KeyQueue, Turn
from console.keymap import Keymap
from console.messages import OpenRun, Ordered, ShowActs, ShowMode, ShowRuns
from console.palette import ActionCommands, Places
from console.plain_characters import PlainCharacters
from console.present import ages
from console.present.plain import one_line
from console.refresh import LiveLoop, Trouble
from console.scope import Scope
from console.screens.audit import AuditScreen
from console.screens.health import HealthScreen
from console.screens.journal import JournalScreen
from console.screens.live import LiveScreen
from console.screens.nodes import NodesScreen
from console.screens.run import RunScreen
from console.screens.runs import RunsScreen
from console.session import Session
from console.source import Pulse, RunsQuery
from console.themes import DEFAULT_THEME, THEMES, style_variables
from console.widgets.bars import HeaderBar
from continuum.errors import ContinuumError, QueryError

PULSE_EVERY: Final = 5.0
BETWEEN: Final = "between"
"""The mode with nothing on screen, while one database is left for another."""


def theme_names() -> list[str]:
    """Every theme there is, the console's own first."""
    return [*(theme.name for theme in THEMES), *sorted(BUILTIN_THEMES)]


class ConsoleApp(App[None]):
    """The operations console over one session.

    Args:
        session: shared by all screens.
        theme: name of the colours to begin with.
        query: what the list of runs opens on.
        plain: draw with ASCII characters only.
        keymap: the user's keys.
        connections: opens other databases.
    """

    TITLE = "continuum"
    CSS_PATH = str(Path(__file__).parent / "styles" / "console.tcss")
    COMMANDS = {ActionCommands, Places}  # noqa: RUF012  (typed by Textual)

    def __init__(
        self,
        session: Session,
        *,
        theme: str = DEFAULT_THEME,
        query: RunsQuery | None = None,
        plain: bool = False,
        keymap: Keymap | None = None,
        connections: Connections | None = None,
    ) -> None:
        super().__init__()
        actions.use(keymap or {})
        self.set_keymap(
            {f"{screen}.{name}": ",".join(keys) for (screen, name), keys in (keymap or {}).items()}
        )
        self.session = session
        self._connections = connections or Connections(theme=theme, shelf=session.shelf)
        self._plain = [PlainCharacters()] if plain else []
        self.keys = KeyQueue(self)
        self.pulse: LiveLoop[Pulse] = LiveLoop(
            self._load_pulse, self._show_pulse, self._no_pulse, interval=PULSE_EVERY
        )
        for own in THEMES:
            self.register_theme(own)
        self.theme = theme
        self._add_modes(query)

    def _add_modes(self, query: RunsQuery | None = None) -> None:
        session = self.session
        self.add_mode(actions.RUNS, partial(RunsScreen, session, query))
        self.add_mode(actions.AUDIT, partial(AuditScreen, session))
        self.add_mode(actions.NODES, partial(NodesScreen, session))
        self.add_mode(actions.HEALTH, partial(HealthScreen, session))
        self.add_mode(actions.JOURNAL, partial(JournalScreen, session))

    def on_load(self) -> None:
        """Before there is any widget."""
        self.keys.listen()

    def on_mount(self) -> None:
        """Open on the list of runs; every console begins with ages."""
        ages.tell(ages.Times.RELATIVE)
        self.theme_changed_signal.subscribe(self, self._theme_changed)
        self.run_worker(self.keys.run(), group="keys", exclusive=True, exit_on_error=True)
        self.run_worker(self.pulse.run(), group="pulse", exclusive=True, exit_on_error=False)
        self.switch_mode(actions.RUNS)

    async def on_event(self, event: events.Event) -> None:
        """What is typed waits its turn."""
        if isinstance(event, events.Key | events.Paste) and not event.is_forwarded:
            self.keys.put(event)
        else:
            await super().on_event(event)

    async def on_turn(self, turn: Turn) -> None:
        """To what has the focus now."""
        turn.taken.set()
        await super().on_event(turn.event)

    def get_css_variables(self) -> dict[str, str]:
        """Those of the theme, and the console's own inks."""
        found = super().get_css_variables()
        return {**dict.fromkeys(("muted", "faint", "wrong"), "ansi_default"), **found,
                **style_variables(found)}  # fmt: skip

    def get_line_filters(self) -> Sequence[LineFilter]:
        """In plain characters the last thing that is done to a line is to translate it."""
        return [*super().get_line_filters(), *self._plain]

    def on_times_changed(self) -> None:
        """What is painted tells times in the old way."""
        self._theme_changed(None)
        for stack in self._screen_stacks.values():
            for screen in stack:
                for widget in screen.query("*"):
                    widget.refresh()

    def _theme_changed(self, _: object) -> None:
        for stack in self._screen_stacks.values():
            for screen in stack:
                if isinstance(screen, LiveScreen) and screen.is_mounted:
                    screen.palette_changed()

    def demo_ended(self, said: str) -> None:
        """The demo workload stopped by itself: say why, the console goes on."""
        self.notify(said, title="the demo ended", severity="error", timeout=30, markup=False)

    # the numbers of the header

    async def _load_pulse(self) -> Pulse:
        scope = self.session.namespace
        for screen in self.screen_stack:
            if isinstance(screen, LiveScreen):
                scope = cast("LiveScreen[object]", screen).scope
        return await self.session.source.pulse(scope)

    def _show_pulse(self, pulse: Pulse) -> None:
        self.session.pulse = pulse
        self._redraw_header()

    def _no_pulse(self, trouble: Trouble) -> None:
        """Old numbers would mislead; the screen says already what is wrong."""
        del trouble
        self.session.pulse = None
        self._redraw_header()

    def _redraw_header(self) -> None:
        for bar in self.screen.query(HeaderBar):
            bar.refresh()

    def on_scope_changed(self) -> None:
        """The numbers are those of the namespace."""
        self.session.pulse = None
        self.pulse.restart()

    def on_read_again(self) -> None:
        """An operator who asks for what is new means the header too."""
        self.pulse.refresh()

    # going somewhere

    def on_show_mode(self, message: ShowMode) -> None:
        """To a mode, as it was left."""
        self.switch_mode(message.name)

    def on_open_run(self, message: OpenRun) -> None:
        """One run on top of what is shown."""
        self.push_screen(RunScreen(self.session, message.run_id))

    def on_show_runs(self, message: ShowRuns) -> None:
        """The runs behind something, above the list."""
        self._leave_for(actions.RUNS)
        behind = (message.crumb, message.origin)
        self.push_screen(RunsScreen(self.session, message.query, behind=behind))

    async def on_show_acts(self, message: ShowActs) -> None:
        """The entries of the journal about one run."""
        await self._show_acts(acts_query.ActsQuery(run=str(message.run_id)))

    async def _show_acts(self, query: acts_query.ActsQuery) -> None:
        await self.switch_mode(actions.JOURNAL)
        while len(self.screen_stack) > 1:
            await self.pop_screen()
        assert isinstance(self.screen, JournalScreen)
        self.screen.ask(query)

    async def on_ordered(self, message: Ordered) -> None:
        """Do what was typed."""
        order = message.order
        match order.verb:
            case verbs.RUNS:
                self._show_runs(order)
            case verbs.RUN:
                self._show_run(order.text)
            case verbs.VIEW:
                self._show_view(order.text)
            case verbs.NAMESPACE:
                self._show_namespace(order.scope)
            case verbs.CONTEXT:
                self._show_contexts(order.text)
            case verbs.THEME:
                self._show_theme(order.text)
            case verbs.QUIT:
                self.exit()
            case actions.JOURNAL if order.text:
                await self._show_acts(acts_query.parse(order.text))
            case mode:
                self.switch_mode(mode)

    def _show_runs(self, order: verbs.Order) -> None:
        scope = order.scope or Scope(self.session.namespace)
        try:
            self._ask(RunsQuery(scope.name, order.text))
        except QueryError as error:
            self._complain(str(error))

    def _show_view(self, text: str) -> None:
        view = self.session.shelf.named(text)
        if view is None:
            known = ", ".join(view.name for view in self.session.shelf.views)
            self._complain(f"no view {text}; there are: {known}")
        else:
            self._leave_for(actions.RUNS)
            self._list.open_view(view)

    def _show_namespace(self, scope: Scope | None) -> None:
        if scope is None:
            self.push_screen(NamespaceDialog(self.session), self._show_namespace_chosen)
        else:
            self._ask(self._list.runs_query.changed(namespace=scope.name))

    def _show_namespace_chosen(self, scope: Scope | None) -> None:
        if scope is not None:
            self._show_namespace(scope)

    def _show_contexts(self, name: str) -> None:
        if self._acting:
            self._complain("an act belongs to this database: close its dialog first")
            return
        try:
            found = self._connections
            profiles = [found.named(name)] if name else list(found.profiles().values())
        except ContinuumError as error:
            self._complain(str(error))
            return
        self.push_screen(
            ContextDialog(found, profiles, self.session.profile), self._switch_database
        )

    @property
    def _acting(self) -> bool:
        """Whether a dialog is open, also below another mode."""
        screens = [screen for stack in self._screen_stacks.values() for screen in stack]
        return any(screen.is_modal for screen in screens)

    async def _switch_database(self, opened: Opened | str | None) -> None:
        """Leave every screen, with all that it knows and reads, for the runs over there."""
        if isinstance(opened, str):
            self.notify(one_line(opened, 400), severity="error", timeout=10, markup=False)
        if not isinstance(opened, Opened):
            return
        left, self.session = self.session, opened.session
        self.session.commands = left.commands
        self.add_mode(BETWEEN, Screen)
        await self.switch_mode(BETWEEN)
        self.clear_notifications()
        for mode in actions.MODES:
            await self.remove_mode(mode)
        self._add_modes()
        self.theme = opened.theme
        await self.switch_mode(actions.RUNS)
        await self.remove_mode(BETWEEN)
        self.pulse.restart()
        self.run_worker(self._close(left), group="closing", exit_on_error=False)
        if opened.sealed is not None:
            self._complain(f"this session is read-only: {opened.sealed}")

    async def _close(self, session: Session) -> None:
        """Give a connection back; one that cannot be is of no use to anybody any more."""
        with suppress(ContinuumError, OSError):
            await session.close()

    def _ask(self, query: RunsQuery) -> None:
        self._leave_for(actions.RUNS)
        self._list.ask(query)

    def _leave_for(self, mode: str) -> None:
        """To the bottom of a mode."""
        self.switch_mode(mode)
        while len(self.screen_stack) > 1:
            self.pop_screen()

    @property
    def _list(self) -> RunsScreen:
        """The list of runs at the bottom of its mode."""
        found = self._screen_stacks[actions.RUNS][0]
        assert isinstance(found, RunsScreen)
        return found

    def _show_run(self, text: str) -> None:
        try:
            self.post_message(OpenRun(UUID(text)))
            return
        except ValueError:
            found = self._list.found(text)
        if len(found) == 1:
            self.post_message(OpenRun(found[0].id))
        elif found:
            self._complain(f"{len(found)} runs of the list are called {text}: type more of it")
        else:
            self._complain(f"no run of the list is called {text}: type its whole id")

    def _show_theme(self, name: str) -> None:
        if name in self.available_themes:
            self.theme = name
        else:
            self._complain(f"no theme {name}; there are: {', '.join(theme_names())}")

    def _complain(self, text: str) -> None:
        self.notify(text, severity="warning", timeout=6, markup=False)
