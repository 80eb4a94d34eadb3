"""One page within its budget: walk a little, look for something smaller, walk on.

Every statement is bounded twice, by the rows it may look at and by the time that is left. What the
time does not suffice for is left to the next page, which the cursor sends on from the last run
looked at. Statements that must sort everything give nothing until they are done: their page gets
twice the time of the one before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from continuum.errors import QueryError
from continuum.model import AttributeIndex, Plan, Step
from continuum.query.advice import index_command
from continuum.query.cursor import Cursor
from continuum.query.outline import is_relative
from continuum.query.times import pin
from continuum.query.tree import Query
from continuum.store.postgres.asking import (
    PROBING,
    RESERVE,
    WALKING,
    NoConnection,
    OutOfTime,
    Statement,
    ask,
)
from continuum.store.postgres.drafts import Draft, Outcome, draft
from continuum.store.postgres.estimates import estimate_statement, read_estimate
from continuum.store.postgres.page_bounds import Bounds
from continuum.store.postgres.page_statements import (
    probe_statement,
    sort_statement,
    sorted_runs,
    walk_statement,
)
from continuum.store.postgres.paths import Probe, Walk
from continuum.store.postgres.reads import Pool
from continuum.store.postgres.run_rows import PREFIX, Entries
from continuum.store.postgres.server_state import ServerState
from continuum.store.postgres.session import Row
from continuum.store.postgres.stretches import Stretch, is_behind, stretches
from continuum.system import monotonic

SHORTEST: Final = 0.001
"""Seconds that a budget is at least: less is nothing for a server, however often it is doubled."""
SLOW: Final = 0.1
"""Seconds after which a page says what would make it faster."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a page is made of: rows for the entries to read, and how they were come by."""

    rows: Sequence[Row]
    following: Cursor | None
    read_at: datetime
    complete: bool
    plan: Plan
    server: ServerState


class Pager:
    """Finds the runs of one page.

    Args:
        pool: autocommit connections.
        query: what to look for.
        indexes: declared on attributes.
        limit: runs of the page.
        start: what the previous page left; None: the first one.
        began: when the caller asked, on the monotonic clock.
        budget: seconds from then on; it is doubled as often as the cursor says.
        timeout: seconds that no statement may exceed.
        entries: what is made of the rows.
        bounds: of each statement.
    """

    def __init__(
        self,
        pool: Pool,
        query: Query,
        indexes: Sequence[AttributeIndex],
        limit: int,
        start: Cursor | None,
        *,
        began: float,
        budget: float,
        timeout: float,
        entries: Entries[Any],
        bounds: Bounds,
    ) -> None:
        self._pool = pool
        self._query = query
        self._indexes = indexes
        self._limit = limit
        self._start = start
        self._effort = 0 if start is None else start.effort
        self._allowed = min(timeout, max(budget, SHORTEST) * 2**self._effort)
        self._timeout = timeout
        self._began = began
        # A statement that is cancelled, and the answer, take a moment of their own.
        self._until = began + self._allowed - min(RESERVE, self._allowed / 10)
        self._entries = entries
        self._bounds = bounds
        self._read_at = None if start is None else start.read_at
        self._position = None if start is None else start.position
        self._walking = start is not None and start.walking
        self._sorted = False
        self._server: ServerState | None = None
        self._rows: list[Row] = []
        self._sources: list[tuple[int, Draft]] = []
        self._steps: list[Step] = []

    async def find(self) -> Found:
        """The page.

        Raises:
            QueryError: no time that a statement may take was enough.
            StoreUnavailable: no connection was free in time, or the database does not answer.
        """
        try:
            if self._read_at is None and is_relative(self._query.condition):
                await self._ask([])
            done = await self._all_stretches()
        except OutOfTime as given_up:
            self._noticed(given_up.server)
            done = False
        except NoConnection:
            if self._server is None:  # the answer would have no moment
                raise
            done = False
        if self._server is None:  # nothing had to be read
            await self._ask([])
        assert self._server is not None
        full = len(self._rows) > self._limit
        slow = not (done or full) or monotonic() - self._began > SLOW
        advice = index_command(self._query, self._indexes) if slow else None
        return Found(
            self._rows[: self._limit],
            None if done and not full else self._following(full=full, advice=advice),
            self._read_at or self._server.at,
            done or full,
            Plan(tuple(self._steps), advice),
            self._server,
        )

    def _following(self, *, full: bool, advice: str | None) -> Cursor:
        assert self._read_at is not None
        position = self._position
        if full:
            last = self._limit - 1
            draft = next(draft for end, draft in self._sources if last < end)
            position = draft.position_of(self._rows[last])
        before = None if self._start is None else self._start.position
        effort = self._effort
        if position == before:
            if self._allowed >= self._timeout:
                hint = advice or "add a condition on state, workflow or an attribute"
                raise QueryError(f"the answer took longer than {self._timeout:g} s", hint=hint)
            effort += 1
        elif not self._sorted:
            effort = max(0, effort - 1)
        return Cursor(self._read_at, position, effort, self._walking)

    # -- stretches of the order ----------------------------------------------------------------

    async def _all_stretches(self) -> bool:
        """Whether the end of the answer was reached."""
        if self._read_at is not None:
            self._query = replace(self._query, condition=pin(self._query.condition, self._read_at))
        for stretch in stretches(self._query, self._indexes):
            if is_behind(stretch, self._position):
                continue
            if await self._stretch(stretch) is not Outcome.END:
                return False
        return True

    async def _stretch(self, stretch: Stretch) -> Outcome:
        draft = self._draft(stretch)
        if draft.paths.impossible:
            return Outcome.END
        outcome = await self._try(draft, draft.paths.id_probe())
        if outcome is not Outcome.MORE:
            return outcome
        if not draft.walks:
            return await self._sort(stretch)
        return await self._walk_on(stretch)

    async def _walk_on(self, stretch: Stretch) -> Outcome:
        """Windows of an index, larger and larger; after the first a look at what else there is."""
        window, index, hopeful = max(self._bounds.first, self._wanted), None, True
        while True:
            draft = self._draft(stretch)
            walk = next((walk for walk in draft.walks if walk.index == index), draft.walks[0])
            index = walk.index
            began, before = monotonic(), len(self._rows)
            outcome = await self._walk(draft, walk, window)
            if outcome is not Outcome.MORE:
                return outcome
            rate = window / max(monotonic() - began, 1e-6)
            found = len(self._rows) - before
            if not self._walking and hopeful and self._wanted * window <= found * self._bounds.near:
                # A walk stops at the last match it needs, so its window may as well be large.
                window, hopeful = 3 * self._bounds.near, False
                continue
            if not self._walking:
                outcome = await self._try_others(stretch, walk)
                if outcome is Outcome.MORE:
                    outcome, index = await self._look_around(stretch, index)
                if outcome is not Outcome.MORE:
                    return outcome
                self._walking = True
            window = self._next_window(window, rate)
            if window == 0:
                return Outcome.MORE

    def _next_window(self, window: int, rate: float) -> int:
        """So many rows as there is time for at `rate` rows a second; 0: for hardly any."""
        affordable = int(0.8 * rate * self._left)
        larger = min(4 * window, max(self._bounds.largest, self._bounds.first))
        while larger > affordable:
            larger //= 2
            if larger < self._bounds.first:
                return 0
        return larger

    async def _try(self, draft: Draft, probe: Probe | None) -> Outcome:
        """A set of which a few rows tell whether it is small."""
        if probe is None or self._walking:
            return Outcome.MORE
        return await self._probe(draft, probe)

    async def _try_others(self, stretch: Stretch, walked: Walk) -> Outcome:
        """A window of each other index, as no estimate tells how long a declared one is.

        All walk the same order, so each goes on where the last one stopped.
        """
        others = [walk.index for walk in self._draft(stretch).walks if walk.index != walked.index]
        for index in others if walked.declared else ():
            draft = self._draft(stretch)
            walk = next(walk for walk in draft.walks if walk.index == index)
            outcome = await self._walk(draft, walk, max(self._bounds.first, self._wanted))
            if outcome is not Outcome.MORE:
                return outcome
        return Outcome.MORE

    async def _look_around(self, stretch: Stretch, index: str) -> tuple[Outcome, str]:
        """Fetch a small set that holds all matches, or find a shorter index to walk."""
        draft = self._draft(stretch)
        outcome = await self._try(draft, draft.paths.range_probe(index))
        if outcome is not Outcome.MORE:
            return outcome, index
        draft = self._draft(stretch)
        probes = draft.paths.probes()
        if not probes and len(draft.walks) == 1:
            return Outcome.MORE, index
        ways = [(probe.counted, probe) for probe in probes]
        ways += [(walk.counted, walk) for walk in draft.walks]
        answers = await self._ask([estimate_statement(text, draft.parameters) for text, _ in ways])
        sized = [
            (read_estimate(rows).rows, way) for rows, (_, way) in zip(answers, ways, strict=True)
        ]
        # An index that is walked gives its matches as they come; a set has to be sorted first.
        _, best = min(
            sized, key=lambda item: item[0] if isinstance(item[1], Walk) else 2 * item[0] + 500
        )
        size = next(size for size, way in sized if way is best)
        if isinstance(best, Walk):
            return Outcome.MORE, best.index
        if size > self._bounds.probe:
            return Outcome.MORE, index
        return await self._probe(draft, best), index

    async def _sort(self, stretch: Stretch) -> Outcome:
        """All that the conditions leave, from a small set if there is one."""
        draft = self._draft(stretch)
        outcome = await self._try(draft, draft.paths.range_probe())
        if outcome is not Outcome.MORE:
            return outcome
        draft = self._draft(stretch)
        probes = [] if self._walking else draft.paths.probes()
        texts = [*(probe.counted for probe in probes), sorted_runs(draft.wanted)]
        answers = await self._ask([estimate_statement(text, draft.parameters) for text in texts])
        *sizes, whole = [read_estimate(rows) for rows in answers]
        if probes:
            size, best = min(zip(sizes, probes, strict=True), key=lambda pair: pair[0].rows)
            if size.rows <= self._bounds.probe:
                outcome = await self._probe(draft, best)
                if outcome is not Outcome.MORE:
                    return outcome
        self._walking = self._sorted = True
        began = monotonic()
        index = ", ".join(whole.indexes) or None
        rows_read = 0
        found: list[Row] = []
        try:
            # Processes that sort together take longer to be cancelled than one alone.
            [found] = await self._ask([sort_statement(draft.wanted)], spare=RESERVE)
            rows_read = whole.rows
        finally:
            self._steps.append(Step("sort", index, rows_read, len(found), monotonic() - began))
        return self._take(draft, found)

    # -- statements ----------------------------------------------------------------------------

    async def _walk(self, draft: Draft, walk: Walk, window: int) -> Outcome:
        statement = walk_statement(draft.wanted, walk.branches, window)
        began = monotonic()
        [[*hits, edge]] = await self._ask([statement], WALKING)
        self._note(Step("walk", walk.index, edge[0], len(hits), monotonic() - began))
        outcome = self._take(draft, hits)
        if outcome is Outcome.FULL or edge[PREFIX] is None:
            return outcome
        self._position = draft.position_of(edge)
        return Outcome.MORE

    async def _probe(self, draft: Draft, probe: Probe) -> Outcome:
        """`MORE` when the set is too large, or takes longer than half the time that is left."""
        settings = dict(PROBING)
        if probe.known:
            settings["enable_bitmapscan"] = "off"  # which would read the set as a whole
            draft.parameters["bound"] = min(self._bounds.known, self._bounds.probe)
        statement = probe_statement(draft.wanted, probe.tables, leased=probe.strategy == "leases")
        began = monotonic()
        rows: list[Row] = []
        try:
            [rows] = await self._ask([statement], settings, share=0.5)
        except OutOfTime as given_up:
            self._noticed(given_up.server)
        *hits, size = rows or [(draft.parameters["bound"] + 1,)]
        few = size[0] <= draft.parameters["bound"]
        self._note(Step(probe.strategy, probe.index, size[0], len(hits), monotonic() - began))
        return self._take(draft, hits) if few else Outcome.MORE

    def _take(self, draft: Draft, hits: Sequence[Row]) -> Outcome:
        if hits:
            self._rows += hits
            self._sources.append((len(self._rows), draft))
            self._position = draft.position_of(hits[-1])
        return Outcome.FULL if len(self._rows) > self._limit else Outcome.END

    def _note(self, step: Step) -> None:
        """Windows of the same walk count as one step."""
        last = self._steps[-1] if self._steps else None
        if last is not None and (last.strategy, last.index) == (step.strategy, step.index):
            self._steps[-1] = replace(
                last,
                rows_read=last.rows_read + step.rows_read,
                found=last.found + step.found,
                elapsed=last.elapsed + step.elapsed,
            )
        else:
            self._steps.append(step)

    # -- pieces --------------------------------------------------------------------------------

    @property
    def _left(self) -> float:
        return self._until - monotonic()

    @property
    def _wanted(self) -> int:
        """One more than fits, to know whether anything follows."""
        return self._limit + 1 - len(self._rows)

    def _draft(self, stretch: Stretch) -> Draft:
        return draft(
            self._query, stretch, self._indexes, self._position, self._wanted,
            self._entries, {"shown": self._entries.shown, "bound": self._bounds.probe},
        )  # fmt: skip

    async def _ask(
        self,
        statements: Sequence[Statement],
        settings: Mapping[str, str] | None = None,
        share: float = 1.0,
        spare: float = 0.0,
    ) -> Sequence[list[Row]]:
        """All pages of an answer are about the moment at which the first statement was read."""
        pinned = [
            Statement(text, {**parameters, "read_at": self._read_at})
            for text, parameters in statements
        ]
        seconds = share * self._left - min(spare, self._left / 5)
        answers = await ask(self._pool, pinned, seconds, settings or {})
        self._noticed(answers.server)
        return answers.rows

    def _noticed(self, server: ServerState) -> None:
        self._server = server
        if self._read_at is None:
            self._read_at = server.at
