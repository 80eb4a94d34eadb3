"""How user code is executed where it is more than a call: keys, transactions, processes.

Order of an attempt with an idempotency key: reserve (committed), run, store the result under the
reservation (committed), and only then tell the run. A crash in between leaves either a reservation
that the next attempt of the same call takes over, or a result that it finds.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from random import Random
from typing import Any, Protocol, TypeVar
from uuid import UUID

from msgspec import Raw

from continuum.declare.attempt import current_attempt
from continuum.journal.tasks import AttemptResult, encode_task
from continuum.store.activities import ActivityStore, AttemptFence, AttemptFenced
from continuum.store.protocol import InboxMessage, StoreUnavailable
from continuum.worker.attempt import Attempt
from continuum.worker.processes import ProcessDied, Processes
from continuum.worker.service import Backoff
from continuum.worker.threads import DaemonThreads

T = TypeVar("T")

Posted = Callable[[Sequence[InboxMessage]], None]


class AttemptHeld(Exception):
    """Another call holds the idempotency key; the attempt has not begun."""


class AttemptLost(Exception):
    """The process of the attempt died, or nobody can tell what became of it."""


class AttemptAnswered(Exception):
    """The outcome is in the run's inbox already."""


class Slots(Protocol):
    """The activities that the executors serve."""

    @property
    def running(self) -> int:
        """Attempts in progress."""
        ...


def is_plain(activity: Any) -> bool:
    """Whether running it is nothing but calling its function."""
    return (
        activity.idempotency_key is None
        and not activity.transactional
        and activity.executor == "thread"
    )


class Executors:
    """Runs attempts that are not plain.

    Args:
        store: reserves keys and lends transactions.
        node_id: of this epoch.
        posted: told of messages that were put into inboxes.
    """

    def __init__(
        self, store: ActivityStore, random: Random, *, node_id: Callable[[], UUID],
        posted: Posted, processes: Processes,
    ) -> None:  # fmt: skip
        self._store = store
        self._random = random
        self._node_id = node_id
        self._posted = posted
        self._processes = processes
        self._threads: DaemonThreads
        self._thread_of: dict[Attempt, asyncio.Future[bytes]] = {}

    def connect(self, threads: DaemonThreads, slots: Slots) -> None:
        """Share the threads of the plain attempts."""
        self._threads = threads

    def close(self) -> None:
        """End the processes."""
        self._processes.close()

    def fence(self, attempt: Attempt) -> AttemptFence:
        """By which right this worker runs an attempt."""
        call, run = attempt.call, attempt.run
        return AttemptFence(
            self._node_id(), call.run_id, run.token, call.incarnation, call.command, call.attempt,
            call.namespace, task=run.is_task,
        )  # fmt: skip

    async def run(self, attempt: Attempt) -> bytes:
        """The encoded result.

        Raises:
            AttemptHeld, AttemptLost, AttemptAnswered: it has no outcome of its own.
            Exception: what user code raised.
        """
        key = attempt.call.activity.idempotency_key
        fence = self.fence(attempt)
        if not isinstance(key, str):
            return await self._execute(attempt, fence, None)
        name = attempt.call.activity.name
        try:
            reserved = await self._insist(partial(self._store.reserve_key, fence, name, key))
        except AttemptFenced:
            raise AttemptLost from None
        if reserved.value is not None:
            return reserved.value
        if not reserved.mine:
            raise AttemptHeld
        try:
            value = await self._execute(attempt, fence, key)
        except AttemptAnswered:
            self._posted(
                await self._insist(partial(self._store.wake_key, fence.namespace, name, key))
            )
            raise
        except AttemptLost:
            raise  # the next attempt of this call takes the reservation over
        except BaseException:
            if attempt.ended_as != "dropped":
                attempt.sealed = True
                await self._release(fence, name, key)
            raise
        attempt.sealed = True
        self._posted(await self._insist(partial(self._store.complete_key, fence, name, key, value)))
        return value

    async def wait_thread(self, attempt: Attempt) -> None:
        """A thread cannot be stopped: its slot is in use until it ends."""
        future = self._thread_of.pop(attempt, None)
        if future is not None and not future.done():
            await asyncio.wait([future])
        if future is not None and not future.cancelled():
            future.exception()

    async def _execute(self, attempt: Attempt, fence: AttemptFence, key: str | None) -> bytes:
        activity = attempt.call.activity
        if activity.transactional:
            return await self._in_transaction(attempt, fence, key)
        if activity.executor == "process":
            try:
                return await self._processes.run(activity, attempt.call.args)
            except ProcessDied:
                raise AttemptLost from None
        if activity.is_async:
            return await self._call(attempt)
        return await self._in_thread(attempt)

    async def _call(self, attempt: Attempt) -> bytes:
        activity = attempt.call.activity
        token = current_attempt.set(attempt)
        try:
            value = await activity.fn(*activity.signature.decode(attempt.call.args))
        finally:
            current_attempt.reset(token)
        return activity.returns.encode(value)

    async def _in_thread(self, attempt: Attempt) -> bytes:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[bytes] = loop.create_future()
        self._thread_of[attempt] = future
        activity = attempt.call.activity

        def job() -> None:
            current_attempt.set(attempt)
            try:
                args = activity.signature.decode(attempt.call.args)
                tell = partial(_finish, future, activity.returns.encode(activity.fn(*args)), None)
            except BaseException as error:
                tell = partial(_finish, future, None, error)
            try:
                loop.call_soon_threadsafe(tell)
            except RuntimeError:  # the loop is closed
                return

        self._threads.submit(partial(contextvars.copy_context().run, job))
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            # What the thread does still counts for the key: nobody else may begin meanwhile.
            while attempt.ended_as != "dropped" and not future.done():
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.wait([future])
            if not future.done():
                raise
            return future.result()

    async def _in_transaction(
        self, attempt: Attempt, fence: AttemptFence, key: str | None
    ) -> bytes:
        """Effects and result in one commit; what comes out is the message, not the value."""
        try:
            async with self._store.transaction(fence) as transaction:
                attempt.connection = transaction.connection
                value = await self._call(attempt)
                if attempt.ended_as is not None:  # it swallowed its cancellation
                    raise asyncio.CancelledError
                attempt.sealed = True  # from here on only the database decides
                result = encode_task(AttemptResult("completed", value=Raw(value)))
                stored = None if key is None else (attempt.call.activity.name, key, value)
                await asyncio.shield(transaction.answer(result, stored))
        except AttemptFenced:
            raise AttemptLost from None
        except StoreUnavailable as error:
            if not attempt.sealed:
                raise (error.__cause__ or error) from None
            await self._find_out(fence)
        except BaseException:
            attempt.sealed = False  # rolled back for certain: an outcome like any other
            raise
        else:
            self._posted(transaction.posted)
        finally:
            attempt.connection = None
        raise AttemptAnswered

    async def _find_out(self, fence: AttemptFence) -> None:
        """The commit failed, or its answer was lost: which of the two?

        Raises:
            AttemptLost: nothing was committed.
        """
        try:
            found = await self._insist(partial(self._store.find_answer, fence))
        except AttemptFenced:
            raise AttemptLost from None
        if found is None:
            raise AttemptLost
        self._posted([found])

    async def _release(self, fence: AttemptFence, name: str, key: str) -> None:
        """Not interrupted: who waits for the key must not wait for the sweep."""
        release = asyncio.ensure_future(
            self._insist(partial(self._store.release_key, fence, name, key))
        )
        while not release.done():
            try:
                await asyncio.shield(release)
            except asyncio.CancelledError:
                if release.cancelled():
                    return
        self._posted(release.result())

    async def _insist(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Until the database answers."""
        backoff = Backoff(self._random)
        while True:
            try:
                return await ask()
            except StoreUnavailable:
                await asyncio.sleep(backoff.pause())


def _finish(
    future: asyncio.Future[bytes], value: bytes | None, error: BaseException | None
) -> None:
    if future.done():
        return
    if value is not None:
        future.set_result(value)
    else:
        assert error is not None
        if isinstance(error, (StopIteration, asyncio.CancelledError)):
            error = RuntimeError(f"the activity raised {error!r}")
        future.set_exception(error)
