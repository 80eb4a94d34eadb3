"""Calls that write: start, signal, ask, cancel, set attributes. Simultaneous ones share commits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol
from uuid import UUID

from continuum.client.sharing import SharedCommits
from continuum.codec.attributes import check_attributes, check_json, check_name
from continuum.errors import AttributesError, PayloadError, RunNotFound, RunTerminal
from continuum.journal.turn import NewRun
from continuum.operators.acts import Act
from continuum.store.protocol import (
    ClientStore,
    HintSender,
    InboxMessage,
    NewMessage,
    PostOutcome,
)
from continuum.store.questions import NewQuestion, QuestionKey
from continuum.store.reading import ReadStore
from continuum.store.starts import StartOrder, StartOutcome
from continuum.telemetry.calling import calling


class WorkerHere(Protocol):
    """A worker of this process, as the client's calls use it."""

    def loads(self, workflow_name: str, namespace: str = "default") -> bool:
        """Whether it takes new runs of that workflow in that namespace now."""
        ...

    async def create_local(self, new_run: NewRun) -> UUID:
        """Start a run on it: start and first turn are one commit."""
        ...

    def deliver_local(self, messages: Sequence[InboxMessage]) -> None:
        """Messages that were just posted."""
        ...


class Control:
    """Writes what the client's calls ask for and tells whoever has to know.

    Args:
        store, reads: where to.
        hints: wakes workers elsewhere.
        workers: of this process; the list changes as they come and go.
    """

    def __init__(
        self,
        store: ClientStore,
        reads: ReadStore,
        hints: HintSender,
        workers: Sequence[WorkerHere],
    ) -> None:
        self._store = store
        self._reads = reads
        self._hints = hints
        self._workers = workers
        self._starts = SharedCommits[NewRun, "NewRun | None"](self._insert_all)
        self._orders = SharedCommits[StartOrder, StartOutcome](self._carry_out)
        self._posts = SharedCommits[NewMessage, PostOutcome](self._post_all)

    async def close(self) -> None:
        """Wait for commits under way."""
        await self._starts.close()
        await self._orders.close()
        await self._posts.close()

    async def start_new(self, new_run: NewRun) -> bool:
        """Start a run under a fresh id; whether a worker of this process took it at once."""
        for worker in self._workers:
            if worker.loads(new_run.workflow, new_run.namespace):
                await worker.create_local(new_run)
                return True
        await self.insert(new_run)
        return False

    async def insert(self, new_run: NewRun) -> NewRun | None:
        """Insert a run, or give the one that has its id or idempotency key."""
        return await self._starts.submit(new_run)

    async def start(self, order: StartOrder) -> StartOutcome:
        """Carry out a start with a key, a time or a timeout."""
        return await self._orders.submit(order)

    async def signal(
        self,
        run_id: UUID,
        name: str,
        payload: Any,
        namespace: str | None,
        delivery_id: str | None,
        act: Act | None,
    ) -> None:
        """Post a signal; without an act it is an application's message."""
        check_name(name, "signal name")
        if delivery_id is not None:
            check_name(delivery_id, "delivery_id")
        value = check_json(payload, f"payload of signal {name}")
        message = NewMessage(run_id, "signal", name, value, delivery_id, namespace, act)
        with calling("signal", name, **{"run.id": str(run_id), "signal": name}):
            _check_posted(run_id, await self._posts.submit(message))

    async def ask(
        self,
        key: QuestionKey,
        name: str,
        payload: Any,
        namespace: str | None,
        act: Act | None,
    ) -> None:
        """Ask a run, unless it was asked this already.

        Raises:
            RunNotFound, RunTerminal, ReasonRequired: nothing was asked.
            PayloadError: likewise; or the id is that of a question of another name.
        """
        run_id, question_id = key
        check_name(name, "question name")
        check_name(question_id, "question id")
        value = check_json(payload, f"payload of question {name}")
        question = NewQuestion(run_id, question_id, name, value, namespace, act)
        with calling("ask", name, **{"run.id": str(run_id), "question": name}):
            outcome = await self._store.questions.ask(question)
        if outcome.state is None:
            raise RunNotFound(run_id)
        if outcome.known is not None and outcome.known != name:
            raise PayloadError(
                f"run {run_id}: question id {question_id!r} is that of a question"
                f" {outcome.known!r}",
                hint="ids are unique within a run; without id= one is made",
            )
        if outcome.posted is not None:
            self._tell([outcome.posted])
        elif outcome.known is None:
            raise RunTerminal(run_id, outcome.state)

    async def cancel(self, run_id: UUID, namespace: str | None, act: Act, *, force: bool) -> None:
        """Ask a run to stop, or end it at once; for the reason of the act."""
        if not force:
            value = check_json(act.reason, "reason")
            message = NewMessage(run_id, "cancel", "", value, namespace=namespace, act=act)
            _check_posted(run_id, await self._posts.submit(message))
            return
        outcome = await self._store.force_cancel(run_id, act.reason, namespace, act)
        if outcome.state is None:
            raise RunNotFound(run_id)
        if outcome.state.terminal:
            raise RunTerminal(run_id, outcome.state)
        self._hints.runs_ended([run_id])
        if outcome.touched:
            self._hints.runs_changed(outcome.touched)

    async def set_attributes(
        self,
        run_id: UUID,
        attributes: Mapping[str, Any],
        unset: Iterable[str],
        namespace: str | None,
        act: Act | None,
    ) -> None:
        """Merge attributes."""
        merged = check_attributes(attributes)
        if isinstance(unset, str):
            raise AttributesError("unset is a list of keys, not text")
        removed = list(check_attributes(dict.fromkeys(unset)))
        both = [key for key in removed if key in merged]
        if both:
            raise AttributesError(f"attribute {both[0]!r} is to be set and removed in one call")
        if not await self._reads.set_attributes(run_id, namespace, merged, removed, act):
            raise RunNotFound(run_id)

    async def _insert_all(self, runs: Sequence[NewRun]) -> Sequence[NewRun | None]:
        answers = await self._store.insert_runs(runs)
        inserted = [
            run.run_id for run, existing in zip(runs, answers, strict=True) if existing is None
        ]
        if inserted:
            self._hints.runs_changed(inserted)
        return answers

    async def _carry_out(self, orders: Sequence[StartOrder]) -> Sequence[StartOutcome]:
        outcomes = await self._store.orders.start_orders(orders)
        changed: dict[UUID, None] = {}
        for order, outcome in zip(orders, outcomes, strict=True):
            if outcome.existing is None:
                changed[order.run.run_id] = None
            elif outcome.posted is not None:
                changed[outcome.posted.run_id] = None
        if changed:
            self._hints.runs_changed(list(changed))
        return outcomes

    async def _post_all(self, messages: Sequence[NewMessage]) -> Sequence[PostOutcome]:
        outcomes = await self._store.post(messages)
        posted = [outcome.posted for outcome in outcomes if outcome.posted is not None]
        if posted:
            self._tell(posted)
        return outcomes

    def _tell(self, posted: Sequence[InboxMessage]) -> None:
        """Whoever owns the runs that got these."""
        if self._workers:
            self._workers[0].deliver_local(posted)
        else:
            self._hints.runs_changed(list({message.run_id: None for message in posted}))


def _check_posted(run_id: UUID, outcome: PostOutcome) -> None:
    if outcome.state is None:
        raise RunNotFound(run_id)
    if outcome.posted is None and not outcome.duplicate:
        raise RunTerminal(run_id, outcome.state)
