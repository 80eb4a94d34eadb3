"""Claims attempts from named queues, runs them and answers their runs.

A task belongs to this node until it is answered, given back, or found gone: its run ended, gave it
up, or another node declared this one dead. Only free slots are claimed for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from random import Random
from uuid import UUID

from msgspec import Raw

from continuum.declare.queue import Queue
from continuum.declare.registry import AnyActivity
from continuum.declare.retry import Retry
from continuum.engine.outcome import ActivityCall
from continuum.journal.events import NO_DETAILS, Failure, as_details, details_of
from continuum.journal.tasks import AttemptResult, TaskPayload, decode_payload, encode_task
from continuum.store.activities import ActivityStore, AttemptFence, ClaimedTask
from continuum.store.protocol import InboxMessage
from continuum.system import monotonic
from continuum.worker.activities import Activities
from continuum.worker.attempt import Attempt
from continuum.worker.membership import Membership
from continuum.worker.service import Service, Signal, wait_event

POLL = 1.0
HELD = 1.0
"""Seconds until a task whose idempotency key is in use is tried again."""

SWEEP_BATCH = 500


class Task:
    """A claimed task: what its attempt belongs to, and who hears of its end."""

    __slots__ = ("_tasks", "attempts", "begun", "claimed", "run_id", "token")

    is_task = True

    def __init__(self, tasks: Tasks, claimed: ClaimedTask) -> None:
        self._tasks = tasks
        self.claimed = claimed
        self.run_id: UUID = claimed.fence.run_id
        self.token = claimed.fence.token
        self.attempts: dict[int, Attempt] | None = None
        self.begun = False

    @property
    def execution(self) -> Task:
        """Itself hears of outcomes."""
        return self

    def answered(self) -> None:
        """See `Host`."""
        self._tasks.answered(self)

    def attempt_begun(self, command: int, attempt: int) -> None:
        """See `AttemptSink`."""
        self.begun = True

    def attempt_completed(self, command: int, attempt: int, value: bytes, at: datetime) -> None:
        """See `AttemptSink`."""
        self._tasks.answer(self, AttemptResult("completed", value=Raw(value)))

    def attempt_failed(
        self, command: int, attempt: int, failure: Failure, reason: str, retryable: bool,
        jitter: float, at: datetime, *, details: bytes | None = None,
    ) -> None:  # fmt: skip
        """See `AttemptSink`."""
        raw = as_details(details)
        self._tasks.answer(
            self,
            AttemptResult("failed", error=failure, reason=reason, retryable=retryable,
                          jitter=jitter, details=raw),
        )  # fmt: skip

    def attempt_crashed(
        self, command: int, attempt: int, details: bytes | None, at: datetime
    ) -> None:
        """See `AttemptSink`."""
        raw = as_details(details)
        self._tasks.answer(self, AttemptResult("crashed", details=raw))

    def attempt_held(self, command: int, attempt: int, at: datetime) -> None:
        """See `AttemptSink`."""
        self._tasks.put_back(self, HELD)


class Tasks(Service):
    """Everything this worker does for named queues.

    Args:
        queues: those it serves.
        activities: what it can run, by name.
        attempts: runs them.
        posted: told of messages put into inboxes.
        paused: queues from which nothing is claimed now.
    """

    def __init__(
        self,
        store: ActivityStore,
        random: Random,
        *,
        queues: Mapping[str, Queue],
        activities: Mapping[str, AnyActivity],
        attempts: Activities,
        membership: Membership,
        posted: Callable[[Sequence[InboxMessage]], None],
        paused: Callable[[], Collection[str]] = frozenset,
        poll: float = POLL,
    ) -> None:
        super().__init__("tasks", random)
        self.claimed: Signal[ClaimedTask] = Signal()
        self.swept: Signal[int] = Signal()
        self._store = store
        self._random = random
        self._queues = queues
        self._declared = activities
        self._attempts = attempts
        self._membership = membership
        self._posted = posted
        self._paused = paused
        self._poll = poll
        self._held: dict[AttemptFence, Task] = {}
        self._answers: list[tuple[AttemptFence, bytes]] = []
        self._returns: list[tuple[AttemptFence, float]] = []
        self._look = asyncio.Event()
        self._poll_at = 0.0
        self._claiming = True

    @property
    def held(self) -> int:
        """Tasks of this node that are not answered."""
        return len(self._held)

    def request(self) -> None:
        """Something may be claimable."""
        self._look.set()

    def answer(self, task: Task, result: AttemptResult) -> None:
        """The attempt ended: its run hears of it with the next commit of this service."""
        if self._held.pop(task.claimed.fence, None) is not None:
            self._answers.append((task.claimed.fence, encode_task(result)))
            self._look.set()

    def answered(self, task: Task) -> None:
        """The answer was committed by the attempt's own transaction."""
        self._held.pop(task.claimed.fence, None)
        self._look.set()

    def put_back(self, task: Task, delay: float) -> None:
        """It did not begin; somebody may claim it after `delay` seconds."""
        if self._held.pop(task.claimed.fence, None) is not None:
            self._returns.append((task.claimed.fence, delay))
            self._look.set()

    def drop_all(self) -> None:
        """The epoch was lost: others have these tasks."""
        held, self._held = self._held, {}
        self._answers.clear()
        self._returns.clear()
        for task in held.values():
            self._attempts.forget(task)

    async def iterate(self) -> None:
        """Wait for something to do, at most until the next poll, then do it."""
        await wait_event(self._look, max(self._poll_at - monotonic(), 0.0))
        self._look.clear()
        await self.flush()
        if monotonic() >= self._poll_at:
            self._poll_at = monotonic() + self._poll * (0.75 + self._random.random() / 2)
            await self._look_after()
            await self._sweep()
        if self._claiming:
            await self._claim()

    async def flush(self) -> None:
        """Commit answers, and give back what did not begin."""
        answers, self._answers = self._answers, []
        try:
            if answers:
                self._posted(await self._store.finish_tasks(answers))
        except BaseException:
            self._answers = answers + self._answers
            raise
        while self._returns:
            delay = self._returns[0][1]
            batch = [fence for fence, wait in self._returns if wait == delay]
            await self._store.give_tasks_back(batch, delay)
            self._returns = [entry for entry in self._returns if entry[1] != delay]

    async def stop_claiming(self) -> None:
        """The drain begins: queued attempts that have not begun go back at once."""
        self._claiming = False
        for task in list(self._held.values()):
            if not task.begun:
                self.put_back(task, 0.0)

    async def finish(self) -> None:
        """The drain's end: commit the last answers; what still runs counts as crashed."""
        for task in list(self._held.values()):
            self.answer(task, AttemptResult("crashed", details=_details_of(task)))
        await self.stop()
        await self.flush()

    async def _claim(self) -> None:
        if not self._queues or not self._declared:
            return
        again = True
        while again and self._membership.active:
            again = False
            for queue in self._queues.values():
                limit = self._room(queue)
                if limit < 1 or queue.name in self._paused():
                    continue
                node_id = self._membership.node_id
                claimed = await self._store.claim_tasks(
                    node_id, queue.name, list(self._declared), limit
                )
                if not self._membership.active or node_id != self._membership.node_id:
                    return  # the epoch ended meanwhile: the others sweep them
                for task in claimed:
                    self._begin(task)
                again = again or len(claimed) == limit

    def _room(self, queue: Queue) -> int:
        free = self._attempts.free
        if queue.concurrency is None:
            return free
        mine = sum(task.claimed.queue == queue.name for task in self._held.values())
        return min(free, queue.concurrency - mine)

    def _begin(self, claimed: ClaimedTask) -> None:
        fence = claimed.fence
        task = self._held[fence] = Task(self, claimed)
        self.claimed.emit(claimed)
        payload = decode_payload(claimed.payload)
        call = ActivityCall(
            fence.run_id, fence.namespace, fence.incarnation, fence.command, fence.attempt,
            _options(self._declared[claimed.activity], claimed.queue, payload),
            bytes(payload.args), details_of(payload.details), payload.trace,
        )  # fmt: skip
        self._attempts.start(task, [call])

    async def _look_after(self) -> None:
        """Which of ours are gone, or should stop?"""
        fences = list(self._held)
        if not fences:
            return
        lost, stopping = await self._store.look_at_tasks(fences)
        for fence in lost:
            task = self._held.pop(fence, None)
            if task is not None:
                self._attempts.forget(task)
        for fence in stopping:
            task = self._held.get(fence)
            if task is not None:
                self._attempts.stop(task, [fence.command])

    async def _sweep(self) -> None:
        """What the dead held: they are called dead in the database, so nobody is judged here."""
        if self._membership.active:
            crashed = await self._store.sweep_tasks(SWEEP_BATCH)
            self._posted(crashed)
            self._posted(await self._store.sweep_keys(SWEEP_BATCH))
            self.swept.emit(len(crashed))


def _options(activity: AnyActivity, queue: str, payload: TaskPayload) -> AnyActivity:
    """The activity as this call wants it; retrying is the run's own business."""
    return activity.options(
        timeout=payload.timeout,
        heartbeat_timeout=payload.heartbeat_timeout,
        retry=Retry(non_retryable=payload.non_retryable),
        idempotency_key=payload.key,
        queue=queue,
    )


def _details_of(task: Task) -> Raw:
    for attempt in (task.attempts or {}).values():
        return as_details(attempt.last_details)
    return NO_DETAILS
