# ruff: noqa: F841, F842, PIE804
# Source whose hashes are compared between Pythons; it is parsed and compiled, never awaited.
from __future__ import annotations

import asyncio


async def plain(order: str, copies: int = 1, /, note: str | None = None) -> str:
    """A docstring."""
    total: int = 0
    unset: str
    for index in range(copies):
        total += index if index % 2 else -index
    return f"{order!r:>{copies}} {total=} {'nested'} {note or 'x'}{{}} tail"


async def control(value):
    try:
        async with asyncio.timeout(1.5), asyncio.TaskGroup() as group:
            tasks = [group.create_task(plain(str(n))) for n in (1, 2, 3) if n > 1]
    except* (ValueError, KeyError) as errors:
        raise RuntimeError("x") from errors
    else:
        del value
    finally:
        pass
    match tasks:
        case [first, *rest] if rest:
            return first
        case {"a": 1, **others}:
            return others
        case str() | None:
            return b"\x00bytes", 1e100, 2j, ..., 10**20
    return lambda x, *a, k=1, **kw: (yield_ := x)


async def nested(a):
    class Local:
        """A class docstring."""

        field: int = 3

        def method(self) -> int:
            """A method docstring."""
            return self.field

    async def helper(*args: int, flag: bool = False, **rest: str) -> dict[str, int]:
        nonlocal a
        a = {**rest, "n": args[0:2:1]}
        return {k: v async for k, v in a} if flag else a

    global something
    something = f"{f'{a}'}" "joined" f"{a:}" rf"\d{a}"
    assert a, "message"
    while not a and (a or 1) < 2 <= 3:
        continue
    return await helper(1, *[2], **{"x": "y"})
