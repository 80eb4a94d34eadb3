"""Sends hints after commits, on a connection of its own (rule 25).

NOTIFY takes a database-wide lock until its transaction is durable, so hints never ride in a batch:
they go out behind it with `synchronous_commit=off`, through a transaction pooler if there is one.
Whatever is asked while one is being sent is sent together next. A hint that fails is lost, which is
lawful: the poll finds what it announced.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterable, Sequence
from typing import Final
from uuid import UUID

import psycopg

from continuum.store.postgres.arrays import Packed, texts, uuids
from continuum.store.postgres.session import Connect, Dedicated, Session, transient_errors
from continuum.store.postgres.statements import statements
from continuum.store.protocol import StoreUnavailable

log = logging.getLogger("continuum.store")

_SQL: Final = statements("hints")

MAX_PAYLOAD: Final = 4096
"""Bytes. PostgreSQL refuses 8,000; a longer list of runs becomes the word "poll"."""

POLL: Final = "poll"
ENDED_CHANNEL: Final = "continuum_ended"

GATHER: Final = 0.003
SPACING: Final = 0.025
"""Seconds in which ends are gathered for one notification, and between two of them: a worker that
ends one run after another is not held up by each, and who waits elsewhere does not feel it."""

_CLOSE_WITHIN: Final = 1.0
_PAUSE: Final = 1.0


def encode_hint(run_ids: Iterable[UUID]) -> str:
    """The payload that names these runs, or "poll"."""
    text = ",".join(run_id.hex for run_id in run_ids)
    return text if 0 < len(text) <= MAX_PAYLOAD else POLL


def decode_hint(payload: str) -> list[UUID]:
    """The runs a payload names; none for "poll" and for anything unreadable."""
    try:
        return [UUID(hex=name) for name in payload.split(",")]
    except ValueError:
        return []


class PostgresHints:
    """`HintSender` over NOTIFY.

    Args:
        connect: opens the connection when the first hint is sent, and after a loss.
        enabled: False sends nothing at all, so that tests can prove that hints are only hints.
    """

    def __init__(self, connect: Connect, *, enabled: bool = True) -> None:
        self._dedicated = Dedicated(connect)
        self._enabled = enabled
        self._changed: dict[UUID, None] = {}
        self._ended: dict[UUID, None] = {}
        self._poll = False
        self._queues: dict[str, None] = {}
        self._task: asyncio.Task[None] | None = None
        self._gathering: asyncio.TimerHandle | None = None
        self._ends_sent_at = 0.0
        self._closed = False

    def runs_changed(self, run_ids: Sequence[UUID]) -> None:
        """See `HintSender.runs_changed`."""
        self._changed.update(dict.fromkeys(run_ids))
        self._send_soon()

    def runs_ended(self, run_ids: Sequence[UUID]) -> None:
        """See `HintSender.runs_ended`."""
        self._ended.update(dict.fromkeys(run_ids))
        if not self._enabled or self._closed:
            self._take()
        elif self._gathering is None and self._task is None:
            loop = asyncio.get_running_loop()
            at = max(loop.time() + GATHER, self._ends_sent_at + SPACING)
            self._gathering = loop.call_at(at, self._send_soon)

    def runs_answered(self, run_ids: Sequence[UUID]) -> None:
        """See `HintSender.runs_answered`; somebody waits, so it is not gathered."""
        self._ended.update(dict.fromkeys(run_ids))
        self._send_soon()

    def poll_now(self) -> None:
        """See `HintSender.poll_now`."""
        self._poll = True
        self._send_soon()

    def tasks_queued(self, queues: Sequence[str]) -> None:
        """See `HintSender.tasks_queued`."""
        self._queues.update(dict.fromkeys(queues))
        self._send_soon()

    async def close(self) -> None:
        """Send what is pending, for a second at most, and close the connection."""
        if self._gathering is not None:
            self._send_soon()
        self._closed = True
        task = self._task
        if task is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(task, _CLOSE_WITHIN)
        await self._dedicated.close()

    def _send_soon(self) -> None:
        if self._gathering is not None:
            self._gathering.cancel()
            self._gathering = None
        if not self._enabled or self._closed:
            self._take()
        elif self._task is None:
            self._task = asyncio.get_running_loop().create_task(
                self._send(), name="continuum:hints"
            )

    def _take(self) -> tuple[list[UUID], list[UUID], list[str], bool]:
        taken = list(self._changed), list(self._ended), list(self._queues), self._poll
        self._changed.clear()
        self._ended.clear()
        self._queues.clear()
        self._poll = False
        return taken

    async def _send(self) -> None:
        try:
            while self._changed or self._ended or self._queues or self._poll:
                changed, ended, queues, poll = self._take()
                try:
                    await self._notify(changed, ended, queues, poll=poll)
                except (StoreUnavailable, psycopg.Error) as error:
                    log.info("hints not sent, the poll will find it: %s", error)
                    await self._dedicated.close()
                    if self._closed:
                        return
                    await asyncio.sleep(_PAUSE)
        finally:
            self._task = None

    async def _notify(
        self, changed: list[UUID], ended: list[UUID], queues: list[str], *, poll: bool
    ) -> None:
        session: Session = await self._dedicated.session()
        with transient_errors():
            if changed:
                limit = Packed(MAX_PAYLOAD.to_bytes(4, "big"))
                await session.run(_SQL["runs_changed"], [uuids(changed), limit])
            if ended:
                self._ends_sent_at = asyncio.get_running_loop().time()
                await session.run(_SQL["runs_ended"], [encode_hint(ended)])
            if queues and not poll:
                await session.run(_SQL["tasks_queued"], [texts(queues)])
            if poll:
                await session.run(_SQL["poll_now"])
