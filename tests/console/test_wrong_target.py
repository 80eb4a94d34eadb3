"""Whatever comes, goes and moves below an operator's hands: an act hits what it was aimed at.

Rows are inserted, removed, re-sorted and change their state at each of 60 refreshes, on a clock of
the test's own, while keys are pressed at random. What was highlighted, or marked, when a dialog
opened is written down there and then; afterwards each act must have hit exactly that.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from datetime import timedelta
from random import Random
from typing import Any, Final
from uuid import UUID

import pytest
from textual.screen import ModalScreen
from textual.widgets import Checkbox, Input, TextArea

from console.bulk_source import Selection
from console.dialogs.attributes import AttributesDialog
from console.dialogs.cancel import CancelDialog
from console.dialogs.cancel_many import CancelManyDialog
from console.dialogs.hold import HoldDialog
from console.dialogs.plan import PlanDialog
from console.dialogs.signal import SignalDialog
from console.hold_source import Held
from console.sample import NOW, SampleSource, sample_runs
from console.sample_holds import SampleHolds
from console.source import RunsQuery
from continuum.model import Run, RunState
from tests.console.driving import Clock, Driver, console, wait_until

REFRESHES: Final = 60
SEEDS: Final = int(os.environ.get("CONTINUUM_CONSOLE_SEEDS", "10"))
LIVE: Final = (RunState.RUNNING, RunState.SUSPENDED)
MOVES: Final = ("j", "k", "down", "up", "g", "G", "pagedown", "f", "space", "v", "u", "r")
ACTS: Final = ("X", "X", "s", "e", "P")
QUERIES: Final = (
    "",
    "state in ('running', 'suspended')",
    "order by updated_at desc",
    "order by attributes.plan",
    "state in ('running', 'suspended') order by updated_at",
)


@dataclass(slots=True)
class NotedHolds(SampleHolds):
    """Which workflows were paused or let go on."""

    done: list[Held] = field(default_factory=list[Held])

    async def pause(self, held: Held, reason: str | None) -> bool:
        self._note(held)
        return await SampleHolds.pause(self, held, reason)

    async def resume(self, held: Held, reason: str | None) -> bool:
        self._note(held)
        return await SampleHolds.resume(self, held, reason)

    def _note(self, held: Held) -> None:
        if held.run_id is None:
            self.done.append(held)


@dataclass(slots=True)
class HeldRuns(SampleSource):
    """Which runs were paused or let go on, one by one or in a plan."""

    held: list[UUID] = field(default_factory=list[UUID])

    def _hold(self, run_id: UUID, paused: bool) -> bool:
        changed = SampleSource._hold(self, run_id, paused)
        self.held.append(run_id)
        return changed


@dataclass(slots=True)
class Restless:
    """Runs that come, go, move and end between two looks."""

    source: SampleSource
    random: Random

    def stir(self) -> None:
        """One refresh's worth of changes."""
        self.source.now += timedelta(seconds=2)
        runs = self.source.all_runs
        for _ in range(self.random.randrange(4)):
            runs.insert(self.random.randrange(len(runs)), self._newer(self.random.choice(runs)))
        for _ in range(self.random.randrange(3)):
            if len(runs) > 10:
                runs.pop(self.random.randrange(len(runs)))
        for _ in range(self.random.randrange(6)):
            at = self.random.randrange(len(runs))
            plan = self.random.choice(("free", "pro", "team"))
            attributes = {**runs[at].attributes, "plan": plan}
            runs[at] = replace(runs[at], updated_at=self.source.now, attributes=attributes)
        at = self.random.randrange(len(runs))
        if runs[at].state in LIVE and self.random.random() < 0.5:
            runs[at] = replace(runs[at], state=RunState.COMPLETED, completed_at=self.source.now)
        self.random.shuffle(runs)

    def _newer(self, like: Run) -> Run:
        started = self.source.now - timedelta(seconds=self.random.randrange(120))
        return replace(
            like, id=UUID(int=(like.id.int >> 62 << 62) | self.random.getrandbits(62)),
            state=self.random.choice(LIVE),
            started_at=started, updated_at=started, completed_at=None, error=None,
        )  # fmt: skip


@dataclass(slots=True)
class Hand:
    """Presses keys, and writes down what they mean when they open a dialog."""

    ui: Driver
    source: HeldRuns
    holds: NotedHolds
    clock: Clock
    random: Random
    aimed: list[tuple[str, object]] = field(default_factory=list[tuple[str, object]])
    opened: int = 0
    highlighted: UUID | None = None
    workflow: Held | None = None
    marked: list[UUID] = field(default_factory=list[UUID])

    def watch(self) -> None:
        """Write down what is highlighted and marked at the moment in which a dialog opens."""
        push = self.ui.app.push_screen

        def noted(screen: Any, *given: Any, **named: Any) -> Any:
            row = self.ui.runs.list.cursor_row
            if not isinstance(screen, PlanDialog):
                self.highlighted = None if row is None else row.id
                self.workflow = (
                    None if row is None else Held(workflow=row.workflow, namespace=row.namespace)
                )
                self.marked = list(self.ui.runs.marks)
            return push(screen, *given, **named)

        self.ui.app.push_screen = noted  # type: ignore[method-assign]

    async def press(self, key: str) -> None:
        """A key, which is handled."""
        await self.ui.pilot.press(key)

    async def move(self) -> None:
        """Up to two keys that change nothing in the database."""
        for _ in range(self.random.randrange(3)):
            await self.press(self.random.choice(MOVES))

    async def act(self) -> None:
        """Open the dialog of an act, let the rows move below it, then go through with it or not."""
        await self.press(self.random.choice(ACTS))
        dialog = self.ui.app.screen
        if not isinstance(dialog, ModalScreen):
            return
        self.opened += 1
        assert self.highlighted is not None
        meant = self.marked or [self.highlighted]
        Restless(self.source, self.random).stir()
        self.clock.now += 1
        if self.random.random() < 0.3:
            await self.press("escape")
            return
        await self._go_through(dialog, meant)

    async def _go_through(self, dialog: ModalScreen[object], meant: list[UUID]) -> None:
        match dialog:
            case CancelDialog():
                self._expect("cancel", meant)
                await self.press("y")
            case CancelManyDialog():
                if self.random.random() < 0.5:
                    dialog.query_one("#force", Checkbox).value = True
                await self.press("y")
                await self._plan("cancel", meant)
            case SignalDialog():
                dialog.query_one("#name", Input).value = "go"
                dialog._send_pressed()
                if isinstance(dialog._target, Selection):
                    await self._plan("signal", meant)
                else:
                    self._expect("signal", meant)
            case AttributesDialog():
                dialog.query_one("#object", TextArea).text = '{"aimed": true}'
                dialog._send_pressed()
                if isinstance(dialog._target, Selection):
                    await self._plan("attributes", meant)
                else:
                    self._expect("attributes", meant)
            case HoldDialog():
                await self._hold(dialog, meant)
            case _:
                raise AssertionError(dialog)
        await self._closed()

    async def _hold(self, dialog: HoldDialog, meant: list[UUID]) -> None:
        """The first thing that it offers, or the one below."""
        await self.ui.quiet("pauses")
        if self.random.random() < 0.3:
            await self.press("down")
        target = dialog._target
        await self.press("y")
        if not isinstance(target, Held):
            await self._plan("hold", meant)
        elif target.run_id is not None:
            self._expect("hold", meant)
        elif target.workflow is not None and target.namespace is not None:
            self.aimed.append(("workflow", self.workflow))
        else:
            self.aimed.append(("workflow", target))

    def _expect(self, act: str, meant: list[UUID]) -> None:
        """Of those that are still there, and for most acts still live."""
        for run in self.source.all_runs:
            if run.id in meant and (act == "attributes" or run.state in LIVE):
                self.aimed.append((act, run.id))

    async def _plan(self, act: str, meant: list[UUID]) -> None:
        await self.ui.on_screen("PlanDialog")
        dialog = self.ui.app.screen
        assert isinstance(dialog, PlanDialog)
        named = {run.run_id for run in self.source.bulk.plans[dialog.plan.id][1]}
        assert named <= set(meant)
        Restless(self.source, self.random).stir()
        self.clock.now += 1
        if not dialog.plan.count or self.random.random() < 0.2:
            return
        dialog.query_one("#count", Input).value = str(dialog.plan.count)
        await self.press("enter")
        self.clock.now += 1
        self._expect(act, [run_id for run_id in meant if run_id in named])
        await self.press("y")
        await wait_until(lambda: dialog.phase == "done", "the plan")

    async def _closed(self) -> None:
        """Back on the list, whether the act was refused or not."""
        await self.ui.quiet("send", "apply")
        for _ in range(5):
            await self.ui.pilot.pause()
            if not isinstance(self.ui.app.screen, ModalScreen):
                return
            self.clock.now += 1
            await self.press("escape")
        raise AssertionError(f"{self.ui.app.screen} does not close")

    def done(self) -> list[tuple[str, object]]:
        """What was really done."""
        found: list[tuple[str, object]] = [
            ("cancel", run_id) for run_id, _, _ in self.source.cancels
        ]
        found += [("hold", run_id) for run_id in self.source.held]
        found += [("workflow", held) for held in self.holds.done]
        found += [("signal", run_id) for run_id, _, _ in self.source.signals]
        return found + [("attributes", each[0]) for each in self.source.bulk.attributes_set]


def _unpainted(_: object) -> None:
    """Nobody looks at the cells here, and painting them takes half of the time."""


@pytest.mark.parametrize("seed", range(SEEDS))
async def test_every_act_hits_what_was_highlighted_when_its_dialog_opened(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sixty refreshes: each act that was gone through with has one target, the one it was for."""
    monkeypatch.setattr("textual.screen.Screen._compositor_refresh", _unpainted)
    random = Random(seed)
    source = HeldRuns(all_runs=sample_runs(30))
    source.holds = holds = NotedHolds(source._hold, source.now)
    source.now = NOW
    clock, restless = Clock(), Restless(source, random)
    query = RunsQuery(None, random.choice(QUERIES))
    async with console(source, query=query, clock=clock, size=(60, 15), toasts=False) as ui:
        await ui.settled()
        live, hand = ui.runs.live, Hand(ui, source, holds, clock, random)
        hand.watch()
        live.toggle_pause()  # from now on a refresh comes when the clock says so
        for _ in range(REFRESHES):
            restless.stir()
            clock.now += 2
            loads = live.loads
            live.refresh()
            await wait_until(lambda loads=loads: live.loads > loads, "the refresh")
            await hand.move()
            if random.random() < 0.2:
                await hand.act()
        assert sorted(hand.done(), key=str) == sorted(hand.aimed, key=str)
        assert hand.opened >= 3
        assert hand.aimed
