"""Replaying is linear: each event of a journal costs as much as the one before it."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

import pytest

from bench.journals import SHAPES, Shape, replayed
from continuum.engine.execution import Execution

EVENTS = 168


def instructions(shape: Shape, events: int) -> int:
    """How many bytecode instructions a replay of such a journal executes, engine and code."""
    identity, journal = shape.journal(events)
    count = 0

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal count
        if event == "opcode":
            count += 1
        else:
            frame.f_trace_opcodes = True
            frame.f_trace_lines = False
        return trace

    previous = sys.gettrace()
    sys.settrace(trace)
    try:
        execution = replayed(identity, journal)
    finally:
        sys.settrace(previous)
    execution.drop()
    return count


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_every_event_costs_the_same(shape: Shape) -> None:
    """The third part of a journal takes no more instructions to replay than the second."""
    replayed(*shape.journal(EVENTS)).drop()  # what is done once in a process
    one, two, three = (instructions(shape, n * EVENTS) for n in (1, 2, 3))
    assert three - two <= 1.02 * (two - one)


def test_ten_thousand_events_replay_to_their_end() -> None:
    """A long journal of everything there is: no drift, the same end, nothing left to write."""
    mixed = SHAPES[-1]
    identity, journal = mixed.journal(10_000)
    assert len(journal) > 9_000
    execution: Execution = replayed(identity, journal)
    assert execution.collect().entries == []
    assert execution.waiting_on is None
    execution.drop()
