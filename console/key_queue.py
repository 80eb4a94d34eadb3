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
from contextlib import suppress
from time import monotonic
from typing import Any, Final

from textual import events
from textual._context import message_hook
from textual.app import App
from textual.message import Message
from textual.message_pump import MessagePump

Typed = events.Key | events.Paste
MOST: Final = 1.0
"""Seconds that a key waits at most: whatever hangs, the keys go on."""


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
    """

    def __init__(self, app: App[Any]) -> None:
        self._app = app
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
        while True:
            await self.settled()
            turn = Turn(await self._typed.get())
            self._app.post_message(turn)
            with suppress(TimeoutError):
                async with asyncio.timeout(MOST):
                    await turn.taken.wait()

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
        """The app, and the screen on top with all that is on it."""
        if not self._app.screen_stack:
            return [self._app]
        return [self._app, *self._app.screen.walk_children(with_self=True)]
