"""Workflows that are asked."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import continuum
from continuum import activity, workflow

broken: set[str] = set()
"""Activities that fail."""
calls: Counter[str] = Counter()


def reset() -> None:
    """Everything works, and nothing was called."""
    broken.clear()
    calls.clear()


@dataclass(frozen=True)
class Address:
    street: str
    zip: int


def deliverable(address: Address) -> None:
    if address.zip < 1000:
        raise ValueError(f"there is no zip {address.zip}")


@activity
async def note(text: str) -> str:
    calls[text] += 1
    if text in broken:
        raise RuntimeError(f"{text} is broken")
    return text


@workflow
async def parcel(address: Address) -> str:
    """Redirected as often as somebody asks; delivered when told."""
    while True:
        question = await continuum.wait_question("redirect", type=Address, check=deliverable)
        if question.value.street == "lost":
            await continuum.wait_signal("never")
        if question.value == address:
            question.refuse("it goes there already")
            continue
        address = question.value
        await note(f"to {address.street}")
        question.answer(address)
        if address.street == "pick-up point":
            return f"to {address.zip}"


@workflow
async def leaving(how: str) -> str:
    """Takes a question, answers none, and ends as it is told."""
    await continuum.wait_question("taken")
    await continuum.wait_signal("end")
    if how == "failed":
        raise ValueError(how)
    return how


@workflow
async def counting(number: int = 0) -> int:
    """Each incarnation answers one of two: the later."""
    held = await continuum.wait_question("next")
    if number < 2:
        await continuum.wait_signal("on")
        continuum.continue_as_new(number + 1)
    held.answer(number)
    (await continuum.wait_question("next")).answer("and this")
    return number


@workflow
async def deciding() -> list[Any]:
    """Holds one question, then waits for another."""
    first = await continuum.wait_question("decide")
    await continuum.wait_signal("go")
    second = await continuum.wait_question("decide")
    first.answer(["first", first.value])
    second.answer(["second", second.value])
    return [first.value, second.value]


@workflow
async def charging() -> str:
    """Holds a question while something fails."""
    question = await continuum.wait_question("charge")
    await note("charge")
    question.answer("charged")
    late = await continuum.wait_question("late")
    late.answer(late.value)
    return "done"


@workflow
async def apologising() -> None:
    """Refuses what it could not do, and fails."""
    question = await continuum.wait_question("charge")
    try:
        await note("charge")
    except continuum.ActivityFailed:
        question.refuse("it failed")
        raise


@workflow
async def hesitating() -> Any:
    """Reads one more question between what fails and its own end."""
    try:
        await note("charge")
    except continuum.ActivityFailed:
        await continuum.wait_signal("give up")
        raise
    late = await continuum.wait_question("late", type=int)
    late.answer(late.value + 1)
    return late.id


@workflow
async def forgetful() -> str:
    """Never asks."""
    return await continuum.wait_signal("go", type=str)


ALL = [parcel, leaving, counting, deciding, charging, apologising, hesitating, forgetful]
