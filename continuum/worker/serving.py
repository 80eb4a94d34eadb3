"""What a worker does for activities, put together: attempts, queues, keys and heartbeats."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random

from continuum.declare.queue import Queue
from continuum.declare.registry import AnyActivity
from continuum.journal.turn import Turn
from continuum.store.activities import ActivityStore
from continuum.store.protocol import HintSender, InboxMessage
from continuum.system import Clock
from continuum.worker.activities import Activities
from continuum.worker.attempt import Stimulus
from continuum.worker.executors import Executors
from continuum.worker.heartbeats import Heartbeats
from continuum.worker.membership import Membership
from continuum.worker.owned import OwnedRun
from continuum.worker.processes import Processes
from continuum.worker.runner import Runner
from continuum.worker.service import Service
from continuum.worker.tasks import Task, Tasks


class Serving:
    """Builds the services for activities and passes outcomes to whom they belong.

    Attributes:
        activities: runs attempts.
        tasks: named queues.
        heartbeats: stores progress.
    """

    def __init__(
        self,
        store: ActivityStore,
        random: Random,
        *,
        concurrency: int,
        queues: Mapping[str, Queue],
        activities: Mapping[str, AnyActivity],
        runner: Runner,
        clock: Clock,
        hints: HintSender,
        posted: Callable[[Sequence[InboxMessage]], None],
        poll: float,
    ) -> None:
        self._store = store
        self._random = random
        self._queues = queues
        self._declared = activities
        self._runner = runner
        self._clock = clock
        self._hints = hints
        self._posted = posted
        self._poll = poll
        self._membership: Membership
        executors = Executors(
            store, random, node_id=lambda: self._membership.node_id, posted=self._post,
            processes=Processes(),
        )  # fmt: skip
        self.activities = Activities(concurrency, random, self._deliver, executors)
        self.heartbeats = Heartbeats(
            store, random, attempts=lambda: self.activities.in_progress, fence=executors.fence
        )
        self.tasks: Tasks
        runner.on_tasks = self._queued

    def connect(self, membership: Membership) -> None:
        """Name the membership, which gives the node id."""
        self._membership = membership
        self.tasks = Tasks(
            self._store,
            self._random,
            queues=self._queues,
            activities=self._declared,
            attempts=self.activities,
            membership=membership,
            posted=self._post,
            paused=lambda: self._runner.pausing.now.queues,
            poll=self._poll,
        )

    async def start(self) -> None:
        """Store the limits of the queues."""
        if self._queues:
            await self._store.set_queues(list(self._queues.values()))

    def services(self) -> list[Service]:
        """The loops to be run."""
        return [self.tasks, self.heartbeats]

    def _deliver(self, host: OwnedRun | Task, stimulus: Stimulus) -> None:
        if isinstance(host, OwnedRun):
            self._runner.stimulate(host, stimulus)
        else:
            stimulus(self._clock.now())

    def _post(self, messages: Sequence[InboxMessage]) -> None:
        if messages:
            self._posted(messages)

    def _queued(self, run: OwnedRun, turn: Turn) -> None:
        """Task rows were committed: whoever serves those queues may claim them."""
        if turn.tasks:
            queues = {task.queue for task in turn.tasks}
            if not queues.isdisjoint(self._queues):
                self.tasks.request()
            self._hints.tasks_queued(sorted(queues))
        if turn.stop_tasks:  # unclaimed ones were answered in that commit: our own mail
            self._hints.runs_changed([run.run_id])
