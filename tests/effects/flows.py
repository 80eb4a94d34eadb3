"""One workflow an effect, with the children they need.

Their histories are kept in `histories/`: never change a body, add another workflow.
"""

from __future__ import annotations

import asyncio
from typing import Any

import continuum
from continuum import workflow
from tests.effects.activities import (
    QUEUE,
    book,
    charge,
    copy_pages,
    flaky,
    hangs,
    once,
    pay,
    refund,
    remember,
    restock,
    step,
    step_in_process,
    step_in_queue,
    step_in_thread,
)  # fmt: skip


@workflow(name="effects:activities")
async def activities(scene: str) -> list[str]:
    """One after another, then two at once."""
    first = await step("first")
    return [first, *await asyncio.gather(step("left"), step("right"))]


@workflow(name="effects:thread")
async def thread(scene: str) -> str:
    """A synchronous activity."""
    return await step_in_thread("thread")


@workflow(name="effects:process")
async def process(scene: str) -> str:
    """A process executor's."""
    return await step_in_process(scene, "process")


@workflow(name="effects:queue")
async def queue(scene: str) -> list[str]:
    """A named queue, where an attempt is repeated, too."""
    return [await step_in_queue("queue"), await flaky.options(queue=QUEUE)("flaky")]


@workflow(name="effects:key")
async def key(scene: str) -> list[str]:
    """An idempotency key, used twice: the second call gets the first one's result."""
    return [await pay(scene), await pay(scene)]


@workflow(name="effects:key_in_queue")
async def key_in_queue(scene: str) -> list[str]:
    """The same through a queue."""
    return [await pay.options(queue=QUEUE)(scene), await pay(scene)]


@workflow(name="effects:transaction")
async def transaction(scene: str) -> str:
    """Exactly once."""
    return await book(scene)


@workflow(name="effects:transaction_in_queue")
async def transaction_in_queue(scene: str) -> str:
    """Exactly once, by whoever takes it."""
    return await book.options(queue=QUEUE)(scene)


@workflow(name="effects:transaction_with_key")
async def transaction_with_key(scene: str) -> list[str]:
    """Exactly once, for two calls."""
    keyed = book.options(idempotency_key=f"book-{scene}")
    return [await keyed(scene), await keyed(scene)]


@workflow(name="effects:heartbeat")
async def heartbeat(scene: str) -> int:
    """Progress that the next attempt reads."""
    return await copy_pages(4)


@workflow(name="effects:retry")
async def retry(scene: str) -> str:
    """Two failures, each followed by a back-off."""
    return await flaky("flaky")


@workflow(name="effects:timeout")
async def timeout(scene: str) -> str:
    """Two attempts that take too long."""
    try:
        await hangs()
    except TimeoutError:
        return "too slow"
    return "in time"


@workflow(name="effects:at_most_once")
async def at_most_once(scene: str) -> str:
    """Goes on whether the activity ran or its worker died."""
    try:
        await once("once")
    except continuum.ActivityCrashed:
        continuum.logger.info("the only attempt was lost")
    return "over"


@workflow(name="effects:sleep")
async def sleep(scene: str) -> str:
    """A timer between two activities."""
    await step("before")
    await continuum.sleep(0.05)
    return await step("after")


@workflow(name="effects:deadline")
async def deadline(scene: str) -> str:
    """`asyncio.timeout` around a wait."""
    try:
        async with asyncio.timeout(0.05):
            await continuum.wait_signal("never")
    except TimeoutError:
        return await step("late")
    return "in time"


@workflow(name="effects:signals")
async def signals(scene: str) -> list[Any]:
    """Two of one name in order, and one that does not come."""
    heard = [await continuum.wait_signal("go", timeout=3600, type=str) for _ in range(2)]
    await step("heard")
    try:
        await continuum.wait_signal("never", timeout=0.05)
    except TimeoutError:
        heard.append("nothing more")
    return heard


@workflow(name="effects:several_signals")
async def several_signals(scene: str) -> list[str]:
    """Whichever of two names comes first, then the other."""
    waits = {
        name: asyncio.create_task(continuum.wait_signal(name, type=str)) for name in ("yes", "no")
    }
    order: list[str] = []
    while waits:
        await asyncio.wait(waits.values(), return_when=asyncio.FIRST_COMPLETED)
        for name in [name for name, wait in waits.items() if wait.done()]:
            order.append(f"{name}: {waits.pop(name).result()}")
            await step(name)
    return order


@workflow(name="effects:side_effect")
async def side_effect(scene: str) -> list[bool]:
    """What is drawn once is the same after every takeover."""
    serial = continuum.side_effect(lambda: id(object()))
    drawn = [str(serial), str(continuum.uuid4()), str(continuum.random())]
    kept = await remember(drawn)
    await continuum.sleep(0.02)
    return [before == after for before, after in zip(drawn, kept, strict=True)]


@workflow(name="effects:echo")
async def echo(values: list[str]) -> list[str]:
    """A child that works."""
    await step(f"echo {values[0]}")
    return values


@workflow(name="effects:failing")
async def failing(scene: str) -> None:
    """A child that fails."""
    await step("about to fail")
    raise ValueError("as asked")


@workflow(name="effects:waiting")
async def waiting(scene: str) -> str:
    """A child that waits, and cleans up when it is cancelled."""
    try:
        return await continuum.wait_signal("go", type=str)
    except asyncio.CancelledError:
        await step("child cleans up")
        raise


@workflow(name="effects:run_child")
async def run_child(scene: str) -> list[str]:
    """One that works and one that fails."""
    [text] = await continuum.run_child(echo, ["hello"])
    try:
        await continuum.run_child(failing, scene)
    except continuum.ChildFailed as error:
        return [text, error.type, error.error_message]
    return [text]


@workflow(name="effects:start_child")
async def start_child(scene: str) -> list[str]:
    """Two handles: one is awaited, one is cancelled."""
    working = await continuum.start_child(echo, ["hello"])
    stopped = await continuum.start_child(waiting, scene)
    result = await working.result()
    stopped.cancel("no longer needed")
    try:
        await stopped.result()
    except continuum.ChildCancelled:
        result.append("stopped")
    return result


@workflow(name="effects:fan_out")
async def fan_out(scene: str) -> list[str]:
    """Four at once."""
    results = await asyncio.gather(*(continuum.run_child(echo, [str(n)]) for n in range(4)))
    return [text for result in results for text in result]


@workflow(name="effects:abandon")
async def abandon(scene: str) -> str:
    """Ends before its child."""
    await continuum.start_child(waiting, scene, parent_close="abandon")
    return await step("parent is over")


@workflow(name="effects:saga")
async def saga(scene: str) -> str:
    """Two compensations around a verdict."""
    async with continuum.saga() as undoing:
        undoing.undo(refund, scene)
        await charge(scene)
        undoing.undo(restock, scene)
        verdict = await continuum.wait_signal("verdict", type=str)
        if verdict == "rejected":
            raise ValueError("rejected")
        return await step("ship")


@workflow(name="effects:continue_as_new")
async def continue_as_new(scene: str, incarnation: int = 1) -> list[Any]:
    """Carries signals that nobody took, and a child that waits."""
    if incarnation == 1:
        await continuum.start_child(waiting, scene)
        await step("first incarnation")
        await continuum.wait_signal("continue")
        continuum.continue_as_new(scene, 2)
    carried = [await continuum.wait_signal("carried", type=int) for _ in range(2)]
    await step("second incarnation")
    return [carried, continuum.info().incarnation]


@workflow(name="effects:patch")
async def patch(scene: str) -> list[Any]:
    """A decision that later turns ask for again."""
    taken = [continuum.patched("better")]
    await step("new" if taken[0] else "old")
    taken.append(continuum.patched("better"))
    return [*taken, await step("end")]


@workflow(name="effects:attributes")
async def attributes(scene: str) -> str:
    """Merged with three turns; the last one is the end."""
    continuum.set_attributes({"stage": "new", "order": scene})
    await step("pay")
    continuum.set_attributes({"stage": "paid", "total": 3})
    await continuum.sleep(0.02)
    continuum.set_attributes({"stage": "done"})
    return "ok"


@workflow(name="effects:publish")
async def publish(scene: str) -> str:
    """Replaced with two turns, the last of which is the end; two in one turn are one value."""
    continuum.publish("stage", "new")
    continuum.publish("stage", {"at": "paying", "scene": scene})
    await step("pay")
    continuum.publish("paid", True)
    await continuum.sleep(0.02)
    continuum.publish("stage", "done")
    return "ok"


def _positive(value: int) -> None:
    if value < 0:
        raise ValueError("not below zero")


@workflow(name="effects:questions")
async def questions(scene: str) -> list[Any]:
    """One refused for its payload, one answered later, one refused, one answered with the end."""
    first = await continuum.wait_question("change", type=int, check=_positive, timeout=3600)
    await step("changed")
    first.answer({"is": first.value})
    second = await continuum.wait_question("change", type=int)
    second.refuse("once is enough")
    await continuum.sleep(0.02)
    last = await continuum.wait_question("last")
    last.answer(last.value)
    return [first.value, second.value, last.value]


@workflow(name="effects:questions_carried")
async def questions_carried(scene: str, incarnation: int = 1) -> list[Any]:
    """One that was taken and one that was not, answered in the next incarnation; one left over."""
    taken = await continuum.wait_question("first", type=str)
    await step(f"taken by {incarnation}")
    if incarnation == 1:
        continuum.continue_as_new(scene, 2)
    second = await continuum.wait_question("second", type=int)
    taken.answer(incarnation)
    second.refuse("too late")
    await step("answered")
    return [taken.value, second.value]


@workflow(name="effects:cancellation")
async def cancellation(scene: str) -> str:
    """Cleans up with an activity, a timer and a signal, stopping a child on the way."""
    child = await continuum.start_child(waiting, scene)
    try:
        return await child.result()
    finally:
        await step("clean up")
        await continuum.wait_signal("cleaned")
        await continuum.sleep(0.02)
        await step("cleaned")


@workflow(name="effects:depth")
async def depth(generations: int) -> str:
    """A child of a child, until there are no more."""
    if generations:
        return await continuum.run_child(depth, generations - 1)
    try:
        return await continuum.run_child(depth, 0)
    except continuum.ChildDepthExceeded:
        return "deep enough"


CHILDREN = (echo, failing, waiting)
