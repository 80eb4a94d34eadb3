"""`Ctrl+P`: everything that can be done here, and a run by its id."""

# pyright: reportUnknownMemberType=false
# Textual leaves the type of `Widget.app` open.

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from uuid import UUID

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from console import actions
from console.messages import OpenRun, Ordered
from console.scope import Scope
from console.screens.live import LiveScreen
from console.verbs import CONTEXT, NAMESPACE, QUIT, THEME, VIEW, Order

Entry = tuple[str, str, Callable[[], object]]


class ActionCommands(Provider):
    """The actions of the screen below; one that cannot run now says why instead."""

    async def discover(self) -> Hits:
        """All of them."""
        for title, explanation, run in self._entries():
            yield DiscoveryHit(title, run, help=explanation)

    async def search(self, query: str) -> Hits:
        """Those that match what is typed."""
        matcher = self.matcher(query)
        further = (*self._views(), *self._profiles(), *self._themes())
        for title, explanation, run in [*self._entries(), *further]:
            if (score := matcher.match(f"{title} {explanation}")) > 0:
                shown = Content(title)
                yield Hit(score, shown, run, text=title, help=explanation)

    def _entries(self) -> Iterator[Entry]:
        screen = self.screen
        if isinstance(screen, LiveScreen):
            for action in actions.of_screen(screen.action_screen):
                refused = screen.refusal(action)
                explanation = f"{refused}: {action.help}" if refused else action.help
                run = partial(screen.call_later, screen.action_perform, action.name)
                yield action.title, f"{explanation} ({action.shown_key(screen.action_screen)})", run
        yield "Database", "Go to another profile.", self._order(Order(CONTEXT))
        yield "Theme", "Choose the colours.", self.app.action_change_theme
        yield "Exit", "Leave the console.", self._order(Order(QUIT))

    def _themes(self) -> Iterator[Entry]:
        for name in self.app.available_themes:
            yield f"theme {name}", "Change the colours.", self._order(Order(THEME, text=name))

    def _views(self) -> Iterator[Entry]:
        if isinstance(self.screen, LiveScreen):
            for view in self.screen.session.shelf.views:
                explanation = view.expression or "Every run."
                yield f"view {view.name}", explanation, self._order(Order(VIEW, text=view.name))

    def _profiles(self) -> Iterator[Entry]:
        if isinstance(self.screen, LiveScreen):
            for name in self.screen.session.profiles():
                yield f"profile {name}", "Go there.", self._order(Order(CONTEXT, text=name))

    def _order(self, order: Order) -> Callable[[], object]:
        return lambda: self.app.post_message(Ordered(order))


class Places(Provider):
    """A run by its id, and namespaces by name."""

    async def startup(self) -> None:
        """Nothing is read before something is typed."""
        self._namespaces: list[str] | None = None

    async def search(self, query: str) -> Hits:
        """A whole run id is a hit; so is a namespace that matches."""
        run_id = _run_id(query)
        if run_id is not None:
            yield Hit(
                1.0,
                Content(f"run {run_id}"),
                lambda: self.app.post_message(OpenRun(run_id)),
                text=str(run_id),
                help="Open this run.",
            )
        matcher = self.matcher(query)
        for name in await self._names():
            if (score := matcher.match(f"namespace {name}")) > 0:
                order = Order(NAMESPACE, Scope(name))
                yield Hit(
                    score,
                    Content(f"namespace {name}"),
                    partial(self.app.post_message, Ordered(order)),
                    text=f"namespace {name}",
                    help="Look at this namespace.",
                )

    async def _names(self) -> list[str]:
        if self._namespaces is None:
            screen = self.screen
            known = isinstance(screen, LiveScreen)
            self._namespaces = list(await screen.session.source.namespaces()) if known else []
        return self._namespaces


def _run_id(text: str) -> UUID | None:
    try:
        return UUID(text.strip())
    except ValueError:
        return None
