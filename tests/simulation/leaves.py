"""The steps that a run does by itself: activities, waiting, signals, draws."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import continuum
from continuum import Retry
from tests.simulation import world as outside
from tests.simulation.interruptions import cancel_all
from tests.simulation.programs import REFUSED, Node, bound


class Unexpected(Exception):
    """A step gave what it never should; the run fails."""


PLAIN: dict[str, Callable[[int, str], Awaitable[Any]]] = {
    "effect": outside.effect,
    "sync": outside.sync,
    "queued": outside.queued,
    "refused": outside.refused,
    "timeout": outside.timeout,
    "silent": outside.silent,
    "stubborn": outside.stubborn,
}


async def outcome(call: Awaitable[Any]) -> Any:
    """What an activity gave; its failure as a value."""
    try:
        return await call
    except continuum.ActivityFailed as error:
        return ["failed", error.type]


def expect(value: Any, wanted: Any) -> Any:
    """The value, which nothing that goes wrong may change."""
    if value != wanted:
        raise Unexpected(f"{value!r} instead of {wanted!r}")
    return value


class Leaves:
    """Performs the nodes that have none below.

    Args:
        world: where the effects happen.
        label: of the part; a node's is that of the node above it and its position there.
    """

    def __init__(self, world: int, label: str) -> None:
        self.world = world
        self.label = label

    async def _flaky(self, node: Node, label: str) -> Any:
        return await outcome(outside.flaky(self.world, label, node[1]))

    async def _once(self, node: Node, label: str) -> Any:
        once = {
            "here": outside.once,
            "queued": outside.once.options(queue=outside.QUEUE),
            "called": outside.careful.options(on_crash="fail"),
        }[node[1]]
        await outcome(once(self.world, label))  # a crash may have failed it, lawfully

    async def _keyed(self, node: Node, label: str) -> Any:
        one, other = await asyncio.gather(
            outside.keyed(self.world, label), outside.keyed(self.world, label)
        )
        expect(one, other)
        return label  # how often it has happened depends on the attempts that were lost (`keys`)

    async def _pages(self, node: Node, label: str) -> Any:
        queued = outside.pages.options(queue=outside.QUEUE)
        pages = queued if node[2] else outside.pages
        return expect(await pages(self.world, label, node[1]), True)

    async def _process(self, node: Node, label: str) -> Any:
        how = node[1]
        try:
            return expect(await outside.in_process(self.world, label, how), label)
        except continuum.ActivityCrashed:
            return expect("doomed", how)
        except continuum.ActivityFailed:
            return expect("refuses", how)

    async def _transaction(self, node: Node, label: str) -> Any:
        transaction, how = outside.transaction, node[2]
        if how == "queued":
            transaction = transaction.options(queue=outside.QUEUE)
        elif how == "keyed":
            transaction = transaction.options(idempotency_key=f"{self.world}:{label}")
        value = await outcome(transaction(self.world, label, node[1]))
        return value if node[1] == outside.ATTEMPTS else expect(value, label)

    async def _elsewhere(self, node: Node, label: str) -> Any:
        urgent = outside.flaky.options(
            queue=outside.QUEUE,
            priority=5,
            retry=Retry(max_attempts=9, initial=0.1),
            timeout=600,
            heartbeat_timeout=600,
        )
        return await urgent(self.world, label, 2)

    async def _sleep(self, node: Node, label: str) -> Any:
        before = continuum.now()
        await continuum.sleep(node[1])
        return (continuum.now() - before).total_seconds() >= node[1]

    async def _signal(self, node: Node, label: str) -> Any:
        limit = bound(node) * 1000
        for value in range(node[1]):
            expect(await continuum.wait_signal(label, timeout=limit, type=int), value)

    async def _signals(self, node: Node, label: str) -> Any:
        waiting = [
            asyncio.create_task(continuum.wait_signal(f"{label}-{name}")) for name in ("a", "b")
        ]
        if node[1] == "both":
            return await asyncio.gather(*waiting)
        try:
            done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await cancel_all(waiting)
        return [task.result() for task in done]

    async def _silence(self, node: Node, label: str) -> Any:
        try:
            return await continuum.wait_signal(f"{label}-never", timeout=node[1])
        except TimeoutError:
            return "silence"

    async def _question(self, node: Node, label: str) -> Any:
        def possible(value: int) -> None:
            if value == REFUSED:
                raise ValueError("as programmed")

        limit = bound(node) * 1000
        for value in range(node[1]):
            question = await continuum.wait_question(label, timeout=limit, type=int, check=possible)
            expect(question.value, value)
            if value % 2:
                question.refuse("odd")
            else:
                question.answer(value)

    async def _draw(self, node: Node, label: str) -> Any:
        drawn = [continuum.now(), continuum.today(), continuum.random(), continuum.uuid4()]
        drawn += [continuum.rng().randint(1, 6), continuum.info()]
        continuum.logger.debug("drawn at %s", label)
        return await outside.noted(self.world, label, [str(value) for value in drawn])

    async def _side_effect(self, node: Node, label: str) -> Any:
        def look() -> int:
            if node[1]:
                raise LookupError(label)
            outside.World.looks += 1
            return outside.World.looks

        try:
            seen = continuum.side_effect(look)
        except continuum.ActivityFailed as error:
            return error.type
        return await outside.noted(self.world, label, [seen])

    async def _patch(self, node: Node, label: str) -> Any:
        return continuum.patched("simulated-change")

    async def _attributes(self, node: Node, label: str) -> Any:
        for value in range(node[1]):
            continuum.set_attributes({label: value})
            continuum.publish(label, value)
        await asyncio.sleep(0)
        return None
