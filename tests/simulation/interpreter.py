"""The one workflow of the simulation: it does what its program says (`programs`)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine
from contextlib import suppress
from typing import Any

import continuum
from continuum import RunTerminal, workflow
from tests.simulation import world as outside
from tests.simulation.interruptions import INTERRUPTIONS, Unfortunate, cancel_all
from tests.simulation.leaves import PLAIN, Leaves, outcome
from tests.simulation.programs import SLACK, Node, bound, kids, signals_of

FOREVER = 1e7
"""Seconds; longer than any simulation."""

HANGING: Node = ["cleanup", ["effect"], ["hang", "signal"]]
"""What a child does that only its parent can end."""

BEGINNING: list[Any] = []
"""What a run has done before its first part."""


@workflow(name="simulated")
async def simulated(world: int, label: str, parts: list[Any], end: str, done: list[Any]) -> Any:
    """Perform the first part; the others in further incarnations.

    Args:
        world: where the effects happen.
        label: of the run, unique in its world.
        parts: what is left of the program.
        end: how the last part ends.
        done: what earlier incarnations returned.
    """
    number = len(done)
    actor = Actor(world, f"{label}p{number}")
    gathered = await actor.gather_carried()
    if end == "cancelled" and len(parts) == 1:
        return await actor.wait(parts[0], actor.label)
    done = [*done, [gathered, await actor.perform(parts[0], actor.label)]]
    if len(parts) > 1:
        continuum.continue_as_new(world, label, parts[1:], end, done)
    if end == "error":
        raise Unfortunate(label)
    return done


@workflow(name="carried")
async def carried(world: int, label: str, waits: bool, part: Node) -> Any:
    """A child that the next incarnation of its parent gathers.

    Args:
        world, label: as of `simulated`.
        waits: for that incarnation's signal.
        part: what it does then.
    """
    told = await continuum.wait_signal("gather", type=str) if waits else ""
    return [label, told, await Actor(world, label).perform(part, label)]


WORKFLOWS = [simulated, carried]


class Actor(Leaves):
    """Performs the nodes of one part."""

    async def perform(self, node: Node, label: str) -> Any:
        """A step, to its end."""
        kind = node[0]
        if kind in PLAIN:
            return await outcome(PLAIN[kind](self.world, label))
        return await getattr(self, f"_{kind}")(node, label)

    async def wait(self, node: Node, label: str) -> Any:
        """A wait, until it is cancelled."""
        return await getattr(self, f"_{node[0]}")(node, label)

    async def gather_carried(self) -> Any:
        """What the children of the incarnation before give; nothing in the first."""
        children = continuum.children(carried)
        for child in children:
            with suppress(RunTerminal):
                child.signal("gather", self.label)
        return sorted([await child.result() for child in children])

    def _below(self, node: Node, label: str) -> list[Coroutine[Any, Any, Any]]:
        return [self.perform(step, f"{label}.{position}") for position, step in kids(node)]

    # -- children ------------------------------------------------------------------------------

    async def _child(self, node: Node, label: str) -> Any:
        _, how, end, *parts = node
        child = self.world, f"{label}c", parts, end, BEGINNING
        attributes = {f"{label}c": how}
        try:
            if how == "run":
                return await continuum.run_child(
                    simulated, *child, attributes=attributes, parent_close="abandon"
                )
            if how == "elsewhere":
                return await continuum.run_child(simulated, *child, namespace=how)
            namespace = "elsewhere" if how == "told" else None
            handle = await continuum.start_child(
                simulated, *child, namespace=namespace, attributes=attributes
            )
            seen = [handle.id in [found.id for found in continuum.children()]]
            signals = signals_of(parts, f"{label}c") if how == "told" else []
            for name, value in signals:
                with suppress(RunTerminal):
                    handle.signal(name, value)
                if not value:
                    await outside.effect(self.world, f"{label}/{name}")
            await outside.effect(self.world, label)
            results = [await handle.result(), await handle.result()]
            seen.append(handle.id in [found.id for found in continuum.children()])
            return [*results, seen]
        except continuum.ChildFailed as error:
            return error.type

    async def _carry(self, node: Node, label: str) -> Any:
        # The last incarnation has nobody to gather it: a child that does not wait to be told would
        # race with the end of its parent, were it to be cancelled by that.
        policy = "cancel" if node[1] else "abandon"
        await continuum.start_child(
            carried, self.world, f"{label}c", node[1], node[2], parent_close=policy
        )

    async def _child_cancel(self, node: Node, label: str) -> Any:
        handle = await self._start_hanging(label)
        await outside.effect(self.world, label)
        handle.cancel("no longer wanted")
        try:
            return await handle.result()
        except continuum.ChildCancelled as error:
            return error.reason

    async def _leave_child(self, node: Node, label: str) -> Any:
        if node[1] == "cancel":
            await self._start_hanging(label)
        else:
            parts: list[Node] = [["sleep", 60], ["effect"]]
            await continuum.start_child(
                simulated,
                self.world,
                f"{label}c",
                parts,
                "value",
                BEGINNING,
                parent_close="abandon",
            )

    def _start_hanging(self, label: str) -> Awaitable[continuum.ChildHandle[Any]]:
        return continuum.start_child(
            simulated, self.world, f"{label}c", [HANGING], "cancelled", BEGINNING
        )

    # -- branches ------------------------------------------------------------------------------

    async def _seq(self, node: Node, label: str) -> Any:
        return [await self.perform(n, f"{label}.{i}") for i, n in kids(node)]

    async def _gather(self, node: Node, label: str) -> Any:
        return await asyncio.gather(*self._below(node, label))

    async def _group(self, node: Node, label: str) -> Any:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(step) for step in self._below(node, label)]
        return [task.result() for task in tasks]

    async def _queue(self, node: Node, label: str) -> Any:
        items: asyncio.Queue[Any] = asyncio.Queue(1)

        async def produce(position: int, step: Node) -> None:
            await items.put(await self.perform(step, f"{label}.{position}"))

        async with asyncio.TaskGroup() as group:
            for position, step in kids(node):
                group.create_task(produce(position, step))
            seen = [await items.get() for _ in node[1:]]
        return sorted(map(repr, seen))

    async def _as_completed(self, node: Node, label: str) -> Any:
        steps = self._below(node, label)
        return sorted([repr(await step) for step in asyncio.as_completed(steps)])

    async def _lock(self, node: Node, label: str) -> Any:
        lock = asyncio.Lock()

        async def alone(position: int, step: Node) -> Any:
            async with lock:
                return await self.perform(step, f"{label}.{position}")

        return await asyncio.gather(*(alone(i, step) for i, step in kids(node)))

    async def _within(self, node: Node, label: str) -> Any:
        async with asyncio.timeout(bound(node[1]) + SLACK):
            return await self.perform(node[1], f"{label}.1")

    async def _shielded(self, node: Node, label: str) -> Any:
        return await asyncio.shield(self.perform(node[1], f"{label}.1"))

    async def _guard(self, node: Node, label: str) -> Any:
        try:
            return await self.perform(node[1], f"{label}.1")
        finally:
            await outside.effect(self.world, label)

    async def _saga(self, node: Node, label: str) -> Any:
        _, parallel, undos, clumsy, fails, _ = node
        saga = continuum.saga(parallel=parallel)
        try:
            async with saga:
                for number in range(undos):
                    saga.undo(outside.effect, self.world, f"{label}/undo{number}")
                if clumsy:
                    saga.undo(outside.refused, self.world, label)
                await outside.effect(self.world, f"{label}/charge{undos}")
                value = await self.perform(node[5], f"{label}.5")
                if fails:
                    await outside.refused(self.world, label)
                await outside.effect(self.world, f"{label}/ship")
                return value
        except continuum.ActivityFailed:
            return ["undone", len(saga.failures)]

    async def _abort(self, node: Node, label: str) -> Any:
        """A failure stops an activity while it runs."""
        endless = outside.queued_endless if node[1] else outside.endless

        async def run_on() -> None:
            try:
                await endless(self.world, label)
            finally:
                await outside.effect(self.world, label)

        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(run_on())
                group.create_task(outside.refused(self.world, label))
        except* continuum.ActivityFailed:
            pass

    async def _interrupt(self, node: Node, label: str) -> Any:
        limit = bound(node[2]) + SLACK
        await INTERRUPTIONS[node[1]](self.wait(node[2], f"{label}.2"), limit)
        return "interrupted"

    # -- races: only replay knows what they should do ------------------------------------------

    async def _race(self, node: Node, label: str) -> Any:
        tasks = [asyncio.create_task(step) for step in self._below(node, label)]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await cancel_all(tasks)
        return len(done)

    async def _deadline(self, node: Node, label: str) -> Any:
        try:
            async with asyncio.timeout(node[1]):
                return await self.perform(node[2], f"{label}.2")
        except TimeoutError:
            return "late"

    async def _stray(self, node: Node, label: str) -> Any:
        asyncio.ensure_future(self.perform(node[1], f"{label}.1"))  # noqa: RUF006
        await asyncio.sleep(0)

    # -- waits ---------------------------------------------------------------------------------

    async def _hang(self, node: Node, label: str) -> Any:
        how = node[1]
        if how == "signal":
            await continuum.wait_signal(f"{label}-never")
        elif how == "sleep":
            await continuum.sleep(FOREVER)
        elif how == "child":
            child = f"{label}c"
            await continuum.run_child(
                simulated, self.world, child, [HANGING], "cancelled", BEGINNING
            )
        elif how == "future":
            await asyncio.Event().wait()
        else:
            failing = outside.failing if how == "activity" else outside.queued_failing
            await failing(self.world, label)

    async def _cleanup(self, node: Node, label: str) -> Any:
        try:
            await self.wait(node[2], f"{label}.2")
        except asyncio.CancelledError:
            await self.perform(node[1], f"{label}.1")
            raise

    async def _then(self, node: Node, label: str) -> Any:
        await self.perform(node[1], f"{label}.1")
        await self.wait(node[2], f"{label}.2")

    async def _beside(self, node: Node, label: str) -> Any:
        step, wait = self.perform(node[1], f"{label}.1"), self.wait(node[2], f"{label}.2")
        await asyncio.gather(step, wait)

    async def _together(self, node: Node, label: str) -> Any:
        async with asyncio.TaskGroup() as group:
            for position, wait in kids(node):
                group.create_task(self.wait(wait, f"{label}.{position}"))

    async def _hang_saga(self, node: Node, label: str) -> Any:
        async with continuum.saga(parallel=node[1]) as saga:
            for number in range(2):
                saga.undo(outside.effect, self.world, f"{label}/undo{number}")
            await outside.effect(self.world, f"{label}/charge2")
            await self.wait(node[2], f"{label}.2")
