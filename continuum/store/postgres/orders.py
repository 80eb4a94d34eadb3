"""Starts with a key, a time, a timeout or a first signal (`StartStore`).

What is done is the same on a connection of the pool and on a caller's own, asynchronous or not, so
it is a `Procedure`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from msgspec.json import encode

from continuum.codec.hooks import PayloadCodec
from continuum.journal.turn import NewRun
from continuum.model import RunState
from continuum.store.mail import posted_as
from continuum.store.postgres.arrays import (
    Element,
    blobs,
    float8s,
    int4_item,
    int8s,
    jsonb_item,
    pack,
    texts,
    times,
    uuids,
)
from continuum.store.postgres.recording import Record
from continuum.store.postgres.session import Procedure, Row, Sessions
from continuum.store.postgres.starts import (
    EXISTING,
    NOTIFY_CAPABLE,
    existing_of,
    inserting,
    keys_of,
    missed_of,
    trace_payloads,
)
from continuum.store.postgres.statements import statements
from continuum.store.protocol import InboxMessage
from continuum.store.starts import StartOrder, StartOutcome

_SQL: Final = statements("orders")
LOCK_KEYS: Final = _SQL["lock_keys"]
_INBOX: Final = statements("inbox")


class PostgresOrders:
    """Carries out starts."""

    def __init__(self, sessions: Sessions, codec: PayloadCodec) -> None:
        self._sessions = sessions
        self._codec = codec

    async def start_orders(self, orders: Sequence[StartOrder]) -> list[StartOutcome]:
        """See `StartStore`."""
        async with self._sessions.transaction() as session:
            return await session.carry_out(_Starts(orders, self._codec).carry_out())


def starting(order: StartOrder, codec: PayloadCodec, *, notify: bool) -> Procedure[StartOutcome]:
    """Start a run inside a transaction of somebody else's.

    Args:
        order: what to start.
        codec: of this database's payloads.
        notify: hint a capable worker when it commits.
    """
    if order.plain:
        [existing] = yield from inserting([order.run], codec, notify=notify)
        return StartOutcome(existing)
    [outcome] = yield from _Starts([order], codec).carry_out()
    if notify:
        yield NOTIFY_CAPABLE, [int8s([order.run.unpinned.version_id])]
    return outcome


def lock_of(run: NewRun) -> int:
    """The advisory lock under which the run of a key is looked for and inserted."""
    text = f"continuum key\0{run.namespace}\0{run.workflow}\0{run.key}".encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big", signed=True)


@dataclass(frozen=True, slots=True)
class _Found:
    """The run that has a key, and whether it has had the signal already."""

    run: NewRun
    state: RunState
    signalled: bool


@dataclass(slots=True)
class _Starts:
    """One batch of starts, in one transaction."""

    orders: Sequence[StartOrder]
    codec: PayloadCodec
    outcomes: dict[int, StartOutcome] = field(default_factory=dict[int, StartOutcome])
    posts: list[tuple[int, UUID]] = field(default_factory=list[tuple[int, UUID]])

    def carry_out(self) -> Procedure[list[StartOutcome]]:
        """Lock the keys, look, decide, insert, post."""
        orders = self.orders
        keyed = [n for n, order in enumerate(orders) if order.run.key is not None]
        locks = sorted({lock_of(orders[n].run) for n in keyed})
        if locks:
            yield LOCK_KEYS, [int8s(locks)]
        named = [n for n, order in enumerate(orders) if order.run.idempotency_key is not None]
        if named:
            self._note_existing((yield EXISTING, keys_of(self._runs, named)))
        left = [n for n in keyed if n not in self.outcomes]
        found = self._found((yield _SQL["find"], self._wanted(left))) if left else {}
        mailed = {f.run.run_id for n, f in found.items() if orders[n].signal is not None}
        if mailed:
            # From here on they cannot end, so what is posted is not lost.
            live = {row[0] for row in (yield _INBOX["lock_live"], [uuids(mailed)])}
            if not live.issuperset(mailed):
                found = self._found((yield _SQL["find"], self._wanted(left)))
        chosen = self._decide(found)
        if chosen:
            made = yield _SQL["insert"], self._columns(chosen)
            missed = [chosen[at] for at in missed_of([orders[n].run for n in chosen], made)]
            if missed:  # a run has the id, or was started with the idempotency key meanwhile
                self._note_existing((yield EXISTING, keys_of(self._runs, missed)))
                assert self.outcomes.keys() >= set(missed)
        posts = self._posts_left()
        if posts:
            self._note_posted(posts, (yield _INBOX["deliver"], self._mail(posts)))
        acts = self._acts()
        if acts.any:
            acts.check((yield acts.statement()))
        return [self.outcomes.get(n, StartOutcome()) for n in range(len(orders))]

    @property
    def _runs(self) -> list[NewRun]:
        return [order.run for order in self.orders]

    def _posts_left(self) -> list[tuple[int, UUID]]:
        """Signals to send: not to runs met by id or idempotency key, and each delivery id once."""
        left: dict[object, tuple[int, UUID]] = {}
        for n, run_id in self.posts:
            outcome, signal = self.outcomes.get(n), self.orders[n].signal
            if outcome is not None and not outcome.by_key:
                continue
            once = signal is not None and signal.delivery_id is not None
            key = (run_id, signal.name, signal.delivery_id) if signal and once else n
            left.setdefault(key, (n, run_id))
        return list(left.values())

    def _note_existing(self, rows: Sequence[Row]) -> None:
        for n, run in existing_of(self._runs, rows, self.codec).items():
            self.outcomes[n] = StartOutcome(run)

    def _wanted(self, places: Sequence[int]) -> list[object]:
        chosen = [self.orders[n] for n in places]
        return [
            pack(Element.INT4, [int4_item(n) for n in places]),
            texts(order.run.namespace for order in chosen),
            texts(order.run.workflow for order in chosen),
            texts(order.run.key for order in chosen),
            texts(None if order.signal is None else order.signal.name for order in chosen),
            texts(None if order.signal is None else order.signal.delivery_id for order in chosen),
        ]

    def _found(self, rows: Sequence[Row]) -> dict[int, _Found]:
        found: dict[int, _Found] = {}
        for row in rows:
            n: int = row[0]
            run_id, state, data, attributes, idempotency_key, signalled = row[1:]
            asked = self.orders[n].run
            made_with = asked.input if data is None else self.codec.open(data)
            run = NewRun(
                run_id, asked.namespace, asked.workflow, made_with, attributes, idempotency_key,
                key=asked.key,
            )  # fmt: skip
            found[n] = _Found(run, RunState(state), signalled)
        return found

    def _decide(self, found: Mapping[int, _Found]) -> list[int]:
        """Places of the runs to insert; the others meet a run that has their key."""
        chosen: list[int] = []
        started: dict[tuple[str, str, str], NewRun] = {}
        for n, order in enumerate(self.orders):
            if n in self.outcomes:
                continue
            run = order.run
            name = None if run.key is None else (run.namespace, run.workflow, run.key)
            met = found.get(n)
            if name is not None and name in started:
                met = _Found(started[name], RunState.RUNNING, signalled=False)
            if met is None or (met.state.terminal and not met.signalled and (
                order.reuse.allows(met.state))
            ):  # fmt: skip
                chosen.append(n)
                if name is not None:
                    started[name] = run
                if order.signal is not None:
                    self.posts.append((n, run.run_id))
                continue
            refused = met.state.terminal and not met.signalled
            self.outcomes[n] = StartOutcome(met.run, met.state, by_key=True, refused=refused)
            if order.signal is not None and not met.state.terminal:
                self.posts.append((n, met.run.run_id))
        return chosen

    def _columns(self, places: Sequence[int]) -> list[object]:
        orders = [self.orders[n] for n in places]
        runs = [order.run for order in orders]
        return [
            uuids(run.run_id for run in runs),
            texts(run.namespace for run in runs),
            texts(run.workflow for run in runs),
            blobs(self.codec.seal(run.input) for run in runs),
            pack(Element.JSONB, [jsonb_item(encode(dict(run.attributes))) for run in runs]),
            texts(run.idempotency_key for run in runs),
            int8s(run.unpinned.version_id for run in runs),
            texts(run.key for run in runs),
            float8s(order.delay for order in orders),
            times(order.start_at for order in orders),
            float8s(order.timeout for order in orders),
            float8s(None if order.timeout is None else order.grace for order in orders),
            trace_payloads(runs, self.codec),
        ]

    def _mail(self, posts: Sequence[tuple[int, UUID]]) -> list[object]:
        signals = [self.orders[n].signal for n, _ in posts]
        given = [signal for signal in signals if signal is not None]
        return [
            pack(Element.INT4, [int4_item(n) for n, _ in posts]),
            uuids(run_id for _, run_id in posts),
            texts("signal" for _ in posts),
            texts(signal.name for signal in given),
            blobs(self.codec.seal(signal.value) for signal in given),
            texts(signal.delivery_id for signal in given),
        ]

    def _acts(self) -> Record:
        """Signals that operators sent to runs that were there."""
        acts = Record()
        for n, order in enumerate(self.orders):
            outcome = self.outcomes.get(n)
            if order.signal is None or outcome is None or outcome.live is None:
                continue
            message = order.signal.message_to(outcome.live)
            done, detail = posted_as(message, repeated=outcome.posted is None)
            acts.add(message.act, done, run_id=message.run_id, **detail)
        return acts

    def _note_posted(self, posts: Sequence[tuple[int, UUID]], rows: Sequence[Row]) -> None:
        targets = dict(posts)
        for row in rows:
            n: int = row[0]
            signal = self.orders[n].signal
            assert signal is not None
            posted = InboxMessage(row[1], targets[n], "signal", signal.name, signal.value)
            before = self.outcomes.get(n, StartOutcome())
            self.outcomes[n] = StartOutcome(
                before.existing, before.state, before.by_key, before.refused, posted
            )
