"""Keys are handed on one by one: the next when all that came of the one before is done.

Textual gives a key at once to whatever has the focus. What a key leads to (a screen opens, a dialog
closes, the focus goes to a line) comes later, through the queues of widgets; a key typed quickly
behind it would reach what had the focus before, and be lost or mean something else. Here it waits
its turn, which takes about a millisecond and is not noticed.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# Textual leaves the type of `Widget.app` open.

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from time import monotonic, thread_time
from typing import Any, Final

from textual import events
from textual._context import message_hook
from textual.app import App
from textual.message import Message
from textual.message_pump import MessagePump

Typed = events.Key | events.Paste
MOST: Final = 1.0
"""Seconds that a key waits at most: whatever hangs, the keys go on."""
UNPAINTED: Final = 0.1
"""Seconds for which the screen stands still at most, while keys come faster than it is painted."""


class Turn(Message, bubble=False):
    """It is this key's turn."""

    def __init__(self, event: Typed) -> None:
        self.event = event
        self.taken = asyncio.Event()
        super().__init__()


class KeyQueue:
    """The keys that were typed and not handed on yet.

    Args:
        app: gets a `Turn` for each.

    Attributes:
        handled: told, when all that came of a key is done, the CPU time when its turn came.
    """

    def __init__(self, app: App[Any]) -> None:
        self._app = app
        self.handled: Callable[[float], None] | None = None
        self._typed: asyncio.Queue[Typed] = asyncio.Queue()
        self._dispatched = 0

    def listen(self) -> None:
        """Count the messages of all widgets that the running task makes."""
        message_hook.set(self._count)

    def _count(self, message: Message) -> None:
        del message
        self._dispatched += 1

    def put(self, event: Typed) -> None:
        """A key was pressed, or text pasted."""
        self._typed.put_nowait(event)

    async def run(self) -> None:
        """Hand on until cancelled."""
        await self.settled()
        while True:
            event = await self._typed.get()
            began = thread_time()
            if self._typed.empty():
                await self._hand_on(event)
            else:
                await self._hand_on_together(event)
            if self.handled is not None:
                self.handled(began)

    async def _hand_on_together(self, event: Typed) -> None:
        """As long as more keys wait nothing is painted, but for a moment now and then.

        On another screen nothing can be moved in before it has been laid out.
        """
        until = monotonic() + UNPAINTED
        screen = self._app.screen
        with self._app.batch_update():
            await self._hand_on(event)
            while not self._typed.empty() and monotonic() < until and self._app.screen is screen:
                await self._hand_on(self._typed.get_nowait())
        await self.settled()

    async def _hand_on(self, event: Typed) -> None:
        """One key, and all that comes of it."""
        turn = Turn(event)
        self._app.post_message(turn)
        with suppress(TimeoutError):
            async with asyncio.timeout(MOST):
                await turn.taken.wait()
        await self.settled()

    async def settled(self) -> None:
        """Until no widget on screen has anything to do, or for `MOST` seconds."""
        until = monotonic() + MOST
        quiet = False
        while not quiet and monotonic() < until:
            before = self._dispatched
            asked = await self._pass(until)
            busy = any(not pump._message_queue.empty() for pump in self._pumps())
            quiet = not busy and self._dispatched == before + asked

    async def _pass(self, until: float) -> int:
        """Until everyone has come to what is behind their queue now; says how many there are."""
        reached = asyncio.Event()
        left = 0

        def arrived() -> None:
            nonlocal left
            left -= 1
            if not left:
                reached.set()

        for pump in self._pumps():
            left += pump.call_later(arrived)
        asked = left
        with suppress(TimeoutError):
            async with asyncio.timeout(until - monotonic()):
                await reached.wait()
        return asked

    def _pumps(self) -> list[MessagePump]:
        """The app, the screen on top, what has its keys, and whoever has something to do."""
        app = self._app
        if not app.screen_stack:
            return [app]
        keyed: list[MessagePump] = [app]
        keyed += [app.screen] if app.focused is None else app.focused.ancestors_with_self[:-1]
        busy = [each for each in app.screen.walk_children() if not each._message_queue.empty()]
        return list(dict.fromkeys([*keyed, *busy]))
