"""A shop's workflow in several releases, and workflows beside it, as an audit meets them."""

from __future__ import annotations

import asyncio

from continuum import Workflow, activity, patched, run_child, sleep, wait_signal, workflow

SETTINGS = {"limit": 3}
"""Can change, so code that reads it is opaque."""


@activity
async def cheap(n: int) -> str:
    return f"cheap {n}"


@activity
async def thorough(n: int) -> str:
    return f"thorough {n}"


@workflow(name="order")
async def before(n: int) -> list[str]:
    await wait_signal("check")
    done = [await cheap(n)]
    await wait_signal("end")
    return done


@workflow(name="order", version=2)
async def between(n: int) -> list[str]:
    await wait_signal("check")
    if patched("thorough"):  # noqa: SIM108
        done = [await thorough(n)]
    else:
        done = [await cheap(n)]
    await wait_signal("end")
    return done


@workflow(name="order", version=3)
async def after(n: int) -> list[str]:
    await wait_signal("check")
    done = [await thorough(n)]
    await wait_signal("end")
    return done


@workflow(name="order", version=4)
async def rewritten(n: int) -> list[str]:
    await wait_signal("other")
    return ["rewritten"]


@workflow(name="opaque")
async def opaque(n: int) -> int:
    if patched("limit"):
        n += SETTINGS["limit"]
    await wait_signal("go")
    return n


@workflow(name="nap")
async def nap(seconds: float) -> str:
    await sleep(seconds)
    return "rested"


@workflow(name="nap")
async def nap_between(seconds: float) -> str:
    await sleep(seconds)
    return "rested well" if patched("well") else "rested"


@workflow(name="patient")
async def patient(seconds: float) -> str:
    try:
        return await wait_signal("go", timeout=seconds, type=str)
    except TimeoutError:
        return "late"


@workflow(name="family")
async def family(depth: int) -> str:
    if depth:
        return await run_child(family, depth - 1)
    await wait_signal("go")
    return "done"


@workflow(name="exclusive")
async def exclusive(n: int) -> str:
    if patched("all-new"):
        await wait_signal("go")
        return "all new"
    if patched("small"):
        await wait_signal("go")
        return "small"
    await wait_signal("go")
    return "old"


@workflow(name="many")
async def many(rounds: int) -> int:
    taken = 0
    for n in range(rounds):
        await wait_signal("next")
        if n == 0 and patched("p0"):
            taken += 1
        if n == 1 and patched("p1"):
            taken += 1
        if n == 2 and patched("p2"):
            taken += 1
        if n == 3 and patched("p3"):
            taken += 1
        if n == 4 and patched("p4"):
            taken += 1
        if n == 5 and patched("p5"):
            taken += 1
    return taken


@workflow(name="opaque-steps")
async def opaque_steps(n: int) -> str:
    if SETTINGS["limit"] > 5:
        await cheap(n)
    await wait_signal("go")
    return await thorough(n)


@activity
async def work(seconds: float) -> float:
    await asyncio.sleep(seconds)
    return seconds


@workflow(name="working")
async def working(seconds: float) -> float:
    return await work(seconds)


@workflow(name="opaque-patch")
async def opaque_patch(n: int) -> str:
    if SETTINGS["limit"] > 5:
        await cheap(n)
    await wait_signal("go")
    return "later" if patched("later") else "now"


def priced(result: str) -> Workflow[[int], str]:
    """A release whose activity is annotated with this result."""

    async def price(n: int) -> object:
        return n

    price.__annotations__["return"] = {"int": int, "str": str}[result]
    asked = activity(name="price")(price)

    @workflow(name="priced")
    async def priced_flow(n: int) -> str:
        await wait_signal("go")
        return str(await asked(n))

    return priced_flow
