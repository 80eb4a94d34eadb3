"""The world outside the workflows: activities, and what they did to it.

Each effect has a label that names the place in the program; the worlds of different executions
are told apart by a number, so an attempt that outlives its worker spoils nobody else's.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from itertools import count
from typing import Any, ClassVar, Final

import continuum
from continuum import Queue, Retry, activity

QUEUE: Final = "side"
SERVED: Final = Queue(QUEUE, concurrency=3, fleet_concurrency=5, rate=100)
PAGES: Final = 4
_STUBBORNNESS: Final = 20


class Refused(Exception):
    """Trying again does not help."""


class Died(BaseException):
    """The process in which this is raised is gone."""


class World:
    """What one execution of a program has done outside.

    Attributes:
        effects: how often each label's effect happened.
        failures: how often each label's attempts failed, or died.
        at_most_once: the labels of effects that must not be repeated, and may be missing.
        exactly_once: the labels of effects that must not be repeated, nor be missing.
        calls: by label, what identifies the call of an activity in all its attempts.
        looks: how often a `side_effect` function has looked at any world.
    """

    looks: ClassVar[int] = 0

    def __init__(self) -> None:
        self.number = next(_numbers)
        self.effects: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()
        self.at_most_once: set[str] = set()
        self.exactly_once: set[str] = set()
        self.calls: dict[str, str] = {}
        _worlds[self.number] = self

    def close(self) -> None:
        """Nobody looks at it any more."""
        del _worlds[self.number]


_numbers = count(1)
_worlds: dict[int, World] = {}


def happens(world: int, label: str) -> str:
    """An effect, unless its world is gone."""
    if world in _worlds:
        _worlds[world].effects[label] += 1
    return label


@activity(name="effect")
async def effect(world: int, label: str) -> str:
    """Happens."""
    return happens(world, label)


@activity(name="noted")
async def noted(world: int, label: str, drawn: list[Any]) -> str:
    """Happens; its arguments must be the same in every replay."""
    return happens(world, label)


@activity(name="sync")
def sync(world: int, label: str) -> str:
    """Happens in a thread."""
    return happens(world, label)


@activity(name="queued", queue=QUEUE)
async def queued(world: int, label: str) -> str:
    """Happens in whichever worker takes it from the queue."""
    return happens(world, label)


ATTEMPTS: Final = 3


@activity(
    name="flaky",
    retry=Retry(max_attempts=ATTEMPTS, initial=0.5, factor=3, max_delay=1, jitter=0.5),
)
async def flaky(world: int, label: str, failures: int) -> str:
    """Happens after some failures, never if there are not attempts enough.

    A failure whose worker dies before it is committed uses up no attempt.
    """
    failed = _worlds[world].failures
    if failures == ATTEMPTS or failed[label] < failures:
        failed[label] += 1
        raise ConnectionError(label)
    return happens(world, label)


@activity(name="refused", retry=Retry(max_attempts=5, non_retryable=(Refused,)))
async def refused(world: int, label: str) -> None:
    """Never happens."""
    raise Refused(label)


@activity(name="timeout", timeout=0.005, retry=Retry(max_attempts=2, initial=0.1))
async def timeout(world: int, label: str) -> None:
    """Never ends in time."""
    await asyncio.Event().wait()


@activity(name="silent", heartbeat_timeout=0.005, retry=Retry(max_attempts=2, initial=0.1))
async def silent(world: int, label: str) -> None:
    """Says once that it lives, and then nothing more."""
    continuum.heartbeat(label)
    await asyncio.Event().wait()


@activity(name="pages", heartbeat_timeout=60, retry=Retry(max_attempts=ATTEMPTS, initial=0.5))
async def pages(world: int, label: str, failures: int) -> bool:
    """Goes on where the attempt before stopped; answers whether all were one call.

    Args:
        failures: attempts that fail after a page; one less than attempts at most.
    """
    failed = _worlds[world].failures
    call = continuum.activity_info().key
    for page in range(continuum.last_heartbeat(int) or 0, PAGES):
        happens(world, f"{label}/page{page}")
        continuum.heartbeat(page + 1)
        if failed[label] < failures:
            failed[label] += 1
            raise ConnectionError(label)
    return _worlds[world].calls.setdefault(label, call) == call


@activity(name="in_process", executor="process", retry=Retry(non_retryable=(Refused,)))
def in_process(world: int, label: str, how: str) -> str:
    """Happens in a process of its own, which may die once, or each time."""
    died = _worlds[world].failures
    if how == "refuses":
        raise Refused(label)
    if how == "doomed" or (how == "dies" and not died[label]):
        died[label] += 1
        raise Died
    return happens(world, label)


@activity(name="transaction", transactional=True, retry=Retry(max_attempts=ATTEMPTS, initial=0.5))
async def transaction(world: int, label: str, failures: int) -> str:
    """Happens with its result, or not at all; fails as `flaky` does, after its effect."""
    failed = _worlds[world].failures
    _worlds[world].exactly_once.add(label)
    connection: Any = continuum.transaction()
    connection.insert(world, label)
    if failures == ATTEMPTS or failed[label] < failures:
        failed[label] += 1
        raise ConnectionError(label)
    return label


@activity(name="endless")
async def endless(world: int, label: str) -> None:
    """Never ends."""
    await asyncio.Event().wait()


@activity(name="queued_endless", queue=QUEUE)
async def queued_endless(world: int, label: str) -> None:
    """Never ends, in a queue."""
    await asyncio.Event().wait()


@activity(name="failing", retry=Retry(max_attempts=9, initial=86_400, max_delay=86_400))
async def failing(world: int, label: str) -> None:
    """Fails and is tried again a day later."""
    raise ConnectionError(label)


@activity(
    name="queued_failing", queue=QUEUE,
    retry=Retry(max_attempts=9, initial=86_400, max_delay=86_400),
)  # fmt: skip
async def queued_failing(world: int, label: str) -> None:
    """The same in a queue."""
    raise ConnectionError(label)


@activity(name="once", on_crash="fail", retry=Retry(max_attempts=3))
async def once(world: int, label: str) -> str:
    """Happens at most once."""
    if world in _worlds:
        _worlds[world].at_most_once.add(label)
    return happens(world, label)


@activity(name="careful")
async def careful(world: int, label: str) -> str:
    """Happens at most once where the call says so."""
    return await once.fn(world, label)


def _key(world: int, label: str) -> str:
    return f"{world}:{label}"


@activity(name="keyed", idempotency_key=_key)
async def keyed(world: int, label: str) -> int:
    """Happens once for all calls with a label; answers how often it has happened."""
    happens(world, label)
    return _worlds[world].effects[label]


@activity(name="stubborn")
async def stubborn(world: int, label: str) -> str:
    """Ends later, and does not care whether it is told to stop."""
    for _ in range(_STUBBORNNESS):
        try:
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            continue
    return happens(world, label)


ON_QUEUES: Final = [
    careful, flaky, once, pages, queued, queued_endless, queued_failing, transaction,
]  # fmt: skip
