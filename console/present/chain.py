"""What a run waits for, as a tree and in one line."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from rich.text import Text

from console.present import states
from console.present.columns import Column
from console.present.plain import one_line, short_id, short_name
from console.present.waits import cancelling, waiting
from console.themes import Palette
from continuum.model import QueueLoad, Run, Wait, WaitNode

STEP: Final = " › "


@dataclass(frozen=True, slots=True)
class ChainRow:
    """A run, or one of its waits.

    Attributes:
        path: which wait of which wait; identifies the row.
    """

    depth: int
    path: tuple[int, ...]
    node: WaitNode | None = None
    wait: Wait | None = None

    @property
    def run_id(self) -> UUID | None:
        """The run that the row is about, or waits for."""
        if self.node is not None:
            return self.node.run.id
        return None if self.wait is None else self.wait.run_id


def chain_rows(node: WaitNode) -> list[ChainRow]:
    """The tree, each run above what it waits for."""
    return _rows(node, 0, ())


def _rows(node: WaitNode, depth: int, path: tuple[int, ...]) -> list[ChainRow]:
    rows = [ChainRow(depth, path, node=node)]
    for index, wait in enumerate(node.waits):
        below = (*path, index)
        if wait.then is None:
            rows.append(ChainRow(depth + 1, below, wait=wait))
        else:
            rows += _rows(wait.then, depth + 1, below)
    return rows


class ChainTree:
    """The rows of the tree.

    Attributes:
        now: the database's clock.
    """

    def __init__(self) -> None:
        self.now: datetime | None = None

    def key(self, row: ChainRow) -> Hashable:
        """Where it stands."""
        return row.path

    def marker(self, row: ChainRow) -> Hashable:
        """Another state or wait is worth a flash."""
        return None if row.node is None else row.node.run.state

    def columns(self, width: int) -> tuple[Column, ...]:
        """Only one."""
        return (Column("waits", "WAITS FOR", max(8, width - 2)),)

    def cell(self, row: ChainRow, column: Column, palette: Palette, *, changed: bool) -> Text:
        """The line of a row."""
        del column, changed
        line = Text("  " * row.depth, palette.faint)
        if row.depth:
            line.append("└ ", palette.faint)
        if row.node is not None:
            return line.append_text(_run_line(row.node, self.now, palette))
        if row.wait is not None:
            line.append_text(_wait_line(row.wait, self.now, palette))
        return line


def _run_line(node: WaitNode, now: datetime | None, palette: Palette) -> Text:
    run = node.run
    line = states.badge(run.state, palette)
    line.append(f"  {short_id(run.id)}  ", palette.text)
    line.append(short_name(run.workflow), palette.text)
    if ending := _why(node, now):
        line.append(f"  {ending}", palette.warn if node.stuck else palette.muted)
    return line


def _wait_line(wait: Wait, now: datetime | None, palette: Palette) -> Text:
    line = Text(wait_words(wait, now), palette.accent)
    if wait.queue is not None and wait.queue.waiting is not None:
        bad = wait.queue.workers == 0
        line.append(f"  {queue_words(wait.queue)}", palette.warn if bad else palette.muted)
    return line


def wait_words(wait: Wait, now: datetime | None) -> str:
    """`activity shop:charge attempt 9 of 10, retry in 4m`."""
    return one_line(wait.text, 300) if now is None else waiting(wait.text, now)


def queue_words(queue: QueueLoad) -> str:
    """How full a queue is, and whether anybody serves it."""
    if queue.workers == 0:
        return f"no worker serves it; {queue.waiting or 0:,} wait"
    return f"{queue.waiting or 0:,} wait, {queue.running or 0:,} run, workers: {queue.workers}"


def _why(node: WaitNode, now: datetime | None) -> str:
    """What there is to say of the run itself; empty when its waits say it."""
    run = node.run
    words: list[str] = []
    if run.cancelling_since is not None and now is not None:
        words.append(cancelling(run.cancelling_since, now))
    if node.stuck:
        words.append(f"no live node runs v{run.version} {run.version_hash[:4]}")
    elif not node.waits:
        words.append(idle_words(run))
    return ", ".join(word for word in words if word)


def idle_words(run: Run) -> str:
    """What a run does that waits for nothing."""
    if run.state.terminal:
        return "has ended"
    return "executing" if run.owner else "waiting for a worker"


def in_one_line(node: WaitNode, now: datetime | None) -> str:
    """`child 0199…77d1 › activity shop:charge attempt 9 of 10, retry in 4m`."""
    own = _why(node, now)
    waits = ", ".join(_followed(wait, now) for wait in node.waits)
    return ": ".join(part for part in (own, waits) if part)


def _followed(wait: Wait, now: datetime | None) -> str:
    words = wait_words(wait, now)
    if wait.then is not None:
        return f"{words}{STEP}{in_one_line(wait.then, now)}"
    if wait.queue is not None and wait.queue.waiting is not None:
        return f"{words} ({queue_words(wait.queue)})"
    return words
