# ruff: noqa: E731, F841, F842, PIE804
# Source whose hashes are compared between Pythons; it is imported, never awaited.
from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import enum
import functools
import itertools as it
import re
from collections import Counter as Tally
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple, TypeVar

import continuum

T = TypeVar("T")
LIMIT: Final = 3
RATES = MappingProxyType({"eur": Decimal("1.10"), "usd": 0.1 + 0.2})
DAYS = frozenset({"mo", "tu", "we"})
TABLE = {"a": [1, 2]}
START = dt.datetime(2026, 1, 2, tzinfo=dt.timezone(dt.timedelta(hours=1)))
WORD = re.compile(r"\w+", re.IGNORECASE)
key = lambda pair: (pair[1], LIMIT)


class Size(enum.StrEnum):
    SMALL = "s"
    LARGE = "l"


class Point(NamedTuple):
    x: int
    y: int = LIMIT


@dataclass(frozen=True)
class Base:
    name: str = "base"

    @property
    def upper(self) -> str:
        return self.name.upper()


@dataclass(frozen=True, slots=True)
class Item(Base):
    parts: list[int] = field(default_factory=list)

    def total(self, start: int = 0) -> int:
        return sum(self.parts, start) + len(super().upper)


ORIGIN = Point(0)
DEFAULT = (Size.SMALL, Base("x"), ORIGIN)


def retried(times: int):
    def decorate(fn):
        @functools.wraps(fn)
        def wrapper(*args):
            for _ in range(times):
                fn(*args)

        return wrapper

    return decorate


@contextlib.contextmanager
def opened(path: Path):
    yield path


@functools.lru_cache(maxsize=LIMIT)
def even(n: int) -> bool:
    return n == 0 or odd(n - 1)


@retried(2)
def odd(n: int) -> bool:
    return n != 0 and even(n - 1)


double = functools.partial(odd, 2)


async def reaching(item: Item, sizes: list[Size], when: dt.datetime = START) -> T:
    tally = Tally(map(key, it.chain(sizes, DAYS)))
    with opened(Path("x")) as path, contextlib.suppress(KeyError):
        await asyncio.gather(*(asyncio.sleep(n) for n in range(LIMIT)), return_exceptions=True)
    if continuum.patched("two") and when > START:
        return item.total(start=TABLE["a"][0]), RATES["eur"], WORD.match(item.upper)
    best = max(tally, key=lambda each: tally[each] if not continuum.patched("one") else 0)
    return best, even(4), double(), DEFAULT, Point(x=path, y=1), dt.timedelta(days=1)


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
