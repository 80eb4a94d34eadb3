"""Runs to open in tests of the Run screen, and how its tabs are reached."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from console.messages import OpenRun
from console.panes.pane import Pane
from console.sample import SampleSource
from continuum.model import Run, RunError, RunState
from tests.console.driving import Driver, wait_until
from tests.console.journals import charged


def run_id(number: int) -> UUID:
    """An id whose short form ends in this number."""
    return UUID(int=(0x0199_0000_0000 << 80) | (7 << 76) | (2 << 62) | number)


def family(children: int = 6) -> SampleSource:
    """A parent that waits for its last child, children every third of which failed, a grandchild.

    The parent is run 1, its children are 100, 101 and so on, the grandchild is 2.
    """
    source = SampleSource(stuck=0)
    base = next(run for run in source.all_runs if run.state is RunState.SUSPENDED)
    waits = f"child {run_id(99 + children)}"
    parent = replace(base, id=run_id(1), namespace="shop", workflow="shop:parent", waiting_on=waits)
    below = [_child(parent, number, children) for number in range(children)]
    grandchild = replace(
        base, id=run_id(2), workflow="shop:leaf", parent_id=below[-1].id,
        waiting_on="signal fraud_review",
    )  # fmt: skip
    source.all_runs = [parent, *below, grandchild]
    return source


def _child(parent: Run, number: int, children: int) -> Run:
    child = replace(
        parent, id=run_id(100 + number), workflow="shop:child", parent_id=parent.id,
        started_at=parent.started_at + timedelta(milliseconds=number),
    )  # fmt: skip
    if number == children - 1:
        return replace(child, waiting_on=f"child {run_id(2)}")
    if number % 3 == 0:
        error = RunError("shop.Broken", f"part {number} broke")
        return replace(child, state=RunState.FAILED, error=error, waiting_on=None)
    return replace(child, state=RunState.COMPLETED, waiting_on=None)


def pair(*, fails: bool = True) -> SampleSource:
    """Run 3 beside run 4, which charged another amount and completed."""
    source = SampleSource()
    base = next(run for run in source.all_runs if run.state is RunState.COMPLETED)
    error = RunError("shop.GatewayTimeout", "no answer") if fails else None
    state = RunState.FAILED if fails else RunState.COMPLETED
    left = replace(base, id=run_id(3), state=state, error=error, stored_output=None)
    right = replace(base, id=run_id(4), started_at=base.started_at - timedelta(seconds=1))
    source.all_runs = [left, right]
    source.journals = {
        left.id: charged(fails=fails, amount=7).events,
        right.id: charged().events,
    }
    return source


async def opened(ui: Driver, number: int) -> None:
    """The screen of a run, as from a link to it."""
    await ui.settled()
    ui.app.post_message(OpenRun(run_id(number)))
    await on_run(ui, number)


async def on_run(ui: Driver, number: int) -> None:
    """That run is on top, and it has been read."""
    await ui.on_screen("RunScreen")
    await wait_until(lambda: ui.run.run_id == run_id(number) and ui.run.run_shown, "the run")
    await ui.pilot.pause()


async def to_tab(ui: Driver, pane: Callable[[], Pane]) -> None:
    """Go on tab by tab to this one, and wait until it has been read."""
    for _ in ui.run.panes:
        if ui.run.pane is pane():
            break
        await ui.press("right_square_bracket")
    assert ui.run.pane is pane()
    await settled(ui)


async def settled(ui: Driver) -> None:
    """Nothing is being read."""
    await wait_until(lambda: ui.answered, "the tab")
    await ui.pilot.pause()


async def refused(ui: Driver, key: str, words: str) -> None:
    """The key says why it does nothing here."""
    await ui.press(key)
    await ui.toasts(words)
