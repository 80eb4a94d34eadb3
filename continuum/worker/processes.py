"""Processes for CPU-bound activities: each runs one attempt at a time.

Not a `ProcessPoolExecutor`: there one process that dies fails the attempts of all others, and an
attempt that is cancelled goes on. Here each process has a pipe of its own, a cancelled attempt's
process is killed, and a process whose worker is gone ends itself.
"""

from __future__ import annotations

import asyncio
import importlib
import multiprocessing
import os
import sys
import threading
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, Any, Final

from continuum.codec.failures import capture_failure
from continuum.errors import ContinuumError
from continuum.journal.events import Failure

if TYPE_CHECKING:
    from multiprocessing.context import SpawnProcess

_CONTEXT: Final = multiprocessing.get_context("spawn")


class ProcessDied(Exception):
    """The process of an attempt ended before the attempt did."""


class RemoteFailure(ContinuumError):
    """An activity raised in its process; the original cannot be carried over.

    Attributes:
        failure: as it is journaled.
        kinds: qualified names of the exception's classes.
    """

    def __init__(self, failure: Failure, kinds: tuple[str, ...]) -> None:
        self.failure = failure
        self.kinds = kinds
        super().__init__(failure.message)


class _Helper:
    """One process and the pipe to it."""

    def __init__(self) -> None:
        self.pipe, theirs = _CONTEXT.Pipe()
        self.process: SpawnProcess = _CONTEXT.Process(
            target=_serve, args=(theirs,), name="continuum-activity", daemon=True
        )
        self.process.start()
        theirs.close()

    def ask(self, request: tuple[str, str, bytes]) -> Any:
        """Blocks until the answer comes. Raises `ProcessDied`."""
        try:
            self.pipe.send(request)
            return self.pipe.recv()
        except (EOFError, OSError):
            raise ProcessDied(f"exit code {self.process.exitcode}") from None

    def kill(self) -> None:
        """End it now, whatever it does."""
        self.process.kill()


class Processes:
    """As many processes as attempts run at once, started when needed, at most `limit`.

    Args:
        limit: processes; default the number of processors.
    """

    def __init__(self, limit: int | None = None) -> None:
        self._limit = asyncio.Semaphore(limit or os.cpu_count() or 1)
        self._idle: list[_Helper] = []
        self._busy: set[_Helper] = set()

    @property
    def busy(self) -> list[int]:
        """Process ids of those that run an attempt."""
        return [helper.process.pid or 0 for helper in self._busy]

    async def run(self, activity: Any, args: bytes) -> bytes:
        """The encoded result of one attempt; its process is killed when this is cancelled.

        Raises:
            ProcessDied: the process ended meanwhile.
            RemoteFailure: the activity raised.
        """
        async with self._limit:
            helper = self._idle.pop() if self._idle else await asyncio.to_thread(_Helper)
            self._busy.add(helper)
            try:
                fn = activity.fn
                answer = await self._ask(helper, (fn.__module__, fn.__qualname__, args))
            except BaseException:
                helper.kill()
                raise
            finally:
                self._busy.discard(helper)
            self._idle.append(helper)
        if isinstance(answer, bytes):
            return answer
        failure, kinds = answer
        raise RemoteFailure(failure, kinds)

    def close(self) -> None:
        """Kill them all."""
        for helper in [*self._idle, *self._busy]:
            helper.kill()
        self._idle.clear()

    async def _ask(self, helper: _Helper, request: tuple[str, str, bytes]) -> Any:
        """A thread of its own waits at the pipe: it may wait long, and must not block exit."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()

        def tell(answer: Any, error: BaseException | None) -> None:
            if future.done():
                return
            if error is None:
                future.set_result(answer)
            else:
                future.set_exception(error)

        def work() -> None:
            answer: Any = None
            error: BaseException | None = None
            try:
                answer = helper.ask(request)
            except BaseException as raised:
                error = raised
            try:
                loop.call_soon_threadsafe(tell, answer, error)
            except RuntimeError:  # the loop is closed
                return

        threading.Thread(target=work, name="continuum-process-pipe", daemon=True).start()
        return await future


def _serve(pipe: Connection) -> None:
    """The main function of a process."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    sys.path.insert(0, "") if "" not in sys.path else None
    while True:
        try:
            module, name, args = pipe.recv()
        except (EOFError, OSError, KeyboardInterrupt):
            return
        try:
            pipe.send(_call(module, name, args))
        except BaseException as error:
            kinds = tuple(f"{c.__module__}.{c.__qualname__}" for c in type(error).__mro__)
            pipe.send((capture_failure(error), kinds))


def _call(module: str, name: str, args: bytes) -> bytes:
    target: Any = importlib.import_module(module)
    for part in name.split("."):
        target = getattr(target, part)
    return target.returns.encode(target.fn(*target.signature.decode(args)))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
