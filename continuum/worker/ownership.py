"""Taking runs and giving them back: claims, evictions and runs that drifted."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from random import Random
from uuid import UUID

from continuum.journal.turn import RunState, Turn
from continuum.store.opening import UNREADABLE
from continuum.store.pauses import PauseStore
from continuum.store.protocol import ClaimedRun, OwnershipStore, Release, StoreUnavailable
from continuum.system import Clock
from continuum.worker.membership import Membership
from continuum.worker.owned import OwnedRun
from continuum.worker.pausing import Answers
from continuum.worker.runner import Runner
from continuum.worker.service import Backoff, Service, Signal, wait_event
from continuum.worker.turns import turn_of

CLAIM_BATCH = 500
MAX_WORKING = 4000
"""Runs with something to do that one node holds; the rest is left to others, or for later."""

RELEASE_BATCH = 500
BLOCKED_AGAIN = timedelta(seconds=60)
"""How long a run rests that two builds could not go on with, or they would hand it to and fro."""

IDLE = 60.0
"""Seconds between two looks when nothing asks for one; the poll asks every second."""


class Claims(Service):
    """Claims free runs until there are none, whenever something says that there are some.

    Runs that may be poison come one at a time, each alone on probation, in turns with the others.
    """

    def __init__(
        self,
        store: OwnershipStore,
        pauses: PauseStore,
        random: Random,
        *,
        runner: Runner,
        membership: Membership,
    ) -> None:
        super().__init__("claims", random)
        self.claimed: Signal[UUID] = Signal()
        self._store = store
        self._pauses = pauses
        self._runner = runner
        self._membership = membership
        self._wanted = asyncio.Event()
        self._suspects = False
        self._unsure = False

    def request(self) -> None:
        """Something may be claimable."""
        self._wanted.set()

    def request_suspects(self) -> None:
        """Something may be claimable that lost its owners again and again."""
        self._suspects = True
        self._wanted.set()

    async def iterate(self) -> None:
        """Wait for a request, then claim until nothing comes or there is no room."""
        await wait_event(self._wanted, IDLE)
        self._wanted.clear()
        membership = self._membership
        node_id = membership.node_id
        while (
            membership.active
            and node_id == membership.node_id
            and (room := MAX_WORKING - self._working()) > 0
        ):
            if self._unsure:
                await self._free_unknown(node_id)
            try:
                claimed = await self._store.claim(
                    node_id, membership.version_ids, membership.build, min(room, CLAIM_BATCH)
                )
                self._adopt(node_id, await self._hold(node_id, claimed))
                if self._suspects:
                    await self._claim_suspect(node_id)
            except BaseException:
                self._unsure = True
                self._wanted.set()
                raise
            if not claimed and not self._suspects:
                break

    async def _claim_suspect(self, node_id: UUID) -> None:
        membership, probation = self._membership, self._runner.probation
        await probation.over()
        if not membership.active or node_id != membership.node_id:
            return
        claimed = await self._store.claim_suspect(node_id, membership.version_ids, membership.build)
        self._suspects = bool(claimed)
        self._adopt(node_id, await self._hold(node_id, claimed))
        await probation.over()

    async def _hold(self, node_id: UUID, claimed: Sequence[ClaimedRun]) -> Sequence[ClaimedRun]:
        """Give back what is paused with its namespace or its workflow; answers the rest."""
        now = self._runner.pausing.now
        covered = {
            run.run_id: run.token for run in claimed if now.cover(run.namespace, run.workflow)
        }
        if not covered:
            return claimed
        held = await self._pauses.hold(node_id, covered)
        return [run for run in claimed if run.run_id not in held]

    def _adopt(self, node_id: UUID, claimed: Sequence[ClaimedRun]) -> None:
        if not self._membership.active or node_id != self._membership.node_id:
            return  # the epoch ended meanwhile: these leases are free again
        for run in claimed:
            self._runner.adopt(run)
            self.claimed.emit(run.run_id)

    def _working(self) -> int:
        return len(self._runner.runs) - len(self._runner.parked)

    async def _free_unknown(self, node_id: UUID) -> None:
        """A claim's answer was lost: the store may say that we own runs we never received."""
        freed = await self._store.free_unknown(node_id, list(self._runner.runs))
        self._unsure = False
        if freed:
            self.log.info("gave back %d runs whose claim was never answered", freed)


class Releases(Service):
    """Gives leases back: the least recently used parked runs, and blocked ones.

    A run being released is frozen like one with a turn in flight. What arrives meanwhile is in
    the inbox or in `wake_at`, so nothing is lost when its stimuli are dropped (rule 9).
    """

    def __init__(
        self,
        store: OwnershipStore,
        random: Random,
        *,
        runner: Runner,
        clock: Clock,
        membership: Membership,
        max_cached_runs: int,
    ) -> None:
        super().__init__("releases", random)
        self.released: Signal[UUID] = Signal()
        self._random = random
        self._store = store
        self._runner = runner
        self._clock = clock
        self._membership = membership
        self._max_cached_runs = max_cached_runs
        self._blocked: list[tuple[OwnedRun, Release]] = []
        self._more = asyncio.Event()

    def consider(self) -> None:
        """Called after each commit: is the memory over its limit?"""
        if len(self._runner.runs) > self._max_cached_runs and self._runner.parked:
            self._more.set()

    def block(self, run: OwnedRun, message: str) -> None:
        """Park a run that this build cannot go on with; another build may (rule 19).

        One that another build had given up before rests, or the two would take turns for ever.
        """
        again = run.blocked_before or run.unreadable is not None
        turn = Turn(
            run_id=run.run_id,
            token=run.token,
            next_seq=run.next_seq,
            incarnation=run.incarnation,
            entries=[],
            state=RunState.SUSPENDED if run.state is not RunState.SUSPENDED else None,
            waiting_on=f"blocked: {message}",
            parked=True,
            wake_at=self._clock.now() + BLOCKED_AGAIN if again else None,
        )
        run.in_flight = turn
        build = self._membership.build if run.unreadable is None else UNREADABLE
        release = Release(turn, ready=not again, blocked_build=build)
        self._blocked.append((run, release))
        self._more.set()

    def let_go(self, run: OwnedRun) -> None:
        """Give a run back that is paused or cannot be read, with what it has not heard of."""
        release = self.freeze(run)
        if run.unreadable is not None:
            turn = release.turn
            turn.state = RunState.SUSPENDED if run.state is not RunState.SUSPENDED else None
            turn.waiting_on, turn.parked = f"blocked: cannot open {run.unreadable}", True
            turn.wake_at = self._clock.now() + BLOCKED_AGAIN
            release = replace(release, ready=False, blocked_build=UNREADABLE)
        self._blocked.append((run, release))
        self._more.set()

    def take_frozen(self) -> list[tuple[OwnedRun, Release]]:
        """What is blocked or paused, and not given back yet."""
        frozen, self._blocked = self._blocked, []
        return frozen

    async def iterate(self) -> None:
        """Give back what is blocked or paused, then what is too much."""
        if not self._blocked:
            await wait_event(self._more, IDLE)
        blocked = self.take_frozen()
        if blocked:
            await self.give_back(blocked)
        excess = len(self._runner.runs) - self._max_cached_runs
        if excess > 0:
            oldest = list(self._runner.parked.values())[: min(excess, RELEASE_BATCH)]
            if oldest:
                await self.give_back([(run, self.freeze(run)) for run in oldest])
                self._more.set()

    def freeze(self, run: OwnedRun) -> Release:
        """Stop stepping `run` and say what giving it back writes."""
        execution = run.execution
        if execution is None:  # claimed and never stepped
            turn = Turn(run.run_id, run.token, run.next_seq, run.incarnation, [])
            run.in_flight = turn
            return Release(turn, ready=True)
        work_left = bool(run.stimuli) or execution.state is not RunState.SUSPENDED
        at = self._clock.now()
        answers = Answers.of(run, at) if run.pausing else ()
        execution.release(at)
        turn = run.in_flight = turn_of(run, execution, execution.collect())
        if work_left:  # it is still running, only not here
            turn.state = RunState.RUNNING if run.state is not RunState.RUNNING else None
            turn.waiting_on, turn.parked = None, False
        self._runner.unpark(run)
        return Release(turn, ready=work_left, answers=answers)

    async def give_back(self, releases: Sequence[tuple[OwnedRun, Release]]) -> None:
        """Release frozen runs and drop them, whatever the outcome: either way they are not ours.

        After an unknown outcome the same releases are sent again.
        """
        node_id = self._membership.node_id
        backoff = Backoff(self._random)
        for start in range(0, len(releases), RELEASE_BATCH):
            batch = releases[start : start + RELEASE_BATCH]
            while True:
                try:
                    await self._store.release(node_id, [release for _, release in batch])
                except StoreUnavailable as error:
                    self.log.warning("giving %d runs back: %s", len(batch), error)
                    await asyncio.sleep(backoff.pause())
                except Exception:
                    self.log.exception("giving %d runs back: unexpected error", len(batch))
                    await asyncio.sleep(backoff.pause())
                else:
                    break
            for run, _ in batch:
                self._runner.drop(run)
                self.released.emit(run.run_id)
