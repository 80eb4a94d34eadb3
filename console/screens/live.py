"""What every live screen shares: one loop, one dispatcher for actions, the bars around it."""

# pyright: reportUnknownMemberType=false
# Textual leaves the type of `Widget.app` open.

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from inspect import isawaitable
from typing import ClassVar, Generic, Literal, TypeVar

from textual.app import ComposeResult
from textual.screen import Screen
from textual.widgets import Input

from console import actions, verbs
from console.dialogs.keys import KeysDialog
from console.messages import Ordered, ReadAgain, ScopeChanged, ShowMode, TimesChanged
from console.present import ages
from console.present.plain import one_line
from console.refresh import NO_ANSWER_AFTER, LiveLoop, Trouble
from console.session import Session
from console.widgets.bars import Banner, HeaderBar, KeyBar, ModeBar
from console.widgets.command_line import CommandLine

T = TypeVar("T")


class LiveScreen(Screen[None], Generic[T]):
    """A screen whose data is read again and again."""

    action_screen: ClassVar[str]
    interval: ClassVar[float] = 2.0
    """Seconds between two reads, to begin with."""
    patience: ClassVar[float] = NO_ANSWER_AFTER
    """Seconds that a read may take."""
    HORIZONTAL_BREAKPOINTS = [  # noqa: RUF012  (typed by Textual)
        (0, "-narrow"),
        (100, "-wide"),
        (140, "-xwide"),
    ]

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.live: LiveLoop[T] = LiveLoop(
            self.load, self.show, self.fail, interval=self.interval, patience=self.patience
        )

    def compose(self) -> ComposeResult:
        """Bars above and below what the screen is about."""
        yield HeaderBar(self.session, self.live, lambda: self.scope)
        yield ModeBar(self.crumbs, self.mode)
        yield Banner(self.live)
        yield from self.body()
        yield CommandLine(self.session, self.verb_actions, self.choices)
        yield KeyBar(self.action_screen, self.refusal)

    @abstractmethod
    def body(self) -> ComposeResult:
        """What the screen is about."""

    @abstractmethod
    async def load(self) -> T:
        """Read everything the screen shows; touches no widget."""

    @abstractmethod
    def show(self, loaded: T) -> None:
        """Put what was read on screen."""

    @abstractmethod
    def dim(self, stale: bool) -> None:
        """Draw old data as old."""

    @abstractmethod
    def palette_changed(self) -> None:
        """Another theme is active: paint again."""

    # where we are

    @property
    def scope(self) -> str | None:
        """The namespace that is shown here; None for all."""
        return self.session.namespace

    @property
    def crumb(self) -> str:
        """This screen in the line of crumbs; empty for one at the top."""
        return ""

    def crumbs(self) -> list[str]:
        """From below the mode to this screen."""
        stack = self.app.screen_stack
        found = [screen.crumb for screen in stack if isinstance(screen, LiveScreen)]
        return [crumb for crumb in found if crumb]

    def mode(self) -> str:
        """The mode whose stack this screen is on."""
        return self.app.current_mode

    # the loop

    async def know_server(self) -> None:
        """Ask once where we are connected."""
        if self.session.server is None:
            self.session.server = await self.session.source.server()

    def on_mount(self) -> None:
        """Start reading."""
        self.run_worker(self.live.run(), group="live", exclusive=True, exit_on_error=False)

    def on_screen_suspend(self) -> None:
        """A dialog or another screen is on top: nothing may move below it."""
        self.live.suspend()

    def on_screen_resume(self) -> None:
        """Back on top: read at once."""
        self.live.resume()
        self.query_one(ModeBar).refresh()
        pulse = self.session.pulse
        if pulse is not None and pulse.namespace != self.scope:
            self.post_message(ScopeChanged())

    def fail(self, trouble: Trouble) -> None:
        """Keep what is on screen, dimmed, and say why."""
        del trouble
        self.dim(True)
        self.update_bars()

    def recovered(self) -> None:
        """The data on screen is fresh."""
        self.dim(False)
        self.update_bars()

    def update_bars(self) -> None:
        """Redraw header, banner and keys."""
        self.query_one(HeaderBar).refresh()
        self.query_one(Banner).update()
        self.query_one(KeyBar).refresh()

    # actions

    def refusal(self, action: actions.Action) -> str | None:
        """Why an action would not run now, or None; for footer, help and the dispatcher alike."""
        refused = actions.refusal(action, read_only=self.session.read_only)
        return refused or self.unavailable(action.name)

    def unavailable(self, name: str) -> str | None:
        """What stands against an action on this screen, apart from a read-only session."""
        del name
        return None

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """In a line of text the keys that open one are text."""
        first = actions.OPEN_A_LINE | actions.BEFORE_FOCUS
        opens = action == "perform" and not first.isdisjoint(map(str, parameters))
        return not (opens and isinstance(self.focused, Input))

    async def action_perform(self, name: str) -> None:
        """The one way to run an action; a read-only session refuses writes here."""
        if refused := self.refusal(actions.named(name)):
            self.toast(refused, "warning")
            return
        done = getattr(self, f"do_{name}")()
        if isawaitable(done):
            await done

    def toast(
        self, text: str, severity: Literal["information", "warning", "error"] = "information"
    ) -> None:
        """Say something for a few seconds; never read as markup, never more than a line."""
        self.app.notify(one_line(text), severity=severity, timeout=4, markup=False)

    def do_help(self) -> None:
        """Show the keys of this screen."""
        self.app.push_screen(KeysDialog(self.action_screen, self.refusal), self._chosen_key)

    def _chosen_key(self, name: str | None) -> None:
        if name:
            self.call_later(self.action_perform, name)

    def do_refresh(self) -> None:
        """Read now."""
        self.live.refresh()
        self.post_message(ReadAgain())

    def do_pause(self) -> None:
        """Stop reading, or go on."""
        again = f"paused: {actions.key('pause', self.action_screen)} goes on"
        self.toast(again if self.live.toggle_pause() else "live again")
        self.update_bars()

    def do_slower(self) -> None:
        """Longer interval."""
        self._say_interval(self.live.change_interval(1))

    def do_faster(self) -> None:
        """Shorter interval."""
        self._say_interval(self.live.change_interval(-1))

    def _say_interval(self, seconds: float) -> None:
        self.toast(f"reading every {seconds:g} s")
        self.update_bars()

    def do_times(self) -> None:
        """As ages, in UTC, in the zone of this machine, and around."""
        ways = list(ages.Times)
        way = ways[(ways.index(ages.told()) + 1) % len(ways)]
        ages.tell(way)
        told = {"relative": "as ages", "UTC": "in UTC", "local": f"in {ages.zone()}"}
        self.toast(f"times are told {told[way.value]}")
        self.post_message(TimesChanged())

    def do_show_audit(self) -> None:
        """To the audit."""
        self.post_message(ShowMode(actions.AUDIT))

    def do_show_nodes(self) -> None:
        """To workers and queues."""
        self.post_message(ShowMode(actions.NODES))

    def do_show_health(self) -> None:
        """To the health report."""
        self.post_message(ShowMode(actions.HEALTH))

    def do_show_journal(self) -> None:
        """To the operator journal."""
        self.post_message(ShowMode(actions.JOURNAL))

    def do_show_runs(self) -> None:
        """To the runs, as they were left."""
        self.post_message(ShowMode(actions.RUNS))

    def do_leave(self) -> None:
        """Back, or out of the console."""
        if len(self.app.screen_stack) > 1:
            self.app.pop_screen()
        else:
            self.app.exit()

    # the command line

    def verb_actions(self) -> Sequence[actions.Action]:
        """What can be typed besides the verbs that lead somewhere."""
        return actions.of_screen(self.action_screen)

    def choices(self) -> dict[str, Callable[[], Sequence[str]]]:
        """What this screen knows that can follow a verb."""
        return {}

    def do_command(self) -> None:
        """Open the command line; nothing is read while it is being typed."""
        self.live.suspend()
        self.query_one(CommandLine).open()

    def on_command_line_closed(self, event: CommandLine.Closed) -> None:
        """Go on, and do what was asked for."""
        self.live.resume()
        self.focus_body()
        order = event.order
        if order is None:
            return
        if order.verb in {verb.name for verb in verbs.VERBS}:
            self.post_message(Ordered(order))
        else:
            self.call_later(self.action_perform, order.verb)

    def focus_body(self) -> None:
        """Give the focus to what the screen is about."""
        self.set_focus(self.query(self.AUTO_FOCUS or "*").first())
