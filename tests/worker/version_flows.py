"""One workflow at several times of its life, as deployments would have it."""

from __future__ import annotations

import asyncio

import continuum
from continuum import activity, patched, wait_signal, workflow


@activity
async def cheap(n: int) -> str:
    return f"cheap {n}"


@activity
async def thorough(n: int) -> str:
    return f"thorough {n}"


@workflow(name="life")
async def before(n: int) -> list[str]:
    await wait_signal("check")
    done = [await cheap(n)]
    await wait_signal("end")
    return done


@workflow(name="life")
async def between(n: int) -> list[str]:
    await wait_signal("check")
    done = [await (thorough(n) if patched("thorough") else cheap(n))]
    await wait_signal("end")
    return done


@workflow(name="life")
async def after(n: int) -> list[str]:
    await wait_signal("check")
    done = [await thorough(n)]
    await wait_signal("end")
    return done


@workflow(name="life")
async def reused(n: int) -> list[str]:
    await wait_signal("check")
    done = [await thorough(n)]
    await wait_signal("late" if patched("thorough") else "end")
    return done


@workflow(name="life")
async def reused_elsewhere(n: int) -> list[str]:
    await wait_signal("check")
    return [await thorough(n) if patched("thorough") else "nothing"]


OLD = before.version_hash
NEW = after.version_hash


@workflow(name="life", version=2)
async def rewritten(n: int) -> list[str]:
    await wait_signal("other")
    return ["rewritten"]


async def unchecked(n: int) -> str:
    return await cheap(n)


@workflow(name="loop")
async def loop_before(rounds: int) -> list[str]:
    done: list[str] = []
    for n in range(rounds):
        await wait_signal("next")
        done.append(await unchecked(n))
    return done


async def checked(n: int) -> str:
    return await thorough(n) if patched("p") else await cheap(n)


@workflow(name="loop")
async def loop_between(rounds: int) -> list[str]:
    done: list[str] = []
    for n in range(rounds):
        await wait_signal("next")
        done.append(await checked(n))
    return done


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


@workflow(name="at once")
async def at_once() -> list[str]:
    taken: list[str] = []
    if patched("p0"):
        taken.append("p0")
    if patched("p1"):
        taken.append("p1")
    await wait_signal("next")
    if patched("p2") and patched("p3") and patched("p4") and patched("p5"):
        taken.append("all")
    return taken


@workflow(name="spin")
async def spin_before(n: int) -> list[str]:
    await wait_signal("go")
    done = await cheap(n)
    await wait_signal("on")
    if n:
        continuum.continue_as_new(n - 1)
    return [done]


@workflow(name="spin")
async def spin_between(n: int) -> list[str]:
    await wait_signal("go")
    if patched("first"):
        done = await thorough(n)
    else:
        done = await cheap(n)
    await wait_signal("on")
    if patched("second") and n:
        continuum.continue_as_new(n - 1)
    if n:
        continuum.continue_as_new(n - 1)
    return [done]


@workflow(name="pair")
async def pair_before(n: int) -> list[str]:
    await wait_signal("check")
    done = await asyncio.gather(
        cheap(n),
        cheap(n),
    )
    await wait_signal("end")
    return done


@workflow(name="pair")
async def pair_between(n: int) -> list[str]:
    await wait_signal("check")
    done = await asyncio.gather(
        thorough(n) if patched("first") else cheap(n),
        thorough(n) if patched("second") else cheap(n),
    )
    await wait_signal("end")
    return done


@workflow(name="pair")
async def pair_half(n: int) -> list[str]:
    await wait_signal("check")
    done = await asyncio.gather(
        thorough(n),
        thorough(n) if patched("second") else cheap(n),
    )
    await wait_signal("end")
    return done


@workflow(name="pair")
async def pair_after(n: int) -> list[str]:
    await wait_signal("check")
    done = await asyncio.gather(
        thorough(n),
        thorough(n),
    )
    await wait_signal("end")
    return done


@workflow(name="parent")
async def parent(n: int) -> list[str]:
    return await continuum.run_child(before, n)
