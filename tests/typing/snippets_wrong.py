"""Mistakes a type checker must find: every line marked `# wrong`, and no other."""

from __future__ import annotations

import continuum
from continuum import Continuum, Retry, activity, workflow


@activity
async def charge(order: str, cents: int = 1) -> str:
    return order * cents


@activity
def weigh(order: str) -> float:
    return float(order)


@workflow
async def flow(order: str) -> str:
    await charge(3)  # wrong
    await charge(order, "2")  # wrong
    await charge()  # wrong
    number: int = await charge(order)  # wrong
    text: str = weigh(order)  # wrong
    await charge.options(timeout="30")(order)  # wrong
    await charge.options(colour=1)(order)  # wrong
    await charge.options(on_crash="ignore")(order)  # wrong
    Retry(max_attempts="3")  # wrong
    child = await continuum.start_child(flow, order, "too many")  # wrong
    words: list[int] = [await each.result() for each in continuum.children(flow)]  # wrong
    child.signal(3)  # wrong
    continuum.patched(3)  # wrong
    asked = await continuum.wait_question("o", type=int)
    asked.value.upper()  # wrong
    asked.refuse(3)  # wrong
    continuum.sleep("3")  # wrong
    async with continuum.saga() as saga:
        saga.undo(charge, 3)  # wrong
    print(words)
    return f"{number}{text}"


@workflow  # wrong
def not_async(order: str) -> str:
    return order


async def client(ct: Continuum) -> None:
    await ct.start(flow, 3)  # wrong
    await ct.start(flow, "o", dealy=3)  # wrong
    await ct.start(flow, "o", key_reuse="never")  # wrong
    await ct.signal_with_start(flow, "o", key="k")  # wrong
    with Continuum.blocking() as blocking:
        blocking.start(flow, "o", delay="soon")  # wrong
    run = await ct.start(flow, "o")
    number: int = await run.result()  # wrong
    print(number)
    answer: int = await run.ask("o", type=str)  # wrong
    await ct.ask(run.id, "o", id=3)  # wrong
    print(answer)
