"""`publish`: a journaled plain call whose last value is what others see."""

from __future__ import annotations

from typing import Any

import pytest

import continuum
from continuum import NotInWorkflow, PayloadError, workflow
from tests.unit.engine.driver import Driver
from tests.unit.engine.test_patches import a, b


def test_the_last_value_of_a_turn_goes_with_it() -> None:
    """Each call is a numbered command; replays publish nothing."""

    @workflow
    async def flow() -> str:
        continuum.publish("stage", "new")
        continuum.publish("stage", {"at": 1})
        await a()
        continuum.publish("other", [1, 2])
        return await b()

    run = Driver(flow).start()
    assert run.published == {"stage": b'{"at":1}'}
    run.complete(3)
    assert run.published == {"stage": b'{"at":1}', "other": b"[1,2]"}
    again = run.crashed().recover()
    assert again.published == {}
    assert again.execution.drift is None
    run.complete(5).check_replays()


def test_another_name_at_the_same_place_is_drift() -> None:
    """As of activities and signals, the name tells one command from another."""
    names = ["old"]

    @workflow
    async def flow() -> str:
        continuum.publish(names[0], 1)
        return await a()

    run = Driver(flow).start()
    names[0] = "new"
    again = run.crashed()
    assert again.execution.drift is not None
    assert "value_published old" in again.execution.drift.message


class Opaque:
    pass


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("", 1, "1 to"),
        ("x" * 256, 1, "1 to 255"),
        ("a\0b", 1, "NUL"),
        (7, 1, "must be text"),
        ("nan", float("nan"), "nan"),
        ("opaque", Opaque(), "Opaque"),
        ("large", "x" * 70_000, "65,536"),
    ],
)
def test_what_cannot_be_stored_is_refused_and_nothing_is_published(
    name: Any, value: Any, complaint: str
) -> None:
    """The error names what is wrong, and the code may go on."""

    @workflow
    async def flow() -> str:
        try:
            continuum.publish(name, value)
        except PayloadError as error:
            return str(error)
        return "accepted"

    run = Driver(flow).start()
    assert complaint in run.result
    assert run.published == {}


def test_outside_a_workflow_it_is_refused() -> None:
    """With the name of the call."""
    with pytest.raises(NotInWorkflow, match=r"continuum\.publish"):
        continuum.publish("a", 1)
