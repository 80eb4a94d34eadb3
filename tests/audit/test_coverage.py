"""Which branches a replay came through, as file and line."""

from __future__ import annotations

from typing import Any

import pytest

from continuum.audit.coverage import PROBE, Coverage
from continuum.versions.hashing import VersionedCode
from tests.unit.engine.driver import Driver
from tests.unit.versions.loading import load

TEXT = '''\
import continuum
from continuum import activity, workflow

@activity(name="work")
async def work(n: int) -> int:
    """Not workflow code."""
    if n:
        return n
    return 0

class Cart:
    def __init__(self, n: int) -> None:
        self.n = n

    @property
    def large(self) -> bool:
        return True if self.n > 5 else False

def helper(n: int) -> str:
    """A docstring stays one."""
    match n:
        case 1:
            return "one"
        case _:
            return "many"

@workflow(name="flow")
async def flow(n: int) -> str:
    if n > 100:
        return "huge"
    for each in range(n):
        await work(each)
    try:
        if Cart(n).large:
            raise ValueError(n)
    except ValueError:
        return "large"
    else:
        def inner() -> str:
            return helper(n)
        return inner()

@workflow(name="idle")
async def idle(n: int) -> str:
    return helper(n)
'''


def ran(flow: Any, n: int) -> Driver:
    """A run to its end."""
    run = Driver(flow, n).start()
    while run.execution.end is None:
        run.complete(run.execution.open_activities[0], 1)
    return run


def lines(branches: Any) -> list[tuple[int, str]]:
    """Without the file."""
    return [(each.line, each.what) for each in branches]


def test_branches_that_were_reached_and_those_that_were_not() -> None:
    """Suites, skipped ones, handlers, cases, values, nested and reached functions; by workflow."""
    module = load(TEXT)
    with Coverage([module.flow, module.idle]) as coverage:
        ran(module.flow, 1)
        coverage.credit("flow")
        ran(module.idle, 2)
        coverage.credit("idle")
    assert lines(coverage.reached("flow")) == [
        (12, "def"), (16, "def"), (17, "else"), (19, "def"), (23, "case"), (28, "def"),
        (29, "skip"), (32, "loop"), (34, "skip"), (39, "def"),
    ]  # fmt: skip
    assert lines(coverage.missed("flow")) == [
        (17, "if"), (25, "case"), (30, "if"), (35, "if"), (37, "except"),
    ]  # fmt: skip
    assert lines(coverage.reached("idle")) == [(19, "def"), (25, "case"), (44, "def")]
    assert str(coverage.missed("flow")[0]).endswith(".py:17 (if)")


def test_code_is_what_it_was_afterwards() -> None:
    """Code objects, globals and the version hash, also when something raised."""
    module = load(TEXT)
    before = module.flow.fn.__code__, VersionedCode(module.flow.fn).hash(), set(vars(module))

    def fail() -> None:
        with Coverage([module.flow]):
            assert module.flow.fn.__code__ is not before[0]
            assert PROBE in vars(module)
            assert VersionedCode(module.flow.fn).hash() == before[1]
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    after = module.flow.fn.__code__, VersionedCode(module.flow.fn).hash(), set(vars(module))
    assert after == before
    assert module.helper.__doc__ == "A docstring stays one."


def test_what_another_process_saw_is_added() -> None:
    """Two coverages of the same code agree on what is what."""
    module = load(TEXT)
    with Coverage([module.flow]) as first:
        ran(module.flow, 1)
        first.credit("flow")
    with Coverage([module.flow]) as second:
        ran(module.flow, 101)
        second.credit("flow")
    first.add(second.take())
    assert (30, "if") in lines(first.reached("flow"))
    assert (23, "case") in lines(first.reached("flow"))
    assert second.reached("flow") == []


def test_code_without_source_is_left_out() -> None:
    """It has no lines to name."""
    names: dict[str, Any] = {"__name__": "made"}
    exec(
        "from continuum import workflow\n@workflow(name='made')\nasync def made(n: int) -> int:\n"
        "    return n\n",
        names,
    )
    with Coverage([names["made"]]) as coverage:
        ran(names["made"], 1)
        coverage.credit("made")
    assert coverage.reached("made") == coverage.missed("made") == []
